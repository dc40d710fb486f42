/* SPDX-License-Identifier: BSD-3-Clause */
/* The objects, types and properties of the server, as words of a line; see shell.h. */
#include "client/shell.h"

#include "client/snapshot.h"
#include "client/view.h"

#include <string.h>

/* An answer that is a list, or NULL. */
static JsonTape *ask(Client *client, const char *command, const char *key, const char *value,
                     JsonTok *list)
{
    connection_send_strings(client->connection, command, key, value, NULL);
    return connection_receive_list(client->connection, list, NULL);
}

/* Offers the children of @path (@properties: the other properties) that begin like @word. */
static void offer_members(Client *client, const char *path, bool properties, const char *word,
                          const char *prefix, const char *suffix, GPtrArray *out)
{
    JsonTok list;
    JSON_AUTO_TAPE(tape);

    tape = ask(client, "qom-list", "path", path, &list);
    if (!tape) {
        return;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        if (property_is_child(client_member(tape, t, "type")) != properties) {
            shell_offer(out, word, prefix, client_member(tape, t, "name"), suffix);
        }
    }
}

/* What is in the object that is named in full: @word becomes longer by a slash or a dot. */
static void offer_inside(Client *client, const char *word, bool properties, GPtrArray *out)
{
    g_autofree char *slash = g_strconcat(word, g_str_has_suffix(word, "/") ? "" : "/", NULL);
    g_autofree char *dot = g_strconcat(word, ".", NULL);
    offer_members(client, word, false, slash, slash, "", out);
    if (properties) {
        offer_members(client, word, true, dot, dot, " ", out);
    }
}

/* PATH.PROPERTY, if there is a dot in the last component. */
static void complete_dotted(Client *client, const char *word, GPtrArray *out)
{
    g_autofree char *path = NULL;
    g_autofree char *property = NULL;
    if (client_split(word, &path, &property) && *path) {
        g_autofree char *prefix = g_strconcat(path, ".", NULL);
        offer_members(client, path, true, word, prefix, " ", out);
    }
}

void shell_complete_path(Client *client, const char *word, bool properties, GPtrArray *out)
{
    const char *slash = strrchr(word, '/');
    guint first = out->len;

    if (!slash) {
        shell_offer(out, word, "", "/", "");
        if (*word) {
            offer_members(client, "/objects", false, word, "", "", out);
        }
    } else {
        g_autofree char *folder = g_strndup(word, (size_t)(slash - word));
        g_autofree char *prefix = g_strconcat(folder, "/", NULL);
        offer_members(client, *folder ? folder : "/", false, word, prefix, "", out);
    }
    if (properties) {
        complete_dotted(client, word, out);
    }
    if (out->len == first + 1 && !strcmp(out->pdata[first], word)) {
        g_ptr_array_set_size(out, (gint)first);
        offer_inside(client, word, properties, out);
        if (out->len == first) {
            shell_offer(out, word, "", word, " "); /* it has nothing inside */
        }
    }
}

void shell_complete_type(Client *client, const char *word, const char *implements, GPtrArray *out)
{
    JsonTok list;
    JSON_AUTO_TAPE(tape);

    tape = ask(client, "qom-list-types", "implements", implements ? implements : "object", &list);
    if (!tape) {
        return;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        shell_offer(out, word, "", client_member(tape, t, "name"), " ");
    }
}

void shell_complete_id(Client *client, const char *word, GPtrArray *out)
{
    offer_members(client, "/objects", false, word, "", " ", out);
}

void shell_complete_property(Client *client, const char *path, const char *word, GPtrArray *out)
{
    offer_members(client, path, true, word, "", " ", out);
}

/* --- Values of properties -------------------------------------------------------------------- */

/* Offers the values that the description of the type @type gives to @property. */
static void offer_values(Client *client, const char *type, const char *property, const char *word,
                         GPtrArray *out)
{
    JsonTok value;
    JSON_AUTO_TAPE(tape);

    connection_send_strings(client->connection, "qomd-describe-type", "typename", type, NULL);
    tape = connection_receive(client->connection, &value, NULL);
    if (!tape || json_tape_type(tape, value) != JSON_OBJECT) {
        return;
    }
    JsonTok list = json_tape_find(tape, value, "properties");
    if (list == JSON_NONE || json_tape_type(tape, list) != JSON_ARRAY) {
        return;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        bool same = json_tape_type(tape, t) == JSON_OBJECT &&
                    !strcmp(client_member(tape, t, "name"), property);
        JsonTok values = same ? json_tape_find(tape, t, "values") : JSON_NONE;
        if (values == JSON_NONE || json_tape_type(tape, values) != JSON_ARRAY) {
            continue;
        }
        for (JsonTok v = json_tape_first(tape, values); v != JSON_NONE;
             v = json_tape_next(tape, values, v)) {
            if (json_tape_type(tape, v) == JSON_STRING) {
                shell_offer(out, word, "", json_tok_text(tape, v, NULL), " ");
            }
        }
    }
}

void shell_complete_value(Client *client, const char *path, const char *property, const char *word,
                          GPtrArray *out)
{
    Connection *c = client->connection;
    JsonTok value;
    JsonTok type;
    JSON_AUTO_TAPE(value_tape);
    JSON_AUTO_TAPE(type_tape);

    connection_send_strings(c, "qom-get", "path", path, "property", property, NULL);
    connection_send_strings(c, "qom-get", "path", path, "property", "type", NULL);
    value_tape = connection_receive(c, &value, NULL);
    type_tape = connection_receive(c, &type, NULL);
    if (value_tape && json_tape_type(value_tape, value) == JSON_BOOL) {
        shell_offer(out, word, "", "on", " ");
        shell_offer(out, word, "", "off", " ");
    } else if (type_tape && json_tape_type(type_tape, type) == JSON_STRING) {
        offer_values(client, json_tok_text(type_tape, type, NULL), property, word, out);
    }
}

/* --- Where they stand ------------------------------------------------------------------------ */

/* `set PATH.PROPERTY VALUE` or `set PATH PROPERTY VALUE`. */
static void complete_set(Client *client, const char *const *words, size_t n, GPtrArray *out)
{
    g_autofree char *path = NULL;
    g_autofree char *property = NULL;

    if (n == 2) {
        shell_complete_path(client, words[1], true, out);
    } else if (n == 3 && client_split(words[1], &path, &property)) {
        shell_complete_value(client, path, property, words[2], out);
    } else if (n == 3) {
        shell_complete_property(client, words[1], words[2], out);
    } else if (n == 4) {
        shell_complete_value(client, words[1], words[2], words[3], out);
    }
}

/* `watch PATH.PROPERTY` or `watch PATH PROPERTY`. */
static void complete_watch(Client *client, const char *const *words, size_t n, GPtrArray *out)
{
    if (n == 2) {
        shell_complete_path(client, words[1], true, out);
    } else if (n == 3) {
        shell_complete_property(client, words[1], words[2], out);
    }
}

/* Events; @all: whatever `schema` describes. */
static void complete_described(Client *client, const char *word, bool all, GPtrArray *out)
{
    const Schema *schema = client_schema(client, NULL);
    g_autoptr(GArray) items = schema ? view_items(schema) : NULL;
    g_autoptr(GArray) types = schema && all ? view_types(schema) : NULL;

    for (guint i = 0; items && i < items->len; i++) {
        const ViewItem *item = &g_array_index(items, ViewItem, i);
        if (all || item->kind == VIEW_EVENT) {
            shell_offer(out, word, "", item->name, " ");
        }
    }
    for (guint i = 0; types && i < types->len; i++) {
        shell_offer(out, word, "", g_array_index(types, ViewItem, i).name, " ");
    }
}

void shell_complete_operand(Client *client, const char *const *words, size_t n, GPtrArray *out)
{
    const char *command = words[0];
    const char *word = words[n - 1];

    if (!strcmp(command, "del")) {
        shell_complete_id(client, word, out);
    } else if (!strcmp(command, "get")) {
        shell_complete_path(client, word, true, out);
        if (n == 3 && out->len == 0) {
            shell_complete_property(client, words[1], word, out);
        }
    } else if (!strcmp(command, "set")) {
        complete_set(client, words, n, out);
    } else if (!strcmp(command, "watch")) {
        complete_watch(client, words, n, out);
    } else if (!strcmp(command, "events") || !strcmp(command, "schema")) {
        complete_described(client, word, !strcmp(command, "schema"), out);
    } else if (!strcmp(command, "types") && g_str_has_prefix(word, "--implements=")) {
        shell_complete_type(client, word, NULL, out);
    } else if (n == 2 && word[0] != '-') {
        if (!strcmp(command, "props") && !strchr(word, '/')) {
            shell_complete_type(client, word, NULL, out);
        }
        if (!strcmp(command, "props") || !strcmp(command, "tree") || !strcmp(command, "list") ||
            !strcmp(command, "graph")) {
            shell_complete_path(client, word, false, out);
        }
    }
}

/* The value of the key @key among @words, or NULL. */
static const char *argument(const char *const *words, size_t n, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < n; i++) {
        if (!strncmp(words[i], key, len) && words[i][len] == '=') {
            return words[i] + len + 1;
        }
    }
    return NULL;
}

void shell_complete_string(Client *client, const char *command, const char *const *words, size_t n,
                           const char *key, const char *value, const char *prefix, GPtrArray *out)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    const char *path = argument(words, n, "path");

    if (!strcmp(key, "path")) {
        shell_complete_path(client, value, false, found);
    } else if (!strcmp(key, "property") && path) {
        shell_complete_property(client, path, value, found);
    } else if (!strcmp(key, "qom-type") || !strcmp(key, "typename") || !strcmp(key, "implements")) {
        shell_complete_type(client, value, NULL, found);
    } else if (!strcmp(key, "id") && strcmp(command, "object-add") != 0 &&
               !g_str_has_prefix(command, "chardev-")) {
        shell_complete_id(client, value, found);
    }
    for (guint i = 0; i < found->len; i++) {
        g_ptr_array_add(out, g_strconcat(prefix, found->pdata[i], NULL));
    }
}
