"""Connecting: connection strings, and a client with the tools' words for what goes wrong."""

import re
import sys
from types import SimpleNamespace
from urllib.parse import unquote

KNOWN = {
    "appname", "authmechanism", "authmechanismproperties", "authsource", "compressors", "connecttimeoutms",
    "directconnection", "heartbeatfrequencyms", "journal", "loadbalanced", "localthresholdms", "maxidletimems",
    "maxpoolsize", "maxstalenessseconds", "minpoolsize", "readconcernlevel", "readpreference", "readpreferencetags",
    "replicaset", "retryreads", "retrywrites", "serverselectiontimeoutms", "sockettimeoutms", "ssl", "tls",
    "tlsallowinvalidcertificates", "tlsallowinvalidhostnames", "tlscafile", "tlscertificatekeyfile",
    "tlscertificatekeyfilepassword", "tlsinsecure", "w", "wtimeoutms", "zlibcompressionlevel",
}


class Refused(Exception):
    """Why there is no connection."""


def build_uri(host, port):
    """From --host and --port; a set's name before a slash is left to them."""
    names = (host or "localhost").rpartition("/")[2].split(",")
    return "mongodb://" + ",".join(n if ":" in n or not port else f"{n}:{port}" for n in names) + "/"


def parse_uri(uri, log):
    if uri.startswith("mongodb+srv://"):
        name = re.sub(r".*@", "", uri[14:]).partition("/")[0]
        raise Refused(f"error parsing uri: lookup _mongodb._tcp.{name}: no such host")
    if not uri.startswith("mongodb://"):
        raise Refused('error parsing uri: scheme must be "mongodb" or "mongodb+srv"')
    rest, _, query = uri[10:].partition("?")
    authority, _, database = rest.partition("/")
    login, has_login, hosts = authority.rpartition("@")
    user, has_password, password = login.partition(":")
    if any(c in login.replace(":", "", 1) for c in ":@/") or not hosts:
        raise Refused("error parsing uri: unescaped @ sign in user info" if has_login else
                      "error parsing uri: must have at least 1 host")
    values = {}
    for pair in filter(None, query.split("&")):
        key, has_value, value = pair.partition("=")
        if not has_value:
            raise Refused("error parsing uri: invalid option")
        if key.lower() in KNOWN:
            values[key.lower()] = unquote(value)
        else:
            log(f"WARNING: ignoring unsupported URI parameter `{key.lower()}`")
    return SimpleNamespace(
        original=uri, hosts=hosts.split(","), user=unquote(user), password=unquote(password) if has_password else None,
        database=unquote(database), values=values)


def ask_password(given):
    sys.stderr.write("Enter password for mongo user:\n")
    sys.stderr.flush()
    given["password"] = sys.stdin.readline().rstrip("\n")


def timeout(given, uri_value, default):
    """In milliseconds. The tools take what the URI says in milliseconds for seconds."""
    return 1000 * int(given.get("serverSelectionTimeout") or uri_value or default)


def connect(given, tool):
    import pymongo
    from pymongo import errors
    parsed = given["parsed"]
    values = dict(parsed.values)
    options = {"serverSelectionTimeoutMS": timeout(given, values.pop("serverselectiontimeoutms", None), 30)}
    options["connectTimeoutMS"] = 1000 * int(values.pop("connecttimeoutms", 30))
    if given.get("host") and "/" in given["host"]:
        values.setdefault("replicaset", given["host"].partition("/")[0])
    if "replicaset" not in values and len(parsed.hosts) == 1:
        values["directconnection"] = "true"
    if given.get("username"):
        options.update(username=given["username"], password=given["password"])
        values["authsource"] = given.get("authenticationDatabase") or given.get("db") or "admin"
    if given.get("authenticationMechanism"):
        values["authmechanism"] = given["authenticationMechanism"]
    if given.get("ssl") or given.get("sslCAFile") or given.get("sslPEMKeyFile"):
        values["tls"] = "true"
    for key, name in (("sslCAFile", "tlsCAFile"), ("sslPEMKeyFile", "tlsCertificateKeyFile"),
                      ("sslPEMKeyPassword", "tlsCertificateKeyFilePassword"), ("tlsInsecure", "tlsInsecure")):
        if given.get(key):
            options[name] = given[key]
    values.pop("compressors", None)
    from urllib.parse import quote
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in values.items())
    try:
        client = pymongo.MongoClient(f"mongodb://{','.join(parsed.hosts)}/?{query}", appname=tool.name, **options)
        client.admin.command("ping")
        return client
    except (errors.PyMongoError, ValueError) as error:
        raise Refused(("" if tool.name == "mongodump" else "error connecting to host: ") +
                      f"failed to connect to {parsed.original}: {failure(error, parsed)}") from None


def failure(error, parsed):
    from pymongo import errors
    if isinstance(error, errors.OperationFailure) and error.code == 18:
        return ("connection() error occurred during connection handshake: auth error: unable to authenticate using "
                'mechanism "SCRAM-SHA-256": (AuthenticationFailed) Authentication failed.')
    if isinstance(error, errors.ServerSelectionTimeoutError):
        hosts = "".join(f"{{ Addr: {host}, Type: Unknown, Last error: dial tcp {host}: connect: connection refused }}, "
                        for host in parsed.hosts)
        return ("server selection error: context deadline exceeded, current topology: "
                f"{{ Type: {'Single' if len(parsed.hosts) == 1 else 'Unknown'}, Servers: [{hosts}] }}")
    return words(error)


def words(error):
    """An error of the driver, as Go's driver has it for those that a server sent."""
    details = getattr(error, "details", None) or {}
    if "codeName" in details and "errmsg" in details:
        return f"({details['codeName']}) {details['errmsg']}"
    return str(error)


def database(client, name, **options):
    """A database of any name that the server allows: the driver is stricter."""
    made = client.get_database("x", **options)
    made._name = name
    return made


def collection(client, database_name, name, **options):
    made = database(client, database_name).get_collection("x", **options)
    made._name, made._full_name = name, f"{database_name}.{name}"
    # The driver makes itself variants of a collection, with its checks of the name.
    made.with_options = lambda **others: collection(client, database_name, name, **{**options, **others})
    return made


def indexes(client, database_name, name, codec=None):
    """All indexes of a collection, of which there are at most 64: less than a batch."""
    from bson.codec_options import DEFAULT_CODEC_OPTIONS
    reply = database(client, database_name).command(
        "listIndexes", name, codec_options=codec or DEFAULT_CODEC_OPTIONS)
    return reply["cursor"]["firstBatch"]
