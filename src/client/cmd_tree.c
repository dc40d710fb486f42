/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom tree` and `qom list`: objects and their properties. */
#include "client/client.h"
#include "client/snapshot.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static char *escaped(const Printer *p, const char *text, const char *suffix)
{
    GString *out = g_string_new(NULL);
    print_escaped(out, text, !p->utf8);
    g_string_append(out, suffix);
    return g_string_free(out, FALSE);
}

/* What stands in the value column. NULL: nothing is known. */
static char *value_cell(const Printer *printer, const Property *p)
{
    if (!p->tape) {
        return NULL;
    }
    char *value = print_value(printer, p->tape, p->value);
    if (!property_is_link(p->type)) {
        return value;
    }
    char *cell = g_strconcat("-> ", value, NULL);
    g_free(value);
    return cell;
}

/* The row of a property: name, value, type. */
static void add_row(PrintTable *table, const Property *p)
{
    const Printer *printer = table->printer;
    char *type = escaped(printer, p->type, "");
    if (property_is_child(p->type)) {
        print_table_row(table, PRINT_CHILD, escaped(printer, p->name, "/"), PRINT_PLAIN, NULL, type,
                        NULL);
        return;
    }
    bool link = property_is_link(p->type);
    print_table_row(table, link ? PRINT_LINK : PRINT_PLAIN, escaped(printer, p->name, ""),
                    link ? PRINT_LINK : PRINT_PLAIN, value_cell(printer, p), type, NULL);
}

static void write_property(JsonWriter *w, const Property *p)
{
    json_writer_begin_object(w);
    json_writer_key(w, "name");
    json_writer_string(w, p->name);
    json_writer_key(w, "type");
    json_writer_string(w, p->type);
    if (p->tape) {
        json_writer_key(w, "value");
        json_writer_subtree(w, p->tape, p->value);
    }
    json_writer_end_object(w);
}

/* --- tree ------------------------------------------------------------------------------------ */

/* How the branches are drawn: before one with others behind it, before the last one, below the
 * former, below the latter. */
typedef struct Branches {
    const char *fork, *end, *down, *blank;
} Branches;

static const Branches box = {"├── ", "└── ", "│   ", "    "};
static const Branches ascii = {"|-- ", "`-- ", "|   ", "    "};

typedef struct Drawing {
    const Printer *printer;
    const Branches *branches;
    bool names; /* objects only */
    GString *prefix, *line;
} Drawing;

static void draw_line(Drawing *d, bool last)
{
    fputs(d->prefix->str, stdout);
    fputs(last ? d->branches->end : d->branches->fork, stdout);
    g_string_append_c(d->line, '\n');
    fputs(d->line->str, stdout);
    g_string_truncate(d->line, 0);
}

/* The properties that are neither children nor the type, which stands beside the object's name. */
static void draw_properties(Drawing *d, const Object *o)
{
    PrintTable table;
    size_t widths[PRINT_COLUMNS];

    print_table_init(&table, d->printer);
    for (guint i = 0; i < o->properties->len; i++) {
        const Property *p = &g_array_index(o->properties, Property, i);
        if (!property_is_child(p->type) && strcmp(p->name, "type") != 0) {
            add_row(&table, p);
        }
    }
    print_table_measure(&table, widths);
    size_t n = print_table_rows(&table);
    for (size_t row = 0; row < n; row++) {
        print_table_line(&table, row, widths, d->line);
        draw_line(d, row + 1 == n && o->children->len == 0);
    }
    print_table_clear(&table);
}

/* The part of a path by which its parent knows an object. */
static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void draw_heading(Drawing *d, const char *name, const char *suffix, const Object *o)
{
    g_autofree char *shown = escaped(d->printer, name, suffix);
    g_autofree char *type = escaped(d->printer, o->type, "");
    print_styled(d->printer, d->line, PRINT_CHILD, shown);
    g_string_append(d->line, "  ");
    print_styled(d->printer, d->line, PRINT_FAINT, type);
}

/* What is below @o, whose heading has been drawn. As deep as SNAPSHOT_DEPTH_MAX. */
static void draw_object(Drawing *d, const Object *o)
{
    if (!d->names) {
        draw_properties(d, o);
    }
    for (guint i = 0; i < o->children->len; i++) {
        const Object *child = o->children->pdata[i];
        bool last = i + 1 == o->children->len;
        size_t len = d->prefix->len;

        draw_heading(d, last_component(child->path), "/", child);
        draw_line(d, last);
        g_string_append(d->prefix, last ? d->branches->blank : d->branches->down);
        draw_object(d, child);
        g_string_truncate(d->prefix, len);
    }
}

static void draw_tree(const Client *client, const Object *root)
{
    bool drawn = client->printer.terminal && client->printer.utf8;
    g_autoptr(GString) prefix = g_string_new(NULL);
    g_autoptr(GString) line = g_string_new(NULL);
    Drawing d = {&client->printer, drawn ? &box : &ascii, client->option[CLIENT_OPT_NAMES] != NULL,
                 prefix, line};

    draw_heading(&d, root->path, "", root);
    puts(line->str);
    g_string_truncate(line, 0);
    draw_object(&d, root);
}

/* In the form of qomd-tree-get. */
static void write_object(JsonWriter *w, const Object *o, bool names)
{
    json_writer_begin_object(w);
    json_writer_key(w, "path");
    json_writer_string(w, o->path);
    json_writer_key(w, "type");
    json_writer_string(w, o->type);
    json_writer_key(w, "properties");
    json_writer_begin_array(w);
    for (guint i = 0; !names && i < o->properties->len; i++) {
        const Property *p = &g_array_index(o->properties, Property, i);
        if (!property_is_child(p->type)) {
            write_property(w, p);
        }
    }
    json_writer_end_array(w);
    json_writer_key(w, "children");
    json_writer_begin_array(w);
    for (guint i = 0; i < o->children->len; i++) {
        write_object(w, o->children->pdata[i], names);
    }
    json_writer_end_array(w);
    json_writer_end_object(w);
}

int cmd_tree(Client *client, char **operands, size_t n)
{
    const char *path = n > 0 ? operands[0] : "/";
    bool names = client->option[CLIENT_OPT_NAMES] != NULL;
    double depth = SNAPSHOT_DEPTH_MAX;
    int status;
    QOM_AUTO_ERROR(err);
    __attribute__((cleanup(snapshot_freep))) Snapshot *s = NULL;

    if (!client_option_number(client, CLIENT_OPT_DEPTH, SNAPSHOT_DEPTH_MAX, &depth)) {
        return CLIENT_USAGE;
    }
    if (!client_connect(client, &status)) {
        return status;
    }
    SnapshotHow how = {(unsigned)depth, !names};
    s = snapshot_read(client->connection, path, &how, &err);
    if (!s) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    if (client_json(client)) {
        JSON_AUTO_WRITER(w);
        w = json_writer_new(false);
        write_object(w, s->root, names);
        print_json(w);
    } else {
        draw_tree(client, s->root);
    }
    return CLIENT_OK;
}

/* --- list ------------------------------------------------------------------------------------ */

static void list_json(const Object *o)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    json_writer_begin_array(w);
    for (guint i = 0; i < o->properties->len; i++) {
        write_property(w, &g_array_index(o->properties, Property, i));
    }
    json_writer_end_array(w);
    print_json(w);
}

int cmd_list(Client *client, char **operands, size_t n)
{
    static const SnapshotHow how = {.depth = 0, .values = true};
    int status;
    QOM_AUTO_ERROR(err);
    __attribute__((cleanup(snapshot_freep))) Snapshot *s = NULL;

    if (!client_connect(client, &status)) {
        return status;
    }
    s = snapshot_read(client->connection, n > 0 ? operands[0] : "/", &how, &err);
    if (!s) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    if (client_json(client)) {
        list_json(s->root);
        return CLIENT_OK;
    }
    PrintTable table;
    print_table_init(&table, &client->printer);
    for (guint i = 0; i < s->root->properties->len; i++) {
        add_row(&table, &g_array_index(s->root->properties, Property, i));
    }
    print_table_show(&table);
    print_table_clear(&table);
    return CLIENT_OK;
}
