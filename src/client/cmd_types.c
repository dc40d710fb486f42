/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom types` and `qom props`: what there is to create, and what it is like. */
#include "client/client.h"
#include "client/snapshot.h"

#include <stdio.h>
#include <string.h>

/* The objects in the array at @list, by their member `name`. */
typedef struct Entry {
    const char *name;
    const JsonTape *tape;
    JsonTok tok;
} Entry;

static gint compare_entries(gconstpointer a, gconstpointer b)
{
    const Entry *p = a;
    const Entry *q = b;
    return compare_names(p->name, q->name);
}

/* Appends what is not there yet under its name. */
static void add_entries(GArray *entries, GHashTable *names, const JsonTape *tape, JsonTok list)
{
    if (json_tape_type(tape, list) != JSON_ARRAY) {
        return;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        Entry e = {client_member(tape, t, "name"), tape, t};
        if (json_tape_type(tape, t) == JSON_OBJECT && g_hash_table_add(names, (gpointer)e.name)) {
            g_array_append_val(entries, e);
        }
    }
}

static void show_json(const GArray *entries)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    json_writer_begin_array(w);
    for (guint i = 0; i < entries->len; i++) {
        const Entry *e = &g_array_index(entries, Entry, i);
        json_writer_subtree(w, e->tape, e->tok);
    }
    json_writer_end_array(w);
    print_json(w);
}

static char *member_cell(const Printer *p, const Entry *e, const char *name, const char *suffix)
{
    GString *out = g_string_new(NULL);
    print_escaped(out, client_member(e->tape, e->tok, name), !p->utf8);
    g_string_append(out, suffix);
    return g_string_free(out, FALSE);
}

/* --- types ----------------------------------------------------------------------------------- */

static void show_types(const Printer *p, const GArray *entries)
{
    PrintTable table;
    print_table_init(&table, p);
    for (guint i = 0; i < entries->len; i++) {
        const Entry *e = &g_array_index(entries, Entry, i);
        JsonTok tok = json_tape_find(e->tape, e->tok, "abstract");
        bool abstract = tok != JSON_NONE && json_tape_type(e->tape, tok) == JSON_BOOL &&
                        json_tok_bool(e->tape, tok);
        print_table_row(&table, PRINT_PLAIN, member_cell(p, e, "name", ""), PRINT_FAINT,
                        member_cell(p, e, "parent", ""), abstract ? g_strdup("abstract") : NULL,
                        NULL);
    }
    print_table_show(&table);
    print_table_clear(&table);
}

int cmd_types(Client *client, char **operands, size_t n)
{
    const char *implements = client->option[CLIENT_OPT_IMPLEMENTS];
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    int status;
    JsonTok list;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);
    JSON_AUTO_WRITER(w);

    if (!client_connect(client, &status)) {
        return status;
    }
    w = json_writer_new(false);
    json_writer_begin_object(w);
    if (implements) {
        json_writer_key(w, "implements");
        json_writer_string(w, implements);
    }
    json_writer_key(w, "abstract");
    json_writer_bool(w, client->option[CLIENT_OPT_ABSTRACT] != NULL);
    json_writer_end_object(w);
    connection_send(client->connection, "qom-list-types", json_writer_text(w, NULL));
    tape = connection_receive_list(client->connection, &list, &err);
    if (!tape) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    add_entries(entries, names, tape, list);
    g_array_sort(entries, compare_entries);
    if (client_json(client)) {
        show_json(entries);
    } else {
        show_types(&client->printer, entries);
    }
    return CLIENT_OK;
}

/* --- props ----------------------------------------------------------------------------------- */

static void show_properties(const Printer *p, const GArray *entries)
{
    PrintTable table;
    print_table_init(&table, p);
    for (guint i = 0; i < entries->len; i++) {
        const Entry *e = &g_array_index(entries, Entry, i);
        JsonTok value = json_tape_find(e->tape, e->tok, "default-value");
        char *description = member_cell(p, e, "description", "");
        bool told = strstr(description, "default: ") != NULL; /* as our schema's descriptions do */
        g_autofree char *text = value != JSON_NONE && !told ? print_value(p, e->tape, value) : NULL;
        if (!*description) {
            g_clear_pointer(&description, g_free);
        }
        print_table_row(&table, PRINT_PLAIN, member_cell(p, e, "name", ""), PRINT_FAINT,
                        member_cell(p, e, "type", ""),
                        text ? g_strdup_printf("(default: %s)", text) : NULL, description);
    }
    print_table_show(&table);
    print_table_clear(&table);
}

/* What the class says of a property goes before what the object says. */
static int show_merged(Client *client, const JsonTape *of_class, JsonTok class_list,
                       const JsonTape *of_object, JsonTok object_list)
{
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    if (of_class) {
        add_entries(entries, names, of_class, class_list);
    }
    if (of_object) {
        add_entries(entries, names, of_object, object_list);
    }
    g_array_sort(entries, compare_entries);
    if (client_json(client)) {
        show_json(entries);
    } else {
        show_properties(&client->printer, entries);
    }
    return CLIENT_OK;
}

/* The answers to what an operand may mean, a type or a path; those that failed are NULL. */
typedef struct Answers {
    JsonTape *properties, *list, *type; /* qom-list-properties, qom-list, qom-get of `type` */
    JsonTok properties_tok, list_tok, type_tok;
    QomError *error; /* the first one; of a failed connection the only one */
} Answers;

static void answers_clear(Answers *a)
{
    json_tape_free(a->properties);
    json_tape_free(a->list);
    json_tape_free(a->type);
    qom_error_free(a->error);
}

static JsonTape *take_list(Client *client, JsonTok *tok, QomError **first)
{
    QOM_AUTO_ERROR(err);
    JsonTape *tape = connection_receive_list(client->connection, tok, &err);
    if (err && !*first) {
        *first = g_steal_pointer(&err);
    }
    return tape;
}

static void ask(Client *client, const char *operand, Answers *a)
{
    Connection *c = client->connection;
    bool path = strchr(operand, '/') != NULL;

    if (!path) {
        connection_send_strings(c, "qom-list-properties", "typename", operand, NULL);
    }
    connection_send_strings(c, "qom-list", "path", operand, NULL);
    connection_send_strings(c, "qom-get", "path", operand, "property", "type", NULL);
    a->properties = path ? NULL : take_list(client, &a->properties_tok, &a->error);
    a->list = take_list(client, &a->list_tok, &a->error);
    a->type = connection_receive(client->connection, &a->type_tok, a->error ? NULL : &a->error);
}

int cmd_props(Client *client, char **operands, size_t n)
{
    int status;
    __attribute__((cleanup(answers_clear))) Answers a = {0};

    if (!client_connect(client, &status)) {
        return status;
    }
    ask(client, operands[0], &a);
    if (a.properties) {
        return show_merged(client, a.properties, a.properties_tok, NULL, JSON_NONE);
    }
    if (!a.list || connection_broken(client->connection)) {
        return client_fail(client, NULL, g_steal_pointer(&a.error));
    }
    if (a.type && json_tape_type(a.type, a.type_tok) == JSON_STRING) {
        /* Some types have no class that may be asked for; then there are no descriptions. */
        QOM_AUTO_ERROR(err);
        connection_send_strings(client->connection, "qom-list-properties", "typename",
                                json_tok_text(a.type, a.type_tok, NULL), NULL);
        a.properties = take_list(client, &a.properties_tok, &err);
        if (connection_broken(client->connection)) {
            return client_fail(client, NULL, g_steal_pointer(&err));
        }
    }
    return show_merged(client, a.properties, a.properties_tok, a.list, a.list_tok);
}
