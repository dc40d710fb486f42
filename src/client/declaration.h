/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A declarative file: the objects that there shall be. It is a JSON array; each element is
 *
 *     {"qom-type": TYPE, "id": ID, ...}      an object, as the arguments of object-add
 *     {"type": COMMAND, "data": ARGUMENTS}   an action as qomd-dump-config gives them, with the
 *                                            commands object-add, chardev-add and qom-set
 */
#ifndef CLIENT_DECLARATION_H
#define CLIENT_DECLARATION_H

#include "qom/json.h"

#include <glib.h>

typedef enum EntryKind {
    ENTRY_OBJECT,
    ENTRY_CHARDEV,
    ENTRY_SET, /* one property */
} EntryKind;

typedef struct Entry {
    EntryKind kind;
    const char *id;   /* of an object or a character device; of ENTRY_SET the path */
    const char *type; /* of an object; of ENTRY_SET the property; of a character device "chardev" */
    const JsonTape *tape;
    JsonTok data; /* the arguments of the command */
} Entry;

typedef struct Config {
    JsonTape *tape;
    JsonTok list;                   /* the array */
    GArray *entries;                /* of Entry, as they stand */
    GHashTable *objects, *chardevs; /* id -> Entry */
} Config;

/* Reads the file at @path, `-`: standard input. NULL and *errp if it can not be read or has another
 * form. */
Config *config_read(const char *path, QomError **errp);
/* The same from the array at @list; takes @tape. */
Config *config_new(JsonTape *tape, JsonTok list, QomError **errp);
/* NULL is fine. */
void config_free(Config *config);

/* The entries (Entry *) in an order in which they can be made: each behind those that it refers to,
 * else as they stand. */
GPtrArray *config_order(const Config *config);

/* The command that makes what @entry describes. */
const char *entry_command(const Entry *entry);
/* What the strings in all entries may refer to: the set of their last components (of `/objects/a`
 * and of `a` it is `a`), which are the tape's. */
GHashTable *config_references(const Config *config);

static inline void config_freep(Config **config)
{
    config_free(*config);
}

#endif
