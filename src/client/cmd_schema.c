/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom schema`: what a server understands, with the documentation; see view.h. */
#include "client/client.h"
#include "client/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_SHOWN = 60 }; /* an enum's values stand with a member if they have so many letters */

/* On one line, for a cell of a table; NULL stays. */
static char *one_line(const Printer *p, const char *text)
{
    if (!text) {
        return NULL;
    }
    g_autofree char *flat = g_strdelimit(g_strdup(text), "\n\t", ' ');
    GString *out = g_string_new(NULL);
    print_escaped(out, flat, !p->utf8);
    return g_string_free(out, FALSE);
}

/* The first sentence, on one line. */
static char *summary(const Printer *p, const char *text)
{
    char *line = one_line(p, text);
    char *end = line ? strstr(line, ". ") : NULL;
    if (end) {
        end[1] = '\0';
    }
    return line;
}

static void write_text(JsonWriter *w, const char *key, const char *text)
{
    if (text) {
        json_writer_key(w, key);
        json_writer_string(w, text);
    }
}

/* --- A list of items ------------------------------------------------------------------------- */

typedef struct Listing {
    const Schema *live;
    PrintTable table;
    JsonWriter *w;
    char *word;       /* what is searched, in lower case; NULL: nothing */
    GHashTable *seen; /* members that were shown: those of a base come again in all that have it */
} Listing;

static void begin_item(JsonWriter *w, const ViewItem *item)
{
    json_writer_begin_object(w);
    write_text(w, "name", item->name);
    write_text(w, "kind", view_kind_name(item->kind));
    write_text(w, "doc", item->doc);
}

static void add_item(Listing *l, const ViewItem *item)
{
    const Printer *p = l->table.printer;
    begin_item(l->w, item);
    json_writer_end_object(l->w);
    print_table_row(&l->table, PRINT_CHILD, one_line(p, item->name), PRINT_FAINT,
                    g_strdup(view_kind_name(item->kind)), summary(p, item->doc), NULL);
}

/* A member or value of an item: `object-add.id`. */
static void add_member(Listing *l, const ViewItem *item, const ViewMember *m)
{
    const Printer *p = l->table.printer;
    g_autofree char *name = g_strdup_printf("%s.%s", item->name, m->name);
    char *key = g_strdup_printf("%s %p", m->name, (const void *)m->doc);

    if (!g_hash_table_add(l->seen, key) && m->doc) {
        return;
    }
    json_writer_begin_object(l->w);
    write_text(l->w, "name", name);
    write_text(l->w, "kind", "member");
    write_text(l->w, "doc", m->doc);
    json_writer_end_object(l->w);
    print_table_row(&l->table, PRINT_PLAIN, one_line(p, name), PRINT_FAINT, g_strdup("member"),
                    summary(p, m->doc), NULL);
}

static bool has_word(const Listing *l, const char *text)
{
    g_autofree char *lower = text ? g_utf8_strdown(text, -1) : NULL;
    return lower && strstr(lower, l->word);
}

static void search_members(Listing *l, const ViewItem *item, const GArray *members)
{
    for (guint i = 0; i < members->len; i++) {
        const ViewMember *m = &g_array_index(members, ViewMember, i);
        if (has_word(l, m->name) || has_word(l, m->doc)) {
            add_member(l, item, m);
        }
    }
}

static void list_items(Listing *l, const GArray *items)
{
    for (guint i = 0; i < items->len; i++) {
        const ViewItem *item = &g_array_index(items, ViewItem, i);
        if (!l->word || has_word(l, item->name) || has_word(l, item->doc)) {
            add_item(l, item);
        }
        /* The members of an object type are found at the type of its options. */
        if (l->word && item->kind != VIEW_OBJECT_TYPE) {
            g_autoptr(GArray) members = view_members(l->live, item->type, NULL);
            g_autoptr(GArray) values = view_values(l->live, item->type);
            search_members(l, item, members);
            search_members(l, item, values);
        }
    }
}

/* Commands and events; with @search all, types too, that has it in its name or text. */
static int show_list(Client *client, const Schema *live, const char *search)
{
    g_autoptr(GArray) items = view_items(live);
    g_autoptr(GArray) types = search ? view_types(live) : NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Listing l = {.live = live,
                 .w = json_writer_new(false),
                 .word = search ? g_utf8_strdown(search, -1) : NULL,
                 .seen = seen};

    json_writer_begin_array(l.w);
    print_table_init(&l.table, &client->printer);
    list_items(&l, items);
    if (types) {
        list_items(&l, types);
    }
    json_writer_end_array(l.w);
    if (client_json(client)) {
        print_json(l.w);
    } else {
        print_table_show(&l.table);
    }
    print_table_clear(&l.table);
    json_writer_free(l.w);
    g_free(l.word);
    return CLIENT_OK;
}

/* --- One item -------------------------------------------------------------------------------- */

/* `(a, b, c)` if the type is an enum with few values; NULL: not. */
static char *few_values(const Schema *live, ViewType type)
{
    g_autoptr(GArray) values = view_values(live, type);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < values->len; i++) {
        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "",
                               g_array_index(values, ViewMember, i).name);
    }
    bool few = out->len > 0 && out->len <= VALUES_SHOWN;
    return few ? g_strdup_printf("(%s)", out->str) : NULL;
}

static void add_member_row(PrintTable *table, const Schema *live, const ViewMember *m)
{
    const Printer *p = table->printer;
    g_autofree char *type = view_type_name(live, m->type);
    g_autofree char *values = few_values(live, m->type);
    g_autofree char *name = m->optional ? g_strdup_printf("  [%s]", m->name)
                                        : g_strdup_printf("  %s", *m->name ? m->name : "or");
    g_autofree char *text = m->doc && values ? g_strdup_printf("%s %s", m->doc, values)
                                             : g_strdup(m->doc ? m->doc : values);
    print_table_row(table, PRINT_PLAIN, one_line(p, name), PRINT_FAINT, one_line(p, type),
                    one_line(p, text), NULL);
}

static void show_members(const Printer *p, const Schema *live, const char *title,
                         const GArray *members)
{
    PrintTable table;
    if (members->len == 0) {
        return;
    }
    printf("\n%s\n", title);
    print_table_init(&table, p);
    for (guint i = 0; i < members->len; i++) {
        add_member_row(&table, live, &g_array_index(members, ViewMember, i));
    }
    print_table_show(&table);
    print_table_clear(&table);
}

static void show_values(const Printer *p, const GArray *values)
{
    PrintTable table;
    if (values->len == 0) {
        return;
    }
    printf("\nValues:\n");
    print_table_init(&table, p);
    for (guint i = 0; i < values->len; i++) {
        const ViewMember *v = &g_array_index(values, ViewMember, i);
        g_autofree char *name = g_strconcat("  ", v->name, NULL);
        print_table_row(&table, PRINT_PLAIN, one_line(p, name), PRINT_PLAIN, one_line(p, v->doc),
                        NULL, NULL);
    }
    print_table_show(&table);
    print_table_clear(&table);
}

static bool is_object_add(const ViewItem *item)
{
    return item->kind == VIEW_COMMAND && !strcmp(item->name, "object-add");
}

static void show_branches(const Printer *p, const Schema *live, const ViewItem *item)
{
    g_autoptr(GArray) branches = view_branches(live, item->type);
    for (guint i = 0; i < branches->len; i++) {
        const ViewMember *b = &g_array_index(branches, ViewMember, i);
        g_autoptr(GArray) members = view_members(live, b->type, NULL);
        g_autofree char *name = one_line(p, b->name);
        g_autofree char *title = g_strdup_printf("With %s:", name);
        if (is_object_add(item)) {
            printf("%s%s", i == 0 ? "\nMore by type, see 'qom schema TYPE': " : ", ", name);
        } else {
            show_members(p, live, title, members);
        }
    }
    if (is_object_add(item) && branches->len > 0) {
        putchar('\n');
    }
}

static void show_features(const Printer *p, const Schema *live, const ViewItem *item)
{
    g_autoptr(GPtrArray) features = schema_features(live, item->entry);
    for (guint i = 0; item->kind != VIEW_OBJECT_TYPE && i < features->len; i++) {
        g_autofree char *name = one_line(p, features->pdata[i]);
        printf(", %s", name);
    }
}

/* What a command returns; NULL: nothing, which is an empty object for a server. */
static char *returned_type(const Schema *live, const ViewItem *item)
{
    g_autoptr(GArray) members = view_members(live, item->returns, NULL);
    bool object =
        live ? schema_kind(live, item->returns.live) == SCHEMA_OBJECT : !item->returns.own;
    return object && members->len == 0 ? NULL : view_type_name(live, item->returns);
}

static void show_item(const Printer *p, const Schema *live, const ViewItem *item)
{
    g_autoptr(GString) head = g_string_new(NULL);
    g_autofree char *name = one_line(p, item->name);
    g_autoptr(GArray) members = view_members(live, item->type, item->tag);
    g_autoptr(GArray) values = view_values(live, item->type);

    print_styled(p, head, PRINT_CHILD, name);
    printf("%s  (%s", head->str, view_kind_name(item->kind));
    show_features(p, live, item);
    printf(")\n");
    if (item->doc) {
        printf("\n%s\n", item->doc);
    }
    show_values(p, values);
    show_members(p, live,
                 item->kind == VIEW_EVENT  ? "Data:"
                 : item->kind == VIEW_TYPE ? "Members:"
                                           : "Arguments:",
                 members);
    if (item->kind != VIEW_OBJECT_TYPE) {
        show_branches(p, live, item);
    }
    if (item->kind == VIEW_COMMAND) {
        g_autofree char *type = returned_type(live, item);
        printf("\nReturns: %s\n", type ? type : "nothing");
    }
}

static void write_members(const Schema *live, JsonWriter *w, const char *key, const GArray *members)
{
    if (members->len == 0) {
        return;
    }
    json_writer_key(w, key);
    json_writer_begin_array(w);
    for (guint i = 0; i < members->len; i++) {
        const ViewMember *m = &g_array_index(members, ViewMember, i);
        json_writer_begin_object(w);
        write_text(w, "name", m->name);
        if (strcmp(key, "values") != 0) {
            g_autofree char *type = view_type_name(live, m->type);
            write_text(w, "type", type);
            json_writer_key(w, "optional");
            json_writer_bool(w, m->optional);
        }
        write_text(w, "doc", m->doc);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}

static void show_item_json(const Schema *live, const ViewItem *item)
{
    g_autoptr(GArray) members = view_members(live, item->type, item->tag);
    g_autoptr(GArray) values = view_values(live, item->type);
    JSON_AUTO_WRITER(w);

    w = json_writer_new(false);
    begin_item(w, item);
    write_members(live, w, "members", members);
    write_members(live, w, "values", values);
    if (item->kind == VIEW_COMMAND) {
        g_autofree char *type = returned_type(live, item);
        write_text(w, "returns", type);
    }
    json_writer_end_object(w);
    print_json(w);
}

/* --- The command ----------------------------------------------------------------------------- */

/* The server's schema, if a server is given; else *live is NULL and our own is shown. */
static bool find_schema(Client *client, const Schema **live, int *status)
{
    const char *address = getenv("QMP_SOCKET");
    QOM_AUTO_ERROR(err);

    *live = NULL;
    if (!client->connection && !client->option[CLIENT_OPT_SOCKET] && (!address || !*address)) {
        return true;
    }
    if (!client_connect(client, status)) {
        return false;
    }
    *live = client_schema(client, &err);
    if (!*live && !err) {
        qom_error_set_class(&err, QOM_ERROR_COMMAND_NOT_FOUND,
                            "the server does not tell its schema");
    }
    if (err) {
        *status = client_fail(client, NULL, g_steal_pointer(&err));
        return false;
    }
    return true;
}

int cmd_schema(Client *client, char **operands, size_t n)
{
    const char *search = client->option[CLIENT_OPT_SEARCH];
    const Schema *live;
    ViewItem item;
    int status;
    QOM_AUTO_ERROR(err);

    if (search && n > 0) {
        return client_usage(client, "--search and a name exclude each other");
    }
    if (!find_schema(client, &live, &status)) {
        return status;
    }
    if (n == 0) {
        return show_list(client, live, search);
    }
    if (!view_find(live, operands[0], &item)) {
        qom_error_set(&err, "there is no command, event or type '%s'; try --search", operands[0]);
        return client_usage_error(client, NULL, g_steal_pointer(&err));
    }
    if (client_json(client)) {
        show_item_json(live, &item);
    } else {
        show_item(&client->printer, live, &item);
    }
    return CLIENT_OK;
}
