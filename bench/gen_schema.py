#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""gen_schema COUNT: prints a QAPI schema of COUNT documented definitions of all kinds, which use
each other, about as large and as mixed as QEMU's own."""
import sys

KINDS = ("enum", "struct", "struct", "struct", "union", "command", "command", "event", "alternate", "enum")
ENUM, STRUCT = 0, 1  # places in a row of KINDS


def doc(name, *members, returns=""):
    lines = ["##", "# @%s:" % name, "#", "# Stands for something that a program needs to know; the text is as", "# long as such texts are.", "#"]
    for member in members:
        lines += ["# @%s: what the member is for, and what it means if it" % member, "#     is not given", "#"]
    if returns:
        lines += ["# Returns: " + returns, "#"]
    return "\n".join(lines + ["# Since: 1.0", "##"])


def definition(i):
    row, place = divmod(i, len(KINDS))
    kind = KINDS[place]
    enum, struct = "Enum%dX%d" % (row, ENUM), "Struct%dX%d" % (row, STRUCT)
    name = "%s%dX%d" % (kind.capitalize(), row, place)
    if kind == "enum":
        values = ["alpha", "beta", "gamma", "delta"]
        return doc(name, *values) + "\n{ 'enum': '%s', 'data': [ %s ] }" % (name, ", ".join("'%s'" % v for v in values))
    if kind == "struct":
        member = "" if place == STRUCT else ", 'deep': '%s', '*list': [ '%s' ]" % (struct, struct)
        names = ["name", "size", "count", "kind"] + ([] if place == STRUCT else ["deep", "list"])
        return doc(name, *names) + "\n{ 'struct': '%s',\n  'data': { 'name': 'str', '*size': 'size', '*count': 'uint32', 'kind': '%s'%s } }" % (name, enum, member)
    if kind == "union":
        return doc(name, "type", "flag") + (
            "\n{ 'union': '%s', 'base': { 'type': '%s', '*flag': 'bool' }, 'discriminator': 'type',\n"
            "  'data': { 'beta': 'Struct%dX%d', 'gamma': 'Struct%dX%d' } }" % (name, enum, row, STRUCT, row, STRUCT + 1))
    if kind == "alternate":
        return doc(name, "text", "object") + "\n{ 'alternate': '%s', 'data': { 'text': 'str', 'object': '%s' } }" % (name, struct)
    if kind == "command":
        name = "do-thing-%d-%d" % (row, place)
        return doc(name, "id", "what", returns="what there is") + (
            "\n{ 'command': '%s', 'data': { 'id': 'str', '*what': [ '%s' ] }, 'returns': '%s' }" % (name, struct, struct))
    name = "THING_%d_%d" % (row, place)
    return doc(name, "id", "data") + "\n{ 'event': '%s', 'data': { 'id': 'str', 'data': '%s' } }" % (name, struct)


print("# SPDX-License-Identifier: BSD-3-Clause\n\n{ 'pragma': { 'doc-required': true } }\n")
for number in range(int(sys.argv[1])):
    print(definition(number) + "\n")
