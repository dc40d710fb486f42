/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Option text to tape; see qom/options.h for the grammar.
 *
 * Keys come in any order (`a.1.x=`, `b=`, `a.0.x=`), a tape wants them nested. So the text first
 * becomes a tree of nodes, found by their full path in a hash table, and then the tape: a leaf that
 * was given several values becomes as many equal keys in a row, which the decoder takes for a list
 * or for its last value. Everything but the table lives in an arena, which wipes it: options may be
 * secrets.
 */
#include "qom/options.h"
#include "qapi/engine.h"

#include <stdlib.h>

#define FRAGMENT_MAX_BYTES 127
#define KEY_MAX_FRAGMENTS  64
#define KEY_SHOWN_BYTES    1024 /* of a key in an error message */

typedef struct Value {
    struct Value *next;
    const char *text;
    size_t len;
} Value;

typedef enum NodeKind { NODE_NEW, NODE_LEAF, NODE_OBJECT, NODE_LIST } NodeKind;

typedef struct Node {
    NodeKind kind;
    const char *path; /* in full, indexes without leading zeros */
    const char *name; /* the last fragment of the path */
    struct Node *next;
    struct Node *first, *last; /* children */
    uint32_t n_children;
    Value *first_value, *last_value;
} Node;

typedef struct Options {
    const QapiOptionsHow *how;
    QapiArena *arena;
    GHashTable *nodes; /* path -> Node */
    Node root;
    bool dotted;      /* a key has more than one fragment */
    const char *bare; /* the first key without value */
    bool help;
} Options;

static int shown(size_t len)
{
    return (int)MIN(len, KEY_SHOWN_BYTES);
}

static char *arena_text(Options *o, const char *text, size_t len)
{
    return memcpy(qapi_arena_alloc(o->arena, len + 1), text, len);
}

/* --- Keys ------------------------------------------------------------------------------------ */

static size_t span(const char *s, const char *end, const char *also)
{
    const char *p = s;
    while (p < end && (g_ascii_isalnum(*p) || strchr(also, *p))) {
        p++;
    }
    return (size_t)(p - s);
}

/* The length of the name at @s: a letter, then letters, digits, `-`, `_`; in front of that there
 * may be `__DOMAIN_`, in which dots do not separate. 0 if there is none. */
static size_t name_length(const char *s, const char *end)
{
    size_t prefix = 0;
    if (end - s > 2 && s[0] == '_' && s[1] == '_') {
        prefix = 2 + span(s + 2, end, "-.");
        if (prefix == 2 || s + prefix == end || s[prefix] != '_') {
            return 0;
        }
        prefix++;
    }
    s += prefix;
    return s < end && g_ascii_isalpha(*s) ? prefix + span(s, end, "-_") : 0;
}

static size_t index_length(const char *s, const char *end)
{
    const char *p = s;
    while (p < end && g_ascii_isdigit(*p)) {
        p++;
    }
    return (size_t)(p - s);
}

/* The child of @parent whose last fragment is @name; made if there is none yet. */
static Node *node_child(Options *o, Node *parent, const char *name, size_t len)
{
    g_autofree char *path = parent == &o->root
                                ? g_strndup(name, len)
                                : g_strdup_printf("%s.%.*s", parent->path, (int)len, name);
    Node *child = g_hash_table_lookup(o->nodes, path);
    if (child) {
        return child;
    }
    child = qapi_arena_alloc(o->arena, sizeof(*child));
    child->path = arena_text(o, path, strlen(path));
    child->name = child->path + strlen(path) - len;
    g_hash_table_insert(o->nodes, (void *)child->path, child);
    if (parent->last) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->n_children++;
    return child;
}

static bool node_become(Node *node, NodeKind kind, QomError **errp)
{
    if (node->kind != NODE_NEW && node->kind != kind) {
        return qom_error_set(errp, "Parameters '%.*s.*' used inconsistently",
                             shown(strlen(node->path)), node->path);
    }
    node->kind = kind;
    return true;
}

/* The node that the key of @len bytes names, or NULL. */
static Node *key_node(Options *o, const char *key, size_t len, QomError **errp)
{
    const char *end = key + len;
    Node *node = &o->root;
    int n = 0;
    for (const char *s = key; s <= end; n++) {
        size_t index = node == &o->root ? 0 : index_length(s, end);
        size_t fragment = index ? index : name_length(s, end);
        if (fragment == 0 || (s + fragment < end && s[fragment] != '.') || n == KEY_MAX_FRAGMENTS) {
            qom_error_set(errp, "Invalid parameter '%.*s'", shown(len), key);
            return NULL;
        }
        if (fragment > FRAGMENT_MAX_BYTES) {
            qom_error_set(errp, "Parameter%s '%.*s' is too long", fragment < len ? " fragment" : "",
                          shown(fragment), s);
            return NULL;
        }
        if (!node_become(node, index ? NODE_LIST : NODE_OBJECT, errp)) {
            return NULL;
        }
        const char *next = s + fragment + 1;
        while (index && fragment > 1 && *s == '0') {
            s++;
            fragment--;
        }
        node = node_child(o, node, s, fragment);
        s = next;
    }
    o->dotted |= n > 1;
    return node;
}

static bool add_value(Options *o, const char *key, size_t key_len, const char *text, size_t len,
                      QomError **errp)
{
    Node *node = key_node(o, key, key_len, errp);
    if (!node || !node_become(node, NODE_LEAF, errp)) {
        return false;
    }
    Value *value = qapi_arena_alloc(o->arena, sizeof(*value));
    value->text = text;
    value->len = len;
    if (node->last_value) {
        node->last_value->next = value;
    } else {
        node->first_value = value;
    }
    node->last_value = value;
    return true;
}

/* --- Elements -------------------------------------------------------------------------------- */

/* The value at *p, which moves behind the comma that ends it; `,,` is a comma. */
static const char *read_value(Options *o, const char **p, size_t *len)
{
    const char *s = *p;
    size_t rest = strlen(s);
    while (*s && (*s != ',' || s[1] == ',')) {
        s += *s == ',' ? 2 : 1;
    }
    size_t raw = rest - strlen(s);
    char *text = qapi_arena_alloc(o->arena, raw + 1);
    size_t n = 0;
    for (const char *from = *p; from < s; from++) {
        text[n++] = *from;
        from += *from == ',';
    }
    *len = n;
    *p = *s ? s + 1 : s;
    return text;
}

static bool is_word(const char *s, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(s, word, len) == 0;
}

/* A key without value: `flag` is flag=on, `noflag` is flag=off. */
static bool add_flag(Options *o, const char *key, size_t len, QomError **errp)
{
    if (!o->bare) {
        o->bare = arena_text(o, key, len);
    }
    bool on = !(len > 2 && key[0] == 'n' && key[1] == 'o');
    const char *name = on ? key : key + 2;
    size_t name_len = on ? len : len - 2;
    const char *value = on ? "on" : "off";
    if (!add_value(o, name, name_len, value, strlen(value), errp)) {
        return false;
    }
    if (o->how && o->how->warn) {
        g_autofree char *message = g_strdup_printf(
            "short-form boolean option '%.*s' deprecated, please use %.*s=%s instead", shown(len),
            key, shown(name_len), name, value);
        o->how->warn(o->how->opaque, message);
    }
    return true;
}

/* One element at *p, which moves to the next. */
static bool read_element(Options *o, const char **p, bool is_first, QomError **errp)
{
    const char *key = *p;
    size_t len = strcspn(key, "=,");
    if (key[len] == '=') {
        *p = key + len + 1;
        size_t value_len;
        const char *value = read_value(o, p, &value_len);
        return add_value(o, key, len, value, value_len, errp);
    }
    *p = key + len + (key[len] == ',');
    if (is_word(key, len, "help") || is_word(key, len, "?")) {
        o->help = true;
        return true;
    }
    if (is_first && len > 0 && o->how && o->how->implied_key) {
        return add_value(o, o->how->implied_key, strlen(o->how->implied_key),
                         arena_text(o, key, len), len, errp);
    }
    return add_flag(o, key, len, errp);
}

static bool read_elements(Options *o, const char *text, QomError **errp)
{
    o->root.kind = NODE_OBJECT;
    o->root.path = o->root.name = "";
    for (const char *p = text; *p;) {
        if (!read_element(o, &p, p == text, errp)) {
            return false;
        }
    }
    if (o->dotted && o->bare) {
        return qom_error_set(errp, "Expected '=' after parameter '%.*s'", shown(strlen(o->bare)),
                             o->bare);
    }
    return true;
}

/* --- The tape -------------------------------------------------------------------------------- */

static bool emit_node(const Node *node, JsonTapeBuilder *b, QomError **errp);

/* By index; indexes are decimal without leading zeros, so longer ones are greater. */
static int compare_indexes(const void *a, const void *b)
{
    const char *left = (*(Node *const *)a)->name;
    const char *right = (*(Node *const *)b)->name;
    size_t left_len = strlen(left);
    size_t right_len = strlen(right);
    return left_len != right_len ? (left_len > right_len) - (left_len < right_len)
                                 : strcmp(left, right);
}

static bool emit_list(const Node *list, JsonTapeBuilder *b, QomError **errp)
{
    g_autofree Node **elements = g_new(Node *, list->n_children);
    uint32_t n = 0;
    for (Node *child = list->first; child; child = child->next) {
        elements[n++] = child;
    }
    qsort(elements, n, sizeof(elements[0]), compare_indexes);
    json_builder_begin_array(b);
    for (uint32_t i = 0; i < n; i++) {
        char wanted[16];
        g_snprintf(wanted, sizeof(wanted), "%u", i);
        if (strcmp(elements[i]->name, wanted) != 0) {
            return qom_error_set(errp, "Parameter '%.*s.%u' missing", shown(strlen(list->path)),
                                 list->path, i);
        }
        if (!emit_node(elements[i], b, errp)) {
            return false;
        }
    }
    json_builder_end(b);
    return true;
}

static bool emit_object(const Node *object, JsonTapeBuilder *b, QomError **errp)
{
    json_builder_begin_object(b);
    for (const Node *child = object->first; child; child = child->next) {
        if (child->kind != NODE_LEAF) {
            json_builder_key(b, child->name, strlen(child->name));
            if (!emit_node(child, b, errp)) {
                return false;
            }
        }
        for (const Value *value = child->first_value; value; value = value->next) {
            json_builder_key(b, child->name, strlen(child->name));
            json_builder_text(b, value->text, value->len);
        }
    }
    json_builder_end(b);
    return true;
}

static bool emit_node(const Node *node, JsonTapeBuilder *b, QomError **errp)
{
    switch (node->kind) {
    case NODE_OBJECT: return emit_object(node, b, errp);
    case NODE_LIST: return emit_list(node, b, errp);
    case NODE_NEW:
    case NODE_LEAF: break;
    }
    json_builder_text(b, node->last_value->text, node->last_value->len);
    return true;
}

static JsonTape *options_tape(Options *o, const char *text, QomError **errp)
{
    if (!read_elements(o, text, errp)) {
        return NULL;
    }
    JsonTapeBuilder b;
    json_builder_init(&b);
    JsonTape *tape = emit_node(&o->root, &b, errp) ? json_builder_finish(&b) : NULL;
    json_builder_clear(&b);
    return tape;
}

JsonTape *qapi_options_parse(const char *text, const QapiOptionsHow *how, bool *help,
                             QomError **errp)
{
    if (help) {
        *help = false;
    }
    if (*text == '{') {
        return json_parse_text(text, strlen(text), errp);
    }
    Options o = {
        .how = how, .arena = qapi_arena_new(), .nodes = g_hash_table_new(g_str_hash, g_str_equal)};
    JsonTape *tape = options_tape(&o, text, errp);
    g_hash_table_destroy(o.nodes);
    qapi_arena_free(o.arena);
    if (tape && o.help && !help) {
        json_tape_free(tape);
        qom_error_set(errp, "Help is not available for this option");
        return NULL;
    }
    if (tape && help) {
        *help = o.help;
    }
    return tape;
}

bool qapi_decode_options(const QapiDecode *how, const QapiType *type, const QapiOptionsHow *options,
                         const char *text, void *out, QomError **errp)
{
    JSON_AUTO_TAPE(tape);
    tape = qapi_options_parse(text, options, NULL, errp);
    return tape && qapi_decode(how, type, tape, JSON_ROOT, out, errp);
}
