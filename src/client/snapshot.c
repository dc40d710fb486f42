/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading objects; see snapshot.h.
 *
 * The first round trip asks with both bulk commands at once, as CommandNotFound costs nothing:
 * qomd-tree-get has the whole answer, or is missing, or refuses one that is too large; then
 * qom-list-get or plain commands read level by level. In plain mode one round trip has the values
 * of a level (qom-get) together with the properties of the next one (qom-list).
 */
#include "client/snapshot.h"

#include "json/tape.h"

#include <inttypes.h>
#include <string.h>

/* One qom-list-get asks for this many: an object that has gone spoils only its own batch, which is
 * then read again one by one. */
enum { BATCH = 256 };

typedef struct Reader {
    Connection *c;
    Snapshot *s;
    const SnapshotHow *how;
    bool bulk;      /* the server has qom-list-get */
    bool full;      /* more than SNAPSHOT_BYTES_MAX came */
    uint64_t bytes; /* of memory that the tapes take */
} Reader;

bool property_is_child(const char *type)
{
    return g_str_has_prefix(type, "child<");
}

bool property_is_link(const char *type)
{
    return g_str_has_prefix(type, "link<");
}

const char *object_name(const Object *o)
{
    const char *slash = strrchr(o->path, '/'); /* a server may say anything */
    return slash ? slash + 1 : o->path;
}

static void object_free(gpointer data)
{
    Object *o = data;
    g_free(o->path);
    g_free(o->type);
    g_array_free(o->properties, TRUE);
    g_ptr_array_free(o->children, TRUE);
    g_free(o);
}

static Object *object_new(Snapshot *s, char *path, char *type)
{
    Object *o = g_new0(Object, 1);
    o->path = path;
    o->type = type;
    o->properties = g_array_new(FALSE, FALSE, sizeof(Property));
    o->children = g_ptr_array_new_with_free_func(object_free);
    s->objects++;
    return o;
}

static void free_tape(gpointer tape)
{
    json_tape_free(tape);
}

void snapshot_free(Snapshot *s)
{
    if (s) {
        g_clear_pointer(&s->root, object_free);
        g_ptr_array_free(s->tapes, TRUE);
        g_free(s);
    }
}

/* --- From messages to objects ---------------------------------------------------------------- */

static const char *member_text(const JsonTape *tape, JsonTok object, const char *name)
{
    JsonTok tok = json_tape_find(tape, object, name);
    bool is_string = tok != JSON_NONE && json_tape_type(tape, tok) == JSON_STRING;
    return is_string ? json_tok_text(tape, tok, NULL) : "";
}

/* Adds the properties at @list, an array of {name, type, value?}; what is no such thing is left
 * out. @values: take the values too. False: there is no array. */
static bool fill_properties(Object *o, const JsonTape *tape, JsonTok list, bool values)
{
    if (list == JSON_NONE || json_tape_type(tape, list) != JSON_ARRAY) {
        return false;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        if (json_tape_type(tape, t) != JSON_OBJECT) {
            continue;
        }
        Property p = {.name = member_text(tape, t, "name"), .type = member_text(tape, t, "type")};
        JsonTok value = json_tape_find(tape, t, "value");
        if (value != JSON_NONE && (values || property_is_child(p.type))) {
            p.tape = tape;
            p.value = value;
        }
        if (!*o->type && !strcmp(p.name, "type") && value != JSON_NONE &&
            json_tape_type(tape, value) == JSON_STRING) {
            g_free(o->type);
            o->type = g_strdup(json_tok_text(tape, value, NULL));
        }
        g_array_append_val(o->properties, p);
    }
    return true;
}

/* The object that qomd-tree-get describes at @tok, and those below. NULL: it makes no sense. */
static Object *object_from_tree(Reader *r, const JsonTape *tape, JsonTok tok, unsigned depth)
{
    if (json_tape_type(tape, tok) != JSON_OBJECT || r->s->objects >= SNAPSHOT_OBJECTS_MAX) {
        return NULL;
    }
    Object *o = object_new(r->s, g_strdup(member_text(tape, tok, "path")),
                           g_strdup(member_text(tape, tok, "type")));
    fill_properties(o, tape, json_tape_find(tape, tok, "properties"), r->how->values);
    JsonTok list = json_tape_find(tape, tok, "children");
    if (depth == 0 || list == JSON_NONE || json_tape_type(tape, list) != JSON_ARRAY) {
        return o;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        Object *child = object_from_tree(r, tape, t, depth - 1);
        if (child) {
            g_ptr_array_add(o->children, child);
        }
    }
    return o;
}

static char *child_path(const Object *parent, const Property *p)
{
    if (p->tape && json_tape_type(p->tape, p->value) == JSON_STRING &&
        json_tok_text(p->tape, p->value, NULL)[0] == '/') {
        return g_strdup(json_tok_text(p->tape, p->value, NULL));
    }
    return g_strconcat(parent->path, g_str_has_suffix(parent->path, "/") ? "" : "/", p->name, NULL);
}

/* Appends to @next the children that the properties of @o tell of. */
static void add_children(Reader *r, Object *o, GPtrArray *next)
{
    for (guint i = 0; i < o->properties->len; i++) {
        const Property *p = &g_array_index(o->properties, Property, i);
        if (!property_is_child(p->type) || r->s->objects >= SNAPSHOT_OBJECTS_MAX) {
            continue;
        }
        const char *inner = p->type + strlen("child<");
        size_t len = strlen(inner);
        len -= g_str_has_suffix(inner, ">") ? 1 : 0;
        Object *child = object_new(r->s, child_path(o, p), g_strndup(inner, len));
        g_ptr_array_add(o->children, child);
        g_ptr_array_add(next, child);
    }
}

/* --- Round trips ----------------------------------------------------------------------------- */

/* The next answer, kept; NULL: an error, see go_on(). */
static const JsonTape *receive(Reader *r, JsonTok *value, QomError **errp)
{
    JsonTape *tape = connection_receive(r->c, value, errp);
    if (!tape) {
        return NULL;
    }
    g_ptr_array_add(r->s->tapes, tape);
    r->bytes += tape->capacity * sizeof(JsonToken) + tape->text_cap;
    r->full = r->bytes > SNAPSHOT_BYTES_MAX;
    if (r->full) {
        qom_error_set(errp, "the answers take more than %" PRIu64 " bytes", SNAPSHOT_BYTES_MAX);
        return NULL;
    }
    return tape;
}

/* Whether reading goes on after an error that concerns one object. */
static bool go_on(Reader *r, QomError **err, QomError **errp)
{
    if (connection_broken(r->c) || r->full) {
        return qom_error_propagate(errp, g_steal_pointer(err));
    }
    g_clear_pointer(err, qom_error_free);
    return true;
}

static void send_list_get(Reader *r, GPtrArray *objects, guint first)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    json_writer_begin_object(w);
    json_writer_key(w, "paths");
    json_writer_begin_array(w);
    for (guint i = first; i < objects->len && i < first + BATCH; i++) {
        json_writer_string(w, ((Object *)objects->pdata[i])->path);
    }
    json_writer_end_array(w);
    json_writer_end_object(w);
    connection_send(r->c, "qom-list-get", json_writer_text(w, NULL));
}

static void send_lists(Reader *r, GPtrArray *objects)
{
    for (guint i = 0; i < objects->len; i += r->bulk ? BATCH : 1) {
        if (r->bulk) {
            send_list_get(r, objects, i);
        } else {
            connection_send_strings(r->c, "qom-list", "path", ((Object *)objects->pdata[i])->path,
                                    NULL);
        }
    }
}

static bool receive_plain_lists(Reader *r, GPtrArray *objects, QomError **errp)
{
    for (guint i = 0; i < objects->len; i++) {
        QOM_AUTO_ERROR(err);
        JsonTok value;
        const JsonTape *tape = receive(r, &value, &err);
        if (tape) {
            fill_properties(objects->pdata[i], tape, value, false);
        } else if (!go_on(r, &err, errp)) {
            return false;
        }
    }
    return true;
}

/* Whether the value of a property has to be asked for. */
static bool is_wanted(const Reader *r, const Object *o, const Property *p)
{
    if (property_is_child(p->type)) {
        return false;
    }
    return r->how->values || (!*o->type && !strcmp(p->name, "type"));
}

static void send_gets(Reader *r, GPtrArray *objects)
{
    for (guint i = 0; i < objects->len; i++) {
        const Object *o = objects->pdata[i];
        for (guint k = 0; k < o->properties->len; k++) {
            const Property *p = &g_array_index(o->properties, Property, k);
            if (is_wanted(r, o, p)) {
                connection_send_strings(r->c, "qom-get", "path", o->path, "property", p->name,
                                        NULL);
            }
        }
    }
}

static bool receive_gets(Reader *r, GPtrArray *objects, QomError **errp)
{
    for (guint i = 0; i < objects->len; i++) {
        Object *o = objects->pdata[i];
        const char *type = NULL;
        for (guint k = 0; k < o->properties->len; k++) {
            Property *p = &g_array_index(o->properties, Property, k);
            QOM_AUTO_ERROR(err);
            if (!is_wanted(r, o, p)) {
                continue;
            }
            p->tape = receive(r, &p->value, &err);
            if (!p->tape && !go_on(r, &err, errp)) {
                return false;
            }
            if (!strcmp(p->name, "type") && p->tape &&
                json_tape_type(p->tape, p->value) == JSON_STRING) {
                type = json_tok_text(p->tape, p->value, NULL);
            }
        }
        if (type && !*o->type) {
            g_free(o->type);
            o->type = g_strdup(type);
        }
    }
    return true;
}

/* What one batch could not tell, one by one. */
static bool read_again(Reader *r, GPtrArray *objects, QomError **errp)
{
    bool bulk = r->bulk;
    r->bulk = false;
    send_lists(r, objects);
    r->bulk = bulk;
    if (!receive_plain_lists(r, objects, errp)) {
        return false;
    }
    send_gets(r, objects);
    return receive_gets(r, objects, errp);
}

/* The answer to one qom-list-get. False: it tells nothing of the first object. */
static bool fill_batch(Reader *r, GPtrArray *objects, guint first, const JsonTape *tape,
                       JsonTok list)
{
    if (json_tape_type(tape, list) != JSON_ARRAY) {
        return false;
    }
    bool told = false;
    guint i = first;
    for (JsonTok t = json_tape_first(tape, list);
         t != JSON_NONE && i < objects->len && i < first + BATCH;
         t = json_tape_next(tape, list, t), i++) {
        if (json_tape_type(tape, t) == JSON_OBJECT) {
            bool filled = fill_properties(objects->pdata[i], tape,
                                          json_tape_find(tape, t, "properties"), r->how->values);
            told = told || (filled && i == first);
        }
    }
    return told;
}

static bool receive_lists(Reader *r, GPtrArray *objects, QomError **errp)
{
    if (!r->bulk) {
        return receive_plain_lists(r, objects, errp);
    }
    g_autoptr(GPtrArray) again = g_ptr_array_new();
    for (guint i = 0; i < objects->len; i += BATCH) {
        QOM_AUTO_ERROR(err);
        JsonTok value;
        const JsonTape *tape = receive(r, &value, &err);
        if (tape) {
            fill_batch(r, objects, i, tape, value);
            continue;
        }
        if (!go_on(r, &err, errp)) {
            return false;
        }
        for (guint k = i; k < objects->len && k < i + BATCH; k++) {
            g_ptr_array_add(again, objects->pdata[k]);
        }
    }
    return again->len == 0 || read_again(r, again, errp);
}

/* Level by level, beginning with the root, whose properties are there. */
static bool read_levels(Reader *r, QomError **errp)
{
    g_autoptr(GPtrArray) level = g_ptr_array_new();
    g_ptr_array_add(level, r->s->root);

    for (unsigned depth = 0; level->len > 0; depth++) {
        g_autoptr(GPtrArray) next = g_ptr_array_new();
        for (guint i = 0; depth < r->how->depth && i < level->len; i++) {
            add_children(r, level->pdata[i], next);
        }
        if (!r->bulk) {
            send_gets(r, level);
        }
        send_lists(r, next);
        if (!r->bulk && !receive_gets(r, level, errp)) {
            return false;
        }
        if (!receive_lists(r, next, errp)) {
            return false;
        }
        g_ptr_array_unref(level);
        level = g_steal_pointer(&next);
    }
    return true;
}

/* --- The start ------------------------------------------------------------------------------- */

/* The properties of the root by qom-list, for servers with nothing better. */
static bool read_plain_root(Reader *r, QomError **errp)
{
    JsonTok value;
    connection_send_strings(r->c, "qom-list", "path", r->s->root->path, NULL);
    const JsonTape *tape = receive(r, &value, errp);
    if (!tape) {
        return false;
    }
    return fill_properties(r->s->root, tape, value, false) ||
           qom_error_set(errp, "the server's answer to qom-list is no list of properties");
}

/* Paths below a partial one could mean something else: the value of a child property has the
 * canonical path, of which the root's is the front part. */
static bool make_absolute(Reader *r, QomError **errp)
{
    Object *root = r->s->root;
    for (guint i = 0; root->path[0] != '/' && i < root->properties->len; i++) {
        Property *p = &g_array_index(root->properties, Property, i);
        if (!property_is_child(p->type)) {
            continue;
        }
        if (!p->tape) {
            QOM_AUTO_ERROR(err);
            connection_send_strings(r->c, "qom-get", "path", root->path, "property", p->name, NULL);
            p->tape = receive(r, &p->value, &err);
            if (!p->tape) {
                return go_on(r, &err, errp);
            }
        }
        const char *path = json_tape_type(p->tape, p->value) == JSON_STRING
                               ? json_tok_text(p->tape, p->value, NULL)
                               : "";
        const char *slash = strrchr(path, '/');
        if (path[0] == '/') {
            g_free(root->path);
            root->path = g_strndup(path, slash == path ? 1 : (size_t)(slash - path));
        }
        return true;
    }
    return true;
}

/* True if the whole tree came in one answer. */
static bool receive_tree(Reader *r)
{
    JsonTok value;
    const JsonTape *tape = receive(r, &value, NULL);
    if (!tape) {
        return false;
    }
    Object *root = object_from_tree(r, tape, value, r->how->depth);
    if (!root) {
        return false;
    }
    object_free(r->s->root);
    r->s->root = root;
    return true;
}

static bool read_all(Reader *r, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    g_autoptr(GPtrArray) level = g_ptr_array_new();
    JsonTok value;
    bool whole = r->how->depth > 0;

    g_ptr_array_add(level, r->s->root);
    if (whole) {
        connection_send_tree_get(r->c, r->s->root->path, r->how->depth, r->how->values);
    }
    send_list_get(r, level, 0);
    whole = whole && receive_tree(r);
    const JsonTape *tape = receive(r, &value, &err);
    if (whole) {
        return true;
    }
    r->bulk = tape != NULL;
    if (tape) {
        if (!fill_batch(r, level, 0, tape, value)) {
            return qom_error_set(errp, "the server's answer to qom-list-get makes no sense");
        }
    } else if (connection_broken(r->c) || qom_error_class(err) != QOM_ERROR_COMMAND_NOT_FOUND) {
        return qom_error_propagate(errp, g_steal_pointer(&err));
    } else if (!read_plain_root(r, errp)) {
        return false;
    }
    return make_absolute(r, errp) && read_levels(r, errp);
}

Snapshot *snapshot_read(Connection *c, const char *path, const SnapshotHow *how, QomError **errp)
{
    SnapshotHow bounded = {MIN(how->depth, SNAPSHOT_DEPTH_MAX), how->values};
    Snapshot *s = g_new0(Snapshot, 1);
    Reader r = {.c = c, .s = s, .how = &bounded};

    s->tapes = g_ptr_array_new_with_free_func(free_tape);
    s->root = object_new(s, g_strdup(path), g_strdup(""));
    if (!read_all(&r, errp)) {
        snapshot_free(s);
        return NULL;
    }
    object_sort(s->root);
    return s;
}
