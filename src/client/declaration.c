/* SPDX-License-Identifier: BSD-3-Clause */
/* See declaration.h. */
#include "client/declaration.h"

#include "client/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    FILE_MAX_MIB = 64,
    CHAIN_MAX = 1000, /* references that are followed from one entry to the next */
    NESTED_MAX = 16,  /* levels below an argument where references are looked for */
};

/* --- Reading --------------------------------------------------------------------------------- */

/* All of @file, up to the limit. */
static GString *read_all(FILE *file, const char *path, QomError **errp)
{
    GString *text = g_string_new(NULL);
    char piece[65536];
    size_t n;

    while ((n = fread(piece, 1, sizeof(piece), file)) > 0) {
        g_string_append_len(text, piece, (gssize)n);
        if (text->len > (gsize)FILE_MAX_MIB << 20) {
            qom_error_set(errp, "'%s' has more than %d MiB", path, FILE_MAX_MIB);
            break;
        }
    }
    if (ferror(file)) {
        qom_error_set_errno(errp, errno, "can not read '%s'", path);
    }
    return text;
}

Config *config_read(const char *path, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    bool standard = !strcmp(path, "-");
    FILE *file = standard ? stdin : fopen(path, "re");

    if (!file) {
        qom_error_set_errno(errp, errno, "can not open '%s'", path);
        return NULL;
    }
    g_autofree char *shown = g_strdup(standard ? "standard input" : path);
    GString *text = read_all(file, shown, &err);
    if (!standard) {
        fclose(file);
    }
    JsonTape *tape = err ? NULL : json_parse_text(text->str, text->len, &err);
    g_string_free(text, TRUE);
    Config *config = tape ? config_new(tape, JSON_ROOT, &err) : NULL;
    if (!config) {
        qom_error_prefix(&err, "%s: ", shown);
        qom_error_propagate(errp, g_steal_pointer(&err));
    }
    return config;
}

/* Fills @entry from the arguments at @data of @command. */
static bool read_arguments(Entry *entry, const char *command, const JsonTape *tape, JsonTok data,
                           QomError **errp)
{
    static const struct {
        const char *command;
        EntryKind kind;
        const char *id, *type; /* members with these; NULL: there is none */
    } forms[] = {
        {"object-add", ENTRY_OBJECT, "id", "qom-type"},
        {"chardev-add", ENTRY_CHARDEV, "id", NULL},
        {"qom-set", ENTRY_SET, "path", "property"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (strcmp(command, forms[i].command) != 0) {
            continue;
        }
        const char *type = forms[i].type ? client_member(tape, data, forms[i].type) : "chardev";
        *entry = (Entry){forms[i].kind, client_member(tape, data, forms[i].id), type, tape, data};
        if (!*entry->id || !*type) {
            return qom_error_set(errp, "%s needs '%s'", command,
                                 *entry->id ? forms[i].type : forms[i].id);
        }
        return entry->kind != ENTRY_SET || json_tape_find(tape, data, "value") != JSON_NONE ||
               qom_error_set(errp, "qom-set needs 'value'");
    }
    return qom_error_set(errp, "expected object-add, chardev-add or qom-set, not '%s'", command);
}

static bool read_entry(Entry *entry, const JsonTape *tape, JsonTok tok, QomError **errp)
{
    if (json_tape_type(tape, tok) != JSON_OBJECT) {
        return qom_error_set(errp, "expected an object, found %s",
                             json_type_name(json_tape_type(tape, tok)));
    }
    if (json_tape_find(tape, tok, "qom-type") != JSON_NONE) {
        return read_arguments(entry, "object-add", tape, tok, errp);
    }
    JsonTok data = json_tape_find(tape, tok, "data");
    if (data == JSON_NONE || json_tape_type(tape, data) != JSON_OBJECT) {
        return qom_error_set(errp, "expected members 'qom-type' and 'id', or 'type' and 'data'");
    }
    return read_arguments(entry, client_member(tape, tok, "type"), tape, data, errp);
}

/* Notes the ids; each is given once. */
static bool index_entries(Config *config, QomError **errp)
{
    for (guint i = 0; i < config->entries->len; i++) {
        Entry *entry = &g_array_index(config->entries, Entry, i);
        GHashTable *table = entry->kind == ENTRY_OBJECT ? config->objects : config->chardevs;
        if (entry->kind != ENTRY_SET && !g_hash_table_insert(table, (gpointer)entry->id, entry)) {
            return qom_error_set(errp, "element %u: %s '%s' is there twice", i,
                                 entry->kind == ENTRY_OBJECT ? "object" : "character device",
                                 entry->id);
        }
    }
    return true;
}

Config *config_new(JsonTape *tape, JsonTok list, QomError **errp)
{
    Config *config = g_new0(Config, 1);
    guint i = 0;

    config->tape = tape;
    config->list = list;
    config->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    config->objects = g_hash_table_new(g_str_hash, g_str_equal);
    config->chardevs = g_hash_table_new(g_str_hash, g_str_equal);
    if (json_tape_type(tape, list) != JSON_ARRAY) {
        qom_error_set(errp, "expected an array of objects, found %s",
                      json_type_name(json_tape_type(tape, list)));
        config_free(config);
        return NULL;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t), i++) {
        Entry entry;
        if (!read_entry(&entry, tape, t, errp)) {
            qom_error_prefix(errp, "element %u: ", i);
            config_free(config);
            return NULL;
        }
        g_array_append_val(config->entries, entry);
    }
    if (!index_entries(config, errp)) {
        g_clear_pointer(&config, config_free);
    }
    return config;
}

void config_free(Config *config)
{
    if (config) {
        g_array_free(config->entries, TRUE);
        g_hash_table_unref(config->objects);
        g_hash_table_unref(config->chardevs);
        json_tape_free(config->tape);
        g_free(config);
    }
}

const char *entry_command(const Entry *entry)
{
    switch (entry->kind) {
    case ENTRY_OBJECT: return "object-add";
    case ENTRY_CHARDEV: return "chardev-add";
    case ENTRY_SET: break;
    }
    return "qom-set";
}

/* --- Order ----------------------------------------------------------------------------------- */

/* Calls @fn for each string among the values below @tok, as deep as @depth. Chains of references
 * multiply the depth of this recursion. */
static void each_string(const JsonTape *tape, JsonTok tok, int depth,
                        void (*fn)(const char *, void *), void *opaque)
{
    JsonType type = json_tape_type(tape, tok);
    if (type == JSON_STRING) {
        fn(json_tok_text(tape, tok, NULL), opaque);
    }
    if (depth == 0 || (type != JSON_OBJECT && type != JSON_ARRAY)) {
        return;
    }
    for (JsonTok t = json_tape_first(tape, tok); t != JSON_NONE; t = json_tape_next(tape, tok, t)) {
        each_string(tape, type == JSON_OBJECT ? json_tape_value(tape, t) : t, depth - 1, fn,
                    opaque);
    }
}

/* The same for what may be references in the arguments of @entry. */
static void each_reference(const Entry *entry, void (*fn)(const char *, void *), void *opaque)
{
    for (JsonTok t = json_tape_first(entry->tape, entry->data); t != JSON_NONE;
         t = json_tape_next(entry->tape, entry->data, t)) {
        if (!json_tok_equals(entry->tape, t, "id") &&
            !json_tok_equals(entry->tape, t, "qom-type")) {
            each_string(entry->tape, json_tape_value(entry->tape, t), NESTED_MAX, fn, opaque);
        }
    }
}

static const char *last_component(const char *text)
{
    const char *slash = strrchr(text, '/');
    return slash ? slash + 1 : text;
}

static void note_reference(const char *text, void *opaque)
{
    g_hash_table_add(opaque, (gpointer)last_component(text));
}

GHashTable *config_references(const Config *config)
{
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < config->entries->len; i++) {
        each_reference(&g_array_index(config->entries, Entry, i), note_reference, names);
    }
    return names;
}

/* A walk through the entries, depth first along references. */
typedef struct Walk {
    const Config *config;
    GHashTable *seen; /* of Entry */
    GPtrArray *order;
    unsigned depth;
} Walk;

static void walk_entry(Walk *walk, const Entry *entry);

/* Whichever entry a string names goes first. */
static void walk_string(const char *text, void *opaque)
{
    Walk *walk = opaque;
    const char *id = last_component(text);
    const Entry *object = g_hash_table_lookup(walk->config->objects, id);
    const Entry *chardev = g_hash_table_lookup(walk->config->chardevs, id);
    if (object) {
        walk_entry(walk, object);
    }
    if (chardev) {
        walk_entry(walk, chardev);
    }
}

static void walk_entry(Walk *walk, const Entry *entry)
{
    if (walk->depth < CHAIN_MAX && g_hash_table_add(walk->seen, (gpointer)entry)) {
        walk->depth++;
        each_reference(entry, walk_string, walk);
        walk->depth--;
        g_ptr_array_add(walk->order, (gpointer)entry);
    }
}

GPtrArray *config_order(const Config *config)
{
    Walk walk = {config, g_hash_table_new(NULL, NULL), g_ptr_array_new(), 0};
    for (guint i = 0; i < config->entries->len; i++) {
        walk_entry(&walk, &g_array_index(config->entries, Entry, i));
    }
    g_hash_table_unref(walk.seen);
    return walk.order;
}
