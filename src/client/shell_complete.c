/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a line of `qom shell` may go on; see shell.h. The schema tells commands, arguments and the
 * values of enumerations; the first operands of our own subcommands are in shell_path.c. Dots in a
 * key lead through the types as they do when the arguments are written (arguments.c).
 */
#include "client/shell.h"

#include <string.h>

/* What may be run inside of the shell besides QMP commands. */
static const char *const own[] = {"exit", "help"};

void shell_offer(GPtrArray *out, const char *word, const char *prefix, const char *name,
                 const char *suffix)
{
    g_autofree char *whole = g_strconcat(prefix, name, NULL);
    g_autoptr(GString) escaped = g_string_new(NULL);

    print_escaped(escaped, name, false);
    if (g_str_has_prefix(whole, word) && !strcmp(escaped->str, name) &&
        !strpbrk(name, " \t\"'\\")) {
        g_ptr_array_add(out, g_strconcat(whole, suffix, NULL));
    }
}

static void offer_all(GPtrArray *out, const char *word, const char *prefix, const GPtrArray *names)
{
    for (guint i = 0; i < names->len; i++) {
        shell_offer(out, word, prefix, names->pdata[i], " ");
    }
}

/* --- Commands -------------------------------------------------------------------------------- */

static void complete_qmp_name(Client *client, const char *word, GPtrArray *out)
{
    g_autoptr(GPtrArray) names = schema_names(client_schema(client, NULL), "command");
    offer_all(out, word, "", names);
}

static void complete_command(Client *client, const char *word, bool qmp, GPtrArray *out)
{
    const ClientCommand *command;
    for (size_t i = 0; (command = client_command(i)); i++) {
        if (!command->alone) {
            shell_offer(out, word, "", command->name, " ");
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
        shell_offer(out, word, "", own[i], " ");
    }
    if (qmp) {
        complete_qmp_name(client, word, out);
    }
}

/* --- Arguments of QMP commands --------------------------------------------------------------- */

/* A place in the arguments of a command: a struct or a list, and the key that leads there, with its
 * dot. */
typedef struct Place {
    const Schema *schema;
    SchemaType type;
    const char *const *words; /* the other arguments, KEY=VALUE */
    size_t n;
    GString *key;
} Place;

/* The value that @words give to the key @prefix@name, or NULL. */
static const char *given(const Place *at, const char *name)
{
    g_autofree char *key = g_strconcat(at->key->str, name, "=", NULL);
    for (size_t i = 0; i < at->n; i++) {
        if (g_str_has_prefix(at->words[i], key)) {
            return at->words[i] + strlen(key);
        }
    }
    return NULL;
}

/* The alternative of an alternate that has members, else @type. */
static SchemaType with_members(const Schema *s, SchemaType type)
{
    if (schema_kind(s, type) != SCHEMA_ALTERNATE) {
        return type;
    }
    SchemaType object = schema_alternative(s, type, SCHEMA_OBJECT);
    return object != JSON_NONE ? object : schema_alternative(s, type, SCHEMA_LIST);
}

/* The type of what @name is in @at. */
static SchemaType step(const Place *at, const char *name)
{
    SchemaType type = with_members(at->schema, at->type);
    if (schema_kind(at->schema, type) == SCHEMA_LIST) {
        return schema_element(at->schema, type);
    }
    const char *tag = schema_tag(at->schema, type);
    return schema_member(at->schema, type, name, tag ? given(at, tag) : NULL);
}

/* Goes along the parts of a key but the last, which is returned. */
static const char *walk(Place *at, const char *key)
{
    const char *dot;
    for (; (dot = strchr(key, '.')); key = dot + 1) {
        g_autofree char *part = g_strndup(key, (size_t)(dot - key));
        at->type = step(at, part);
        g_string_append_printf(at->key, "%s.", part);
    }
    return key;
}

/* What stands behind the name of a member: more of the key, or the value. */
static const char *member_suffix(const Schema *s, SchemaType type)
{
    switch (schema_kind(s, type)) {
    case SCHEMA_OBJECT: return ".";
    case SCHEMA_LIST: return schema_kind(s, schema_element(s, type)) == SCHEMA_OBJECT ? "." : "=";
    default: return "=";
    }
}

static void complete_key(const Place *at, const char *word, GPtrArray *out)
{
    SchemaType type = with_members(at->schema, at->type);
    const char *tag = schema_tag(at->schema, type);
    g_autoptr(GArray) members = schema_members(at->schema, type, tag ? given(at, tag) : NULL);

    if (schema_kind(at->schema, type) == SCHEMA_LIST) {
        shell_offer(out, word, at->key->str, "0",
                    member_suffix(at->schema, schema_element(at->schema, type)));
        return;
    }
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *m = &g_array_index(members, SchemaMember, i);
        bool list = schema_kind(at->schema, m->type) == SCHEMA_LIST;
        if (list || !given(at, m->name)) {
            shell_offer(out, word, at->key->str, m->name, member_suffix(at->schema, m->type));
        }
    }
}

enum { LISTS_MAX = 8 }; /* of lists: a server may tell of a list of itself */

/* Offers the values of a type, or of a list's elements, that have names; @prefix: KEY=. True if the
 * type is a string. */
static bool complete_named(const Schema *s, SchemaType type, const char *word, const char *prefix,
                           GPtrArray *out)
{
    for (int i = 0; i < LISTS_MAX && schema_kind(s, type) == SCHEMA_LIST; i++) {
        type = schema_element(s, type);
    }
    g_autoptr(GPtrArray) values = schema_values(s, type);
    offer_all(out, word, prefix, values);
    switch (schema_kind(s, type)) {
    case SCHEMA_BOOL:
        shell_offer(out, word, prefix, "on", " ");
        shell_offer(out, word, prefix, "off", " ");
        return false;
    case SCHEMA_STRING: return values->len == 0;
    default: return false;
    }
}

static void complete_alternate(const Schema *s, SchemaType type, const char *word,
                               const char *prefix, GPtrArray *out)
{
    g_autoptr(GArray) members = schema_members(s, type, NULL);
    for (guint i = 0; i < members->len; i++) {
        complete_named(s, g_array_index(members, SchemaMember, i).type, word, prefix, out);
    }
}

/* An argument of the QMP command @command: its key, or its value. */
static void complete_argument(Client *client, const char *command, const char *const *words,
                              size_t n, const char *word, GPtrArray *out)
{
    const Schema *schema = client_schema(client, NULL);
    g_autoptr(GString) key = g_string_new(NULL);
    Place at = {schema, schema_arguments(schema, command), words, n, key};
    const char *equals = strchr(word, '=');
    g_autofree char *whole = g_strndup(word, equals ? (size_t)(equals - word) : strlen(word));
    const char *last = walk(&at, whole);

    if (!equals) {
        complete_key(&at, word, out);
        return;
    }
    g_autofree char *prefix = g_strconcat(whole, "=", NULL);
    SchemaType type = step(&at, last);
    if (schema_kind(schema, type) == SCHEMA_ALTERNATE) {
        complete_alternate(schema, type, word, prefix, out);
    } else if (complete_named(schema, type, word, prefix, out)) {
        shell_complete_string(client, command, words, n, last, equals + 1, prefix, out);
    }
}

/* --- Lines ----------------------------------------------------------------------------------- */

/* `add TYPE ID KEY=VALUE`: the first two are arguments without their keys. */
static void complete_add(Client *client, const char *const *words, size_t n, GPtrArray *out)
{
    const char *word = words[n - 1];
    if (n == 2) {
        shell_complete_type(client, word, "user-creatable", out);
        return;
    }
    g_autofree char *tag = g_strconcat("qom-type=", words[1], NULL);
    g_autofree char *id = g_strconcat("id=", words[2], NULL);
    g_autofree const char **given_words = g_new(const char *, n + 1);
    size_t count = 0;
    given_words[count++] = tag;
    given_words[count++] = id;
    for (size_t i = 3; i + 1 < n; i++) {
        given_words[count++] = words[i];
    }
    if (n > 3) {
        complete_argument(client, "object-add", given_words, count, word, out);
    }
}

void shell_complete_words(Client *client, const char *const *words, size_t n, GPtrArray *out)
{
    const char *word = words[n - 1];
    if (n == 1) {
        complete_command(client, word, true, out);
        return;
    }
    if (!strcmp(words[0], "help") && n == 2) {
        complete_command(client, word, true, out);
    } else if (!strcmp(words[0], "add")) {
        complete_add(client, words, n, out);
    } else if (!strcmp(words[0], "call") && n == 2) {
        complete_qmp_name(client, word, out);
    } else if (!strcmp(words[0], "call")) {
        complete_argument(client, words[1], words + 2, n - 3, word, out);
    } else if (client_find_command(words[0])) {
        shell_complete_operand(client, words, n, out);
    } else {
        complete_argument(client, words[0], words + 1, n - 2, word, out);
    }
}

void shell_complete(Client *client, const char *text, GPtrArray *out)
{
    __attribute__((cleanup(shell_words_clear))) ShellWords split;

    shell_split(&split, text);
    if (text[split.start] == '\0') {
        g_ptr_array_add(split.words, g_strdup("")); /* a word that begins here */
    }
    const char *const *words = (const char *const *)split.words->pdata;
    if (!connection_broken(client->connection)) {
        shell_complete_words(client, words, split.words->len, out);
    }
}
