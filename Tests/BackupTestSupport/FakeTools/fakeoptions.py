"""The command line and the configuration file of the tools, as they understand them."""

import json
import re

# kind: flag, value, optional (a value only after '='), list, int
COMMON = """
help flag; version flag; config value; v,verbose optional; quiet flag; h,host value; port value; ssl flag;
sslCAFile value; sslPEMKeyFile value; sslPEMKeyPassword value; sslCRLFile value; sslFIPSMode flag; tlsInsecure flag;
u,username value; p,password value; authenticationDatabase value; authenticationMechanism value;
awsSessionToken value; gssapiServiceName value; gssapiHostName value; d,db value; c,collection value; uri value;
excludeCollection list; excludeCollectionsWithPrefix list; j,numParallelCollections int; gzip flag; archive optional
"""
HIDDEN = "serverSelectionTimeout int; dialTimeout int; socketTimeout int; compressors value"
OWN = {
    "mongodump": """q,query value; queryFile value; readPreference value; forceTableScan flag; o,out value; oplog flag;
        dumpDbUsersAndRoles flag; viewsAsCollections flag""",
    "mongorestore": """nsExclude list; nsInclude list; nsFrom list; nsTo list; objcheck flag; oplogReplay flag;
        oplogLimit value; oplogFile value; restoreDbUsersAndRoles flag; dir value; drop flag; dryRun flag;
        writeConcern value; noIndexRestore flag; convertLegacyIndexes flag; noOptionsRestore flag;
        keepIndexVersion flag; maintainInsertionOrder flag; numInsertionWorkersPerCollection int; stopOnError flag;
        bypassDocumentValidation flag; preserveUUID flag; fixDottedHashIndex flag""",
}


class OptionError(Exception):
    """What the tool says after 'error parsing command line options: '."""


def table(text):
    """(short or '', long, kind) of each option."""
    options = []
    for entry in text.replace("\n", " ").split(";"):
        names, kind = entry.split()
        short, _, long = names.rpartition(",")
        options.append((short, long, kind))
    return options


def show_help(name):
    print(f"Usage:\n  {name} <options> <connection-string>\n")
    for short, long, kind in table(f"{COMMON};{OWN[name]}"):
        print(f"  {'-' + short + ', ' if short else '    '}--{long}{'' if kind == 'flag' else '='}")


def parse(name, arguments, log):
    """The options by their long names, with the URI and the configuration file merged as the tools do it."""
    options = table(f"{COMMON};{OWN[name]};{HIDDEN}")
    by_name = {long: (short, long, kind) for short, long, kind in options}
    by_name.update({short: (short, long, kind) for short, long, kind in options if short})
    given, others, arguments = {}, [], list(arguments)
    while arguments:
        argument = arguments.pop(0)
        if argument == "--":
            others += arguments
            break
        if argument.startswith("--"):
            word, has_value, value = argument[2:].partition("=")
            take(by_name, given, word, value if has_value else None, arguments)
        elif argument.startswith("-") and len(argument) > 1:
            take_short(by_name, given, argument[1:], arguments)
        else:
            others.append(argument)
    if given.get("help") or given.get("version"):
        return given
    read_config(given)
    if others:
        take_position(name, given, others)
    merge_uri(given, log)
    return given


def take(by_name, given, word, value, arguments):
    if word not in by_name:
        raise OptionError(f"unknown option `{word}`")
    short, long, kind = by_name[word]
    shown = f"`{'-' + short + ', ' if short else ''}--{long}'"
    if kind == "flag":
        if value is not None:
            raise OptionError(f"bool flag {shown} cannot have an argument")
        given[long] = True
        return
    if value is None and kind == "optional":
        value = "-"
    elif value is None:
        if not arguments:
            raise OptionError(f"expected argument for flag {shown}")
        if arguments[0].startswith("-") and len(arguments[0]) > 1:
            raise OptionError(f"expected argument for flag {shown}, but got option `{arguments[0]}'")
        value = arguments.pop(0)
    if kind == "int":
        if not re.fullmatch(r"[+-]?\d+", value):
            raise OptionError(f"invalid argument for flag {shown} (expected int): "
                              f'strconv.ParseInt: parsing "{value}": invalid syntax')
        value = int(value)
    given[long] = given.get(long, []) + [value] if kind == "list" else value


def take_short(by_name, given, letters, arguments):
    """-d name, -dname, -d=name, -vvv."""
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in by_name and by_name[letter][2] not in ("flag", "optional"):
            value = letters[1:] if letters.startswith("=") else letters
            take(by_name, given, letter, value if letters else None, arguments)
            return
        take(by_name, given, letter, None, arguments)


# The configuration file


CONFIG_KEYS = {"password", "uri", "sslPEMKeyPassword", "destinationPassword"}


def read_config(given):
    path = given.get("config")
    if not path:
        return
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise OptionError(f"error opening file with --config: open {path}: {error.strerror.lower()}") from None
    for key, value in yaml(text, path).items():
        if key not in CONFIG_KEYS:
            raise OptionError(
                f"error parsing config file {path}: yaml: unmarshal errors:\n  line 1: field {key} not found in type "
                'struct { Password string "yaml:\\"password\\""; ConnectionString string "yaml:\\"uri\\""; '
                'SSLPEMKeyPassword string "yaml:\\"sslPEMKeyPassword\\""; DestinationPassword string '
                '"yaml:\\"destinationPassword\\"" }')
        if key != "destinationPassword":
            given.setdefault(key, value)


def yaml(text, path):
    """The part of YAML that such a file needs: one mapping of words to scalars, or the same as a JSON object."""
    def bad(why):
        return OptionError(f"error parsing config file {path}: yaml: {why}")

    # The tools' YAML reader knows neither JSON's '\/' nor its pairs of surrogates.
    strings = re.findall(r'"(?:[^"\\]|\\.)*"', text)
    if any(re.search(r"(?<!\\)(?:\\\\)*\\/", string) for string in strings):
        raise bad("found unknown escape character")
    if any(re.search(r"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]", string) for string in strings):
        raise bad("found invalid Unicode character escape code")
    if text.lstrip().startswith("{"):
        try:
            pairs = json.loads(text, object_pairs_hook=list)
        except ValueError:
            raise bad("line 1: did not find expected ',' or '}'") from None
    else:
        pairs = [scalar_line(line, number, bad) for number, line in enumerate(text.splitlines(), 1)
                 if line.strip() and not line.lstrip().startswith("#") and line.strip() != "---"]
    if len({key for key, _ in pairs}) < len(pairs):
        raise bad("unmarshal errors:\n  line 2: key already set in map")
    if any(isinstance(value, (list, dict)) for _, value in pairs):
        raise bad("unmarshal errors:\n  line 1: cannot unmarshal !!seq into string")
    return {key: "" if value is None else str(value) for key, value in pairs}


def scalar_line(line, number, bad):
    match = re.fullmatch(r"(\w+):(?:\s+(.*?))?\s*", line)
    if not match:
        raise bad(f"line {number}: could not find expected ':'")
    key, value = match[1], match[2] or ""
    if value.startswith('"'):
        try:
            return key, json.loads(value)
        except ValueError:
            raise bad(f"line {number}: found unexpected end of stream") from None
    if value.startswith("'"):
        if not re.fullmatch(r"'(?:[^']|'')*'", value):
            raise bad(f"line {number}: found unexpected end of stream")
        return key, value[1:-1].replace("''", "'")
    value = re.sub(r"\s+#.*", "", value)
    if re.match(r"[\[\]{}&*!|>%@`,#]", value) or ": " in value:
        raise bad(f"line {number}: did not find expected node content")
    return key, None if value in ("", "~", "null") else value


# The connection string


def take_position(name, given, others):
    if len(others) > 1 or not others[0].startswith(("mongodb://", "mongodb+srv://")):
        raise OptionError("error parsing positional arguments: provide only one MongoDB connection string. "
                          "Connection strings must begin with mongodb:// or mongodb+srv:// schemes")
    if given.get("uri"):
        raise OptionError("illegal argument combination: cannot specify a URI in a positional argument and --uri")
    given["uri"] = others[0]


def conflict(what, in_uri, in_option, option):
    raise OptionError(f"Invalid Options: Cannot specify different {what} in connection URI and command-line option "
                      f"`{in_uri}` was specified in the URI and `{in_option}` was specified in the {option} option")


def merge_uri(given, log):
    """What only one of URI and options says goes to the other; what they say differently is an error."""
    import fakeclient
    if not given.get("uri"):
        given["uri"] = fakeclient.build_uri(given.get("host"), given.get("port"))
    try:
        parsed = fakeclient.parse_uri(given["uri"], log)
    except fakeclient.Refused as error:
        raise OptionError(str(error)) from None
    given["parsed"] = parsed
    port = given.get("port")
    for host in parsed.hosts if port else []:
        if host.partition(":")[2] not in ("", port):
            conflict("port", ",".join(parsed.hosts), port, "--port")
    if given.get("host"):
        names = given["host"].rpartition("/")[2].split(",")
        names = [host if ":" in host or not port else f"{host}:{port}" for host in names]
        if sorted(names) != sorted(host if ":" in host or not port else f"{host}:{port}" for host in parsed.hosts):
            conflict("host", ",".join(parsed.hosts), given["host"], "--host")
    for key, value, what, option in (
            ("username", parsed.user, "username", "--username"), ("db", parsed.database, "database", "--db"),
            ("authenticationDatabase", parsed.values.get("authsource"), "authSource", "--authenticationDatabase")):
        if given.get(key) and value and given[key] != value:
            conflict(what, value, given[key], option)
        if value:
            given[key] = value
    if given.get("password") and parsed.password and given["password"] != parsed.password:
        raise OptionError("Invalid Options: Cannot specify different password in connection URI and "
                          "command-line option")
    given["password"] = given.get("password") or parsed.password
    if given.get("username") and not given["password"] and "X509" not in str(given.get("authenticationMechanism")):
        log("reading password from standard input")
        fakeclient.ask_password(given)
