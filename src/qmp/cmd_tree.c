/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading many objects in one go: qom-list-get, qomd-tree-get. Results are written straight into
 * the reply.
 */
#include "qmp/session.h"

#include "qapi-commands.h"
#include "qom/object.h"

/* A larger answer is refused: a client asks for less, or in pieces. */
#define TREE_MAX_BYTES (8u << 20)

/* --- Values ---------------------------------------------------------------------------------- */

typedef struct PropertiesWriter {
    JsonWriter *w;
    QomObject *obj;
    bool values;
    bool children; /* list them too */
} PropertiesWriter;

/* The member `value`; left out if the property can not be read now. */
static void write_value(JsonWriter *w, QomObject *obj, const char *name)
{
    JsonWriterMark mark = json_writer_mark(w);

    json_writer_key(w, "value");
    if (!qom_property_get(obj, name, w, NULL)) {
        json_writer_rollback(w, mark);
    }
}

static bool write_property(const QomPropertyView *view, void *opaque)
{
    PropertiesWriter *pw = opaque;

    if (view->child && !pw->children) {
        return true;
    }
    json_writer_begin_object(pw->w);
    json_writer_key(pw->w, "name");
    json_writer_string(pw->w, view->name);
    json_writer_key(pw->w, "type");
    json_writer_string(pw->w, view->type);
    if (pw->values) {
        write_value(pw->w, pw->obj, view->name);
    }
    json_writer_end_object(pw->w);
    return true;
}

static void write_properties(JsonWriter *w, QomObject *obj, bool values, bool children)
{
    PropertiesWriter pw = {.w = w, .obj = obj, .values = values, .children = children};

    json_writer_key(w, "properties");
    json_writer_begin_array(w);
    qom_object_foreach_property(obj, write_property, &pw);
    json_writer_end_array(w);
}

/* --- qom-list-get ---------------------------------------------------------------------------- */

static bool list_get_write(const strList *paths, JsonWriter *w, QomError **errp)
{
    json_writer_begin_array(w);
    for (size_t i = 0; i < paths->n; i++) {
        QomObject *obj = qom_resolve_path_or_error(paths->items[i], true, errp);
        if (!obj) {
            return false;
        }
        json_writer_begin_object(w);
        write_properties(w, obj, true, true);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
    return true;
}

void qmp_qom_list_get(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    q_obj_qom_list_get_arg args;
    QomError *error = NULL;

    if (!qmp_call_decode(call, tape, node, &args, &error) ||
        !list_get_write(&args.paths, qmp_call_begin_return(call), &error)) {
        qmp_call_fail(call, error);
        return;
    }
    qmp_call_end_return(call);
}

/* --- qomd-tree-get --------------------------------------------------------------------------- */

typedef struct TreeWriter {
    JsonWriter *w;
    size_t start_bytes; /* what the writer held before the answer */
    const q_obj_qomd_tree_get_arg *args;
    bool values;
} TreeWriter;

/* Whether @obj, or anything below it within @depth levels, is of the wanted type. */
static bool tree_has_wanted(const TreeWriter *tw, QomObject *obj, uint32_t depth)
{
    if (!tw->args->implements || qom_object_is_a(obj, tw->args->implements)) {
        return true;
    }
    if (depth == 0) {
        return false;
    }
    for (QomObject *child = qom_object_first_child(obj); child;
         child = qom_object_next_sibling(child)) {
        if (tree_has_wanted(tw, child, depth - 1)) {
            return true;
        }
    }
    return false;
}

static bool tree_write(const TreeWriter *tw, QomObject *obj, const char *path, uint32_t depth,
                       QomError **errp);

static bool tree_write_children(const TreeWriter *tw, QomObject *obj, const char *path,
                                uint32_t depth, QomError **errp)
{
    for (QomObject *child = qom_object_first_child(obj); depth > 0 && child;
         child = qom_object_next_sibling(child)) {
        if (!tree_has_wanted(tw, child, depth - 1)) {
            continue;
        }
        g_autofree char *child_path =
            g_strconcat(path, path[1] ? "/" : "", qom_object_name(child), NULL);
        if (!tree_write(tw, child, child_path, depth - 1, errp)) {
            return false;
        }
    }
    return true;
}

static bool tree_write(const TreeWriter *tw, QomObject *obj, const char *path, uint32_t depth,
                       QomError **errp)
{
    JsonWriter *w = tw->w;
    size_t bytes;

    json_writer_begin_object(w);
    json_writer_key(w, "path");
    json_writer_string(w, path);
    json_writer_key(w, "type");
    json_writer_string(w, qom_object_type_name(obj));
    write_properties(w, obj, tw->values, false);
    json_writer_key(w, "children");
    json_writer_begin_array(w);
    if (!tree_write_children(tw, obj, path, depth, errp)) {
        return false;
    }
    json_writer_end_array(w);
    json_writer_end_object(w);
    json_writer_text(w, &bytes);
    bytes -= tw->start_bytes;
    return bytes <= TREE_MAX_BYTES ||
           qom_error_set(errp, "The answer is larger than %u bytes (%zu so far)", TREE_MAX_BYTES,
                         bytes);
}

void qmp_qomd_tree_get(const JsonTape *tape, uint32_t node, QmpCall *call)
{
    q_obj_qomd_tree_get_arg args;
    QomError *error = NULL;
    QomObject *obj;

    if (!qmp_call_decode(call, tape, node, &args, &error) ||
        !(obj = qom_resolve_path_or_error(args.path ? args.path : "/", true, &error))) {
        qmp_call_fail(call, error);
        return;
    }
    TreeWriter tw = {
        .w = qmp_call_begin_return(call), .args = &args, .values = !args.has_values || args.values};
    json_writer_text(tw.w, &tw.start_bytes);
    g_autofree char *path = qom_object_path(obj);
    if (!tree_write(&tw, obj, path ? path : "", args.has_depth ? args.depth : UINT32_MAX, &error)) {
        qmp_call_fail(call, error);
        return;
    }
    qmp_call_end_return(call);
}
