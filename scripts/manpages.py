#!/usr/bin/env python3
"""Makes the manual pages from the program's own help: manpages.py BINARY FOLDER

One page for each command, 'backupctl-job-create.1' and so on. Their date is that of $SOURCE_DATE_EPOCH, else the
program's own, so that the same program has the same pages.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys


def escaped(text):
    """Text as roff takes it literally: a hyphen stays the character that is typed, and no line begins a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    lines = [line.strip() for line in text.strip().splitlines()]
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def name_of(name):
    return ("-" if name["kind"] == "short" else "--") + name["name"]


def term(argument):
    value = "<%s>" % argument.get("valueName", "value")
    if argument["kind"] == "positional":
        return "\\fI%s\\fR%s" % (escaped(value), " ..." if argument["isRepeating"] else "")
    names = ", ".join("\\fB%s\\fR" % escaped(name_of(name)) for name in argument["names"])
    return names + (" \\fI%s\\fR" % escaped(value) if argument["kind"] == "option" else "")


def explained(argument):
    text = argument.get("abstract", "")
    values = argument.get("allValues")
    if values:
        text += " (values: %s)" % ", ".join(values)
    if "defaultValue" in argument and "default:" not in text:
        text += " (default: %s)" % argument["defaultValue"]
    return escaped(text) or "\\&"


def shown(items):
    return [item for item in items or [] if item.get("shouldDisplay", True)]


def page(command, path, date, version):
    full = " ".join(path)
    title = "-".join(path)
    arguments = shown(command.get("arguments"))
    subcommands = [sub for sub in shown(command.get("subcommands")) if sub["commandName"] != "help"]
    out = ['.TH %s 1 "%s" "backupctl %s" "User Commands"' % (escaped(title).upper(), date, version)]
    out += [".SH NAME", "%s \\- %s" % (escaped(title), escaped(command.get("abstract", full)).rstrip("."))]
    out += [".SH SYNOPSIS", "\\fB%s\\fR" % escaped(full)]
    if any(argument["kind"] != "positional" for argument in arguments):
        out.append("[\\fIoptions\\fR]")
    for argument in arguments:
        if argument["kind"] == "positional":
            out.append("[%s]" % term(argument) if argument["isOptional"] else term(argument))
    if subcommands:
        out.append("\\fIcommand\\fR")
    if command.get("discussion"):
        out.append(".SH DESCRIPTION")
        out.append("\n.PP\n".join(escaped(paragraph) for paragraph in command["discussion"].split("\n\n")))
    sections = {}
    for argument in arguments:
        usual = "Arguments" if argument["kind"] == "positional" else "Options"
        sections.setdefault(argument.get("sectionTitle") or usual, []).append(argument)
    for section, members in sections.items():
        out.append('.SH "%s"' % escaped(section).upper())
        for argument in members:
            out += [".TP", term(argument), explained(argument)]
    if subcommands:
        out.append(".SH COMMANDS")
        for sub in subcommands:
            out += [".TP", "\\fB%s\\fR(1)" % escaped("-".join(path + [sub["commandName"]]))]
            out.append(escaped(sub.get("abstract", "")))
    if len(path) > 1:
        out += [".SH SEE ALSO", "\\fB%s\\fR(1)" % escaped("-".join(path[:-1]))]
    return title, "\n".join(out) + "\n"


def pages(command, path, date, version):
    yield page(command, path, date, version)
    for sub in shown(command.get("subcommands")):
        if sub["commandName"] != "help":
            yield from pages(sub, path + [sub["commandName"]], date, version)


def main(binary, folder):
    def said(*arguments):
        return subprocess.run([binary, *arguments], check=True, capture_output=True, text=True).stdout

    tree = json.loads(said("--experimental-dump-help"))
    if tree["serializationVersion"] != 0:
        sys.exit("error: the help of '%s' has a form that is not known here" % binary)
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or os.stat(binary).st_mtime)
    date = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d")
    target = pathlib.Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for title, text in pages(tree["command"], ["backupctl"], date, said("--version").split()[0]):
        (target / (title + ".1")).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    main(*sys.argv[1:])
