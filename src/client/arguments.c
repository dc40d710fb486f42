/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See arguments.h. The keys become a tree, which is then walked together with the types of the
 * schema; so keys may come in any order, also the tag of a union behind the members of its branch.
 */
#include "client/arguments.h"

#include "client/values.h"

#include <string.h>

enum { PARTS_MAX = 64, ELEMENTS_MAX = 65536 };

/* A leaf has values, several if its key came again; an inner node has children. */
typedef struct Node {
    char *key;           /* this part of the key */
    char *full;          /* the key up to here, for messages */
    GPtrArray *children; /* of Node, in the order they came */
    GPtrArray *values;   /* of char * */
} Node;

struct Arguments {
    Node *root;
};

static void node_free(gpointer data)
{
    Node *node = data;
    g_free(node->key);
    g_free(node->full);
    g_ptr_array_free(node->children, TRUE);
    g_ptr_array_free(node->values, TRUE);
    g_free(node);
}

static Node *node_new(const char *key, const char *parent)
{
    Node *node = g_new0(Node, 1);
    node->key = g_strdup(key);
    node->full = *parent ? g_strconcat(parent, ".", key, NULL) : g_strdup(key);
    node->children = g_ptr_array_new_with_free_func(node_free);
    node->values = g_ptr_array_new_with_free_func(g_free);
    return node;
}

static Node *find_child(const Node *node, const char *key)
{
    for (guint i = 0; i < node->children->len; i++) {
        Node *child = node->children->pdata[i];
        if (!strcmp(child->key, key)) {
            return child;
        }
    }
    return NULL;
}

static Node *get_child(Node *node, const char *key)
{
    Node *child = find_child(node, key);
    if (!child) {
        child = node_new(key, node->full);
        g_ptr_array_add(node->children, child);
    }
    return child;
}

Arguments *arguments_new(void)
{
    Arguments *a = g_new0(Arguments, 1);
    a->root = node_new("", "");
    return a;
}

void arguments_free(Arguments *a)
{
    if (a) {
        node_free(a->root);
        g_free(a);
    }
}

void arguments_set(Arguments *a, const char *key, const char *value)
{
    g_ptr_array_add(get_child(a->root, key)->values, g_strdup(value));
}

bool arguments_has(const Arguments *a, const char *key)
{
    return find_child(a->root, key) != NULL;
}

bool arguments_add(Arguments *a, const char *text, QomError **errp)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        return qom_error_set(errp, "expected KEY=VALUE, not '%s'", text);
    }
    g_autofree char *key = g_strndup(text, (size_t)(equals - text));
    g_auto(GStrv) parts = g_strsplit(key, ".", PARTS_MAX + 1);
    if (g_strv_length(parts) > PARTS_MAX) {
        return qom_error_set(errp, "key '%s' has more than %d parts", key, PARTS_MAX);
    }
    Node *node = a->root;
    for (char **part = parts; *part; part++) {
        if (!**part) {
            return qom_error_set(errp, "key '%s' has an empty part", key);
        }
        if (node->values->len > 0) {
            return qom_error_set(errp, "'%s' has a value, so it can't have '%s'", node->full, key);
        }
        node = get_child(node, *part);
    }
    if (node->children->len > 0) {
        return qom_error_set(errp, "'%s' has members, so it can't have a value", key);
    }
    g_ptr_array_add(node->values, g_strdup(equals + 1));
    return true;
}

/* --- Writing --------------------------------------------------------------------------------- */

typedef struct Writing {
    const Schema *schema;
    JsonWriter *w;
} Writing;

static bool write_node(const Writing *to, SchemaType type, const Node *node, QomError **errp);

/* An alternate takes what is JSON of one of its kinds, else a string if it may be one. */
static bool write_alternate(const Writing *to, SchemaType type, const char *text, QomError **errp)
{
    static const SchemaKind kinds[] = {
        [JSON_NULL] = SCHEMA_NULL,       [JSON_BOOL] = SCHEMA_BOOL,
        [JSON_INTEGER] = SCHEMA_INTEGER, [JSON_DOUBLE] = SCHEMA_NUMBER,
        [JSON_STRING] = SCHEMA_STRING,   [JSON_OBJECT] = SCHEMA_OBJECT,
        [JSON_ARRAY] = SCHEMA_LIST,
    };
    JSON_AUTO_TAPE(tape);

    tape = json_parse_text(text, strlen(text), NULL);
    if (tape) {
        SchemaKind kind = kinds[json_tape_type(tape, JSON_ROOT)];
        if (schema_alternative(to->schema, type, kind) != JSON_NONE) {
            json_writer_subtree(to->w, tape, JSON_ROOT);
            return true;
        }
    }
    bool string = schema_alternative(to->schema, type, SCHEMA_STRING) != JSON_NONE;
    return value_write(to->w, string ? VALUE_STRING : VALUE_ANY, text, errp);
}

static bool write_text(const Writing *to, SchemaType type, const char *text, QomError **errp)
{
    switch (schema_kind(to->schema, type)) {
    case SCHEMA_STRING: return value_write(to->w, VALUE_STRING, text, errp);
    case SCHEMA_BOOL: return value_write(to->w, VALUE_BOOL, text, errp);
    case SCHEMA_INTEGER: return value_write(to->w, VALUE_INTEGER, text, errp);
    case SCHEMA_NUMBER: return value_write(to->w, VALUE_NUMBER, text, errp);
    case SCHEMA_OBJECT: return value_write_json(to->w, JSON_OBJECT, text, errp);
    case SCHEMA_LIST: return value_write_json(to->w, JSON_ARRAY, text, errp);
    case SCHEMA_ALTERNATE: return write_alternate(to, type, text, errp);
    case SCHEMA_NULL:
    case SCHEMA_UNKNOWN: break;
    }
    return value_write(to->w, VALUE_ANY, text, errp);
}

/* The values of a key that is a list: each is an element, or several (`0-3,8`). */
static bool write_list(const Writing *to, SchemaType type, const Node *node, QomError **errp)
{
    SchemaType element = schema_element(to->schema, type);
    bool integers = schema_kind(to->schema, element) == SCHEMA_INTEGER;
    const char *first = node->values->pdata[0];

    if (node->values->len == 1 && first[0] == '[') {
        return value_write_json(to->w, JSON_ARRAY, first, errp);
    }
    json_writer_begin_array(to->w);
    for (guint i = 0; i < node->values->len; i++) {
        const char *text = node->values->pdata[i];
        if (!(integers ? value_write_integers(to->w, text, errp)
                       : write_text(to, element, text, errp))) {
            return false;
        }
    }
    json_writer_end_array(to->w);
    return true;
}

static bool write_leaf(const Writing *to, SchemaType type, const Node *node, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    bool ok;
    if (schema_kind(to->schema, type) == SCHEMA_LIST) {
        ok = write_list(to, type, node, &err);
    } else if (node->values->len > 1) {
        ok = qom_error_set(&err, "is given more than once, but is no list");
    } else {
        ok = write_text(to, type, node->values->pdata[0], &err);
    }
    if (!ok) {
        qom_error_prefix(&err, "'%s' ", node->full);
        return qom_error_propagate(errp, g_steal_pointer(&err));
    }
    return true;
}

/* The value of the union's tag; NULL: it is not given. */
static const char *tag_value(const Writing *to, SchemaType type, const Node *node)
{
    const char *tag = schema_tag(to->schema, type);
    const Node *child = tag ? find_child(node, tag) : NULL;
    return child && child->values->len > 0 ? child->values->pdata[0] : NULL;
}

static bool write_members(const Writing *to, SchemaType type, const Node *node, QomError **errp)
{
    const char *tag = tag_value(to, type, node);
    json_writer_begin_object(to->w);
    for (guint i = 0; i < node->children->len; i++) {
        const Node *child = node->children->pdata[i];
        SchemaType member = schema_member(to->schema, type, child->key, tag);
        json_writer_key(to->w, child->key);
        if (!write_node(to, member, child, errp)) {
            return false;
        }
    }
    json_writer_end_object(to->w);
    return true;
}

static bool write_elements(const Writing *to, SchemaType type, const Node *node, QomError **errp)
{
    SchemaType element = schema_element(to->schema, type);
    json_writer_begin_array(to->w);
    for (guint i = 0; i < node->children->len; i++) {
        g_autofree char *key = g_strdup_printf("%u", i);
        const Node *child = find_child(node, key);
        if (!child) {
            return qom_error_set(errp, "'%s' is a list, but it has no '%s.%s'", node->full,
                                 node->full, key);
        }
        if (!write_node(to, element, child, errp)) {
            return false;
        }
    }
    json_writer_end_array(to->w);
    return true;
}

/* Where the schema does not tell: members that are all numbers make a list. */
static bool looks_like_list(const Node *node)
{
    for (guint i = 0; i < node->children->len; i++) {
        const char *key = ((const Node *)node->children->pdata[i])->key;
        if (strspn(key, "0123456789") != strlen(key)) {
            return false;
        }
    }
    return true;
}

static bool write_node(const Writing *to, SchemaType type, const Node *node, QomError **errp)
{
    if (node->children->len == 0) {
        return write_leaf(to, type, node, errp);
    }
    if (node->children->len > ELEMENTS_MAX) {
        return qom_error_set(errp, "'%s' has more than %d members", node->full, ELEMENTS_MAX);
    }
    switch (schema_kind(to->schema, type)) {
    case SCHEMA_LIST: return write_elements(to, type, node, errp);
    case SCHEMA_OBJECT: return write_members(to, type, node, errp);
    case SCHEMA_ALTERNATE:
        return write_node(to,
                          schema_alternative(to->schema, type,
                                             looks_like_list(node) ? SCHEMA_LIST : SCHEMA_OBJECT),
                          node, errp);
    case SCHEMA_UNKNOWN:
        return looks_like_list(node) ? write_elements(to, JSON_NONE, node, errp)
                                     : write_members(to, JSON_NONE, node, errp);
    default: return qom_error_set(errp, "'%s' is a value, it has no members", node->full);
    }
}

void arguments_write_strings(const Arguments *a, JsonWriter *w)
{
    json_writer_begin_object(w);
    for (guint i = 0; i < a->root->children->len; i++) {
        const Node *child = a->root->children->pdata[i];
        if (child->values->len > 0) {
            json_writer_key(w, child->key);
            json_writer_string(w, child->values->pdata[0]);
        }
    }
    json_writer_end_object(w);
}

bool arguments_write(const Arguments *a, const Schema *schema, SchemaType type, JsonWriter *w,
                     QomError **errp)
{
    const Writing to = {schema, w};
    return write_members(&to, type, a->root, errp);
}
