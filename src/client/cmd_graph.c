/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qom graph`: the composition tree with what crosses it: links, and uses that are no links (of
 * character devices by monitors, for one), which only qomd-users tells.
 */
#include "client/client.h"
#include "client/snapshot.h"

#include <stdio.h>
#include <string.h>

typedef enum EdgeKind {
    EDGE_CHILD, /* from the parent to the object */
    EDGE_LINK,  /* from the object by a property */
    EDGE_USE,   /* from a user, object or not, to the object */
} EdgeKind;

typedef struct Edge {
    EdgeKind kind;
    char *from, *to, *label;
} Edge;

/* An object and the edges that are shown with it. */
typedef struct Node {
    const Object *object;
    GArray *edges; /* of Edge */
} Node;

static void edge_clear(gpointer data)
{
    Edge *edge = data;
    g_free(edge->from);
    g_free(edge->to);
    g_free(edge->label);
}

static void node_clear(gpointer data)
{
    g_array_unref(((Node *)data)->edges);
}

static void add_edge(Node *node, EdgeKind kind, const char *from, const char *to, const char *label)
{
    Edge edge = {kind, g_strdup(from), g_strdup(to), g_strdup(label)};
    g_array_append_val(node->edges, edge);
}

/* The target of a link, or NULL for what is none or leads nowhere. */
static const char *link_target(const Property *p)
{
    bool told =
        property_is_link(p->type) && p->tape && json_tape_type(p->tape, p->value) == JSON_STRING;
    const char *path = told ? json_tok_text(p->tape, p->value, NULL) : "";
    return *path ? path : NULL;
}

/* As deep as SNAPSHOT_DEPTH_MAX. */
static void add_nodes(GArray *nodes, const Object *o, const Object *parent)
{
    Node node = {o, g_array_new(FALSE, FALSE, sizeof(Edge))};
    g_array_set_clear_func(node.edges, edge_clear);
    if (parent) {
        add_edge(&node, EDGE_CHILD, parent->path, o->path, "");
    }
    for (guint i = 0; i < o->properties->len; i++) {
        const Property *p = &g_array_index(o->properties, Property, i);
        if (link_target(p)) {
            add_edge(&node, EDGE_LINK, o->path, link_target(p), p->name);
        }
    }
    g_array_append_val(nodes, node);
    for (guint i = 0; i < o->children->len; i++) {
        add_nodes(nodes, o->children->pdata[i], o);
    }
}

/* The uses in an answer of qomd-users; links are known already. */
static void add_uses(Node *node, const JsonTape *tape, JsonTok list)
{
    if (json_tape_type(tape, list) != JSON_ARRAY) {
        return;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        const char *role = client_member(tape, t, "role");
        if (strcmp(role, "link") != 0) {
            add_edge(node, EDGE_USE, client_member(tape, t, "path"), node->object->path, role);
        }
    }
}

/* Asks for the users of all objects in one go. */
static bool read_uses(Client *client, GArray *nodes, QomError **errp)
{
    if (!client_has(client, "qomd-users")) {
        return true;
    }
    for (guint i = 0; i < nodes->len; i++) {
        connection_send_strings(client->connection, "qomd-users", "path",
                                g_array_index(nodes, Node, i).object->path, NULL);
    }
    for (guint i = 0; i < nodes->len; i++) {
        JsonTok value;
        QOM_AUTO_ERROR(err);
        JSON_AUTO_TAPE(tape);
        tape = connection_receive(client->connection, &value, &err);
        if (connection_broken(client->connection)) {
            return qom_error_propagate(errp, g_steal_pointer(&err));
        }
        if (tape) {
            add_uses(&g_array_index(nodes, Node, i), tape, value);
        }
    }
    return true;
}

/* --- Pictures -------------------------------------------------------------------------------- */

static void show_text(const Printer *p, const GArray *nodes)
{
    for (guint i = 0; i < nodes->len; i++) {
        const Node *node = &g_array_index(nodes, Node, i);
        g_autoptr(GString) path = g_string_new(NULL);
        g_autoptr(GString) type = g_string_new(NULL);
        g_autoptr(GString) text = g_string_new(NULL);

        print_escaped(path, node->object->path, !p->utf8);
        print_escaped(type, node->object->type, !p->utf8);
        print_styled(p, text, PRINT_CHILD, path->str);
        g_string_append(text, "  ");
        print_styled(p, text, PRINT_FAINT, type->str);
        g_string_append_c(text, '\n');
        for (guint k = 0; k < node->edges->len; k++) {
            const Edge *edge = &g_array_index(node->edges, Edge, k);
            if (edge->kind == EDGE_CHILD) {
                continue;
            }
            bool link = edge->kind == EDGE_LINK;
            g_string_append(text, link ? "  " : "  <- ");
            print_escaped(text, link ? edge->label : edge->from, !p->utf8);
            g_string_append(text, link ? " -> " : " (");
            print_escaped(text, link ? edge->to : edge->label, !p->utf8);
            g_string_append(text, link ? "\n" : ")\n");
        }
        fputs(text->str, stdout);
    }
}

/* Inside of a string of DOT `"` and `\` are escaped; control characters were before. */
static void append_quoted(GString *out, const Printer *p, const char *text)
{
    g_autoptr(GString) shown = g_string_new(NULL);
    print_escaped(shown, text, !p->utf8);
    for (const char *c = shown->str; *c; c++) {
        if (*c == '"' || *c == '\\') {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *c);
    }
}

static void append_node(GString *out, const Printer *p, const Object *o)
{
    const char *slash = strrchr(o->path, '/');
    g_string_append(out, "    \"");
    append_quoted(out, p, o->path);
    g_string_append(out, "\" [label=\"");
    append_quoted(out, p, slash && slash[1] ? slash + 1 : o->path);
    g_string_append(out, "\\n");
    append_quoted(out, p, o->type);
    g_string_append(out, "\"]\n");
}

static void append_edge(GString *out, const Printer *p, const Edge *edge)
{
    static const char *const styles[] = {
        [EDGE_CHILD] = "", [EDGE_LINK] = "style=dashed, ", [EDGE_USE] = "style=dotted, "};
    g_string_append(out, "    \"");
    append_quoted(out, p, edge->from);
    g_string_append(out, "\" -> \"");
    append_quoted(out, p, edge->to);
    g_string_append_c(out, '"');
    if (edge->kind != EDGE_CHILD) {
        g_string_append_printf(out, " [%slabel=\"", styles[edge->kind]);
        append_quoted(out, p, edge->label);
        g_string_append(out, "\"]");
    }
    g_string_append_c(out, '\n');
}

static void show_dot(const Printer *p, const GArray *nodes)
{
    g_autoptr(GString) out = g_string_new("digraph qom {\n    rankdir=LR\n    node [shape=box]\n");
    for (guint i = 0; i < nodes->len; i++) {
        append_node(out, p, g_array_index(nodes, Node, i).object);
    }
    for (guint i = 0; i < nodes->len; i++) {
        const GArray *edges = g_array_index(nodes, Node, i).edges;
        for (guint k = 0; k < edges->len; k++) {
            append_edge(out, p, &g_array_index(edges, Edge, k));
        }
    }
    g_string_append(out, "}\n");
    fputs(out->str, stdout);
}

static void write_text(JsonWriter *w, const char *key, const char *text)
{
    json_writer_key(w, key);
    json_writer_string(w, text);
}

static void show_json(const GArray *nodes)
{
    static const char *const kinds[] = {
        [EDGE_CHILD] = "child", [EDGE_LINK] = "link", [EDGE_USE] = "use"};
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    json_writer_begin_object(w);
    json_writer_key(w, "objects");
    json_writer_begin_array(w);
    for (guint i = 0; i < nodes->len; i++) {
        json_writer_begin_object(w);
        write_text(w, "path", g_array_index(nodes, Node, i).object->path);
        write_text(w, "type", g_array_index(nodes, Node, i).object->type);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
    json_writer_key(w, "edges");
    json_writer_begin_array(w);
    for (guint i = 0; i < nodes->len; i++) {
        const GArray *edges = g_array_index(nodes, Node, i).edges;
        for (guint k = 0; k < edges->len; k++) {
            const Edge *edge = &g_array_index(edges, Edge, k);
            json_writer_begin_object(w);
            write_text(w, "kind", kinds[edge->kind]);
            write_text(w, "from", edge->from);
            write_text(w, "to", edge->to);
            write_text(w, "label", edge->label);
            json_writer_end_object(w);
        }
    }
    json_writer_end_array(w);
    json_writer_end_object(w);
    print_json(w);
}

int cmd_graph(Client *client, char **operands, size_t n)
{
    static const SnapshotHow how = {.depth = SNAPSHOT_DEPTH_MAX, .values = true};
    int status;
    QOM_AUTO_ERROR(err);
    g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(Node));
    __attribute__((cleanup(snapshot_freep))) Snapshot *s = NULL;

    if (client->option[CLIENT_OPT_DOT] && client_json(client)) {
        return client_usage(client, "--dot and --json exclude each other");
    }
    if (!client_connect(client, &status)) {
        return status;
    }
    s = snapshot_read(client->connection, n > 0 ? operands[0] : "/", &how, &err);
    if (!s) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    g_array_set_clear_func(nodes, node_clear);
    add_nodes(nodes, s->root, NULL);
    if (!read_uses(client, nodes, &err)) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    if (client->option[CLIENT_OPT_DOT]) {
        show_dot(&client->printer, nodes);
    } else if (client_json(client)) {
        show_json(nodes);
    } else {
        show_text(&client->printer, nodes);
    }
    return CLIENT_OK;
}
