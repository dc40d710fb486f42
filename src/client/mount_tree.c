/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mount_tree.h.
 *
 * What is at a path is found without listing its folder, which may have a million entries: one
 * round trip asks for the value of the last component as a property of the object before it, for
 * the type of that object, and for the type of an object at the whole path. The value of a child
 * is its own canonical path. Paths that come from the kernel never lead through a link, as links
 * are symbolic links here and the kernel follows those by itself.
 */
#include "client/mount_tree.h"

#include "base/log.h"
#include "client/client.h"
#include "client/mount_class.h"
#include "client/snapshot.h"
#include "client/values.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct MountTree {
    Connection *c;
    MountClasses *classes;
    bool log;
};

MountTree *mount_tree_new(Connection *c, bool log)
{
    MountTree *tree = g_new0(MountTree, 1);
    tree->c = c;
    tree->classes = mount_classes_new();
    tree->log = log;
    return tree;
}

void mount_tree_free(MountTree *tree)
{
    if (tree) {
        mount_classes_free(tree->classes);
        g_free(tree);
    }
}

/* --- Errors ---------------------------------------------------------------------------------- */

int mount_errno(const QomError *err)
{
    static const struct {
        const char *part; /* of a GenericError's text, QEMU's words */
        int number;
    } known[] = {
        {"is not writable", EACCES},
        {"is not readable", EACCES},
        {"Insufficient permission", EACCES},
        {"in use", EBUSY},
        {"not found", ENOENT},
    };
    const char *message = qom_error_message(err);

    switch (qom_error_class(err)) {
    case QOM_ERROR_DEVICE_NOT_FOUND: return ENOENT;
    case QOM_ERROR_COMMAND_NOT_FOUND: return EACCES; /* the monitor's policy forbids it */
    case QOM_ERROR_DEVICE_NOT_ACTIVE: return ENODEV;
    case QOM_ERROR_KVM_MISSING_CAP: return EOPNOTSUPP;
    case QOM_ERROR_GENERIC: break;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strstr(message, known[i].part)) {
            return known[i].number;
        }
    }
    return EINVAL;
}

/* The negative errno value for @err; EIO if the connection has failed. */
static int refuse(const MountTree *tree, const char *path, const QomError *err)
{
    if (connection_broken(tree->c)) {
        return -EIO;
    }
    if (tree->log) {
        g_autoptr(GString) text = g_string_new(NULL);
        print_escaped(text, path, false);
        g_string_append(text, ": ");
        print_escaped(text, qom_error_message(err), false);
        log_error("%s", text->str);
    }
    return -mount_errno(err);
}

/* --- Paths ----------------------------------------------------------------------------------- */

/* Splits @path at the last slash, both parts new memory; the root's only entry has none. */
static void split(const char *path, char **parent, char **name)
{
    const char *slash = strrchr(path, '/');
    *parent = slash == path ? g_strdup("/") : g_strndup(path, (size_t)(slash - path));
    *name = g_strdup(slash + 1);
}

static bool can_be_a_name(const char *name)
{
    return *name && strlen(name) <= NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* Whether the parts of a path lead to a place in the tree: an object that lies nowhere in it has no
 * absolute path, and a server that says `..` would lead out of the mount. */
static bool are_inside(char **parts)
{
    bool inside = parts[0] && !*parts[0] && parts[1];
    bool root = inside && !*parts[1] && !parts[2];
    for (size_t i = 1; inside && !root && parts[i]; i++) {
        inside = can_be_a_name(parts[i]);
    }
    return inside;
}

char *mount_relative(const char *from, const char *to)
{
    g_auto(GStrv) a = g_strsplit(from, "/", -1);
    g_auto(GStrv) b = g_strsplit(to, "/", -1);
    g_autoptr(GString) way = g_string_new(NULL);
    size_t same = 0;

    if (!are_inside(b)) {
        return g_strdup(MOUNT_NO_TARGET);
    }

    while (a[same] && b[same] && !strcmp(a[same], b[same])) {
        same++;
    }
    /* The root, "/", has an empty part behind its slash. */
    for (size_t i = same; a[i]; i++) {
        g_string_append(way, *a[i] ? "../" : "");
    }
    for (size_t i = same; b[i]; i++) {
        g_string_append_printf(way, "%s%s", b[i], *b[i] ? "/" : "");
    }
    return way->len > 0 ? g_strndup(way->str, way->len - 1) : g_strdup(".");
}

/* --- What is there --------------------------------------------------------------------------- */

/* The answers about a path; those that failed are NULL. */
typedef struct Answers {
    JsonTape *value, *type, *owner; /* the property, an object's type, the type of its owner */
    JsonTok value_tok, type_tok, owner_tok;
    QomError *error; /* why there is no value */
} Answers;

static void answers_clear(Answers *a)
{
    json_tape_free(a->value);
    json_tape_free(a->type);
    json_tape_free(a->owner);
    qom_error_free(a->error);
}

static const char *string_at(const JsonTape *tape, JsonTok tok)
{
    return tape && json_tape_type(tape, tok) == JSON_STRING ? json_tok_text(tape, tok, NULL) : NULL;
}

static void send_get(MountTree *tree, const char *path, const char *property)
{
    connection_send_strings(tree->c, "qom-get", "path", path, "property", property, NULL);
}

/* @path may be NULL: no object is looked for there. */
static void ask(MountTree *tree, const char *parent, const char *name, const char *path, Answers *a)
{
    send_get(tree, parent, name);
    send_get(tree, parent, "type");
    if (path) {
        send_get(tree, path, "type");
    }
    a->value = connection_receive(tree->c, &a->value_tok, &a->error);
    a->owner = connection_receive(tree->c, &a->owner_tok, NULL);
    a->type = path ? connection_receive(tree->c, &a->type_tok, NULL) : NULL;
}

/* Whether the error says that the property does not exist. */
static bool is_missing(const Answers *a, const char *name)
{
    const char *owner = string_at(a->owner, a->owner_tok);
    if (!owner || qom_error_class(a->error) == QOM_ERROR_DEVICE_NOT_FOUND) {
        return true;
    }
    g_autofree char *text = g_strdup_printf("Property '%s.%s' not found", owner, name);
    return !strcmp(qom_error_message(a->error), text);
}

/* The class's description of the property, or NULL. */
static const MountProperty *describe(MountTree *tree, const Answers *a, const char *name)
{
    const char *owner = string_at(a->owner, a->owner_tok);
    return owner ? mount_classes_find(tree->classes, tree->c, owner, name) : NULL;
}

/* The type that qom-list tells for a property, new memory; NULL: it is not there. */
static char *listed_type(MountTree *tree, const char *parent, const char *name)
{
    JsonTok list;
    JSON_AUTO_TAPE(tape);

    connection_send_strings(tree->c, "qom-list", "path", parent, NULL);
    tape = connection_receive_list(tree->c, &list, NULL);
    if (!tape) {
        return NULL;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        if (!strcmp(client_member(tape, t, "name"), name)) {
            return g_strdup(client_member(tape, t, "type"));
        }
    }
    return NULL;
}

/* Whether a property of which the class tells nothing is a link: it leads to an object, or it has
 * the value of a link that is not set, and then only the type decides. */
static bool is_own_link(MountTree *tree, const char *parent, const char *name, const Answers *a)
{
    const char *text = string_at(a->value, a->value_tok);
    if (!text || (*text && !a->type)) {
        return false;
    }
    g_autofree char *type = listed_type(tree, parent, name);
    return type && property_is_link(type);
}

/* The node for a property of which @known tells, or which is only known by its name. */
static MountNode property_node(const char *name, const char *type, const MountProperty *known)
{
    if (property_is_child(type)) {
        return (MountNode){.kind = MOUNT_OBJECT};
    }
    if (property_is_link(type)) {
        return (MountNode){.kind = MOUNT_LINK};
    }
    return (MountNode){MOUNT_FILE, known ? known->readable : true,
                       known ? known->writable : strcmp(name, "type") != 0};
}

int mount_tree_look(MountTree *tree, const char *path, MountNode *node)
{
    g_autofree char *parent = NULL;
    g_autofree char *name = NULL;
    __attribute__((cleanup(answers_clear))) Answers a = {0};

    *node = (MountNode){.kind = MOUNT_OBJECT};
    if (!strcmp(path, "/")) {
        return 0;
    }
    split(path, &parent, &name);
    ask(tree, parent, name, path, &a);
    if (connection_broken(tree->c)) {
        return -EIO;
    }
    if (!a.value && is_missing(&a, name)) {
        return -ENOENT;
    }
    if (a.type && !g_strcmp0(string_at(a.value, a.value_tok), path)) {
        return 0;
    }
    const MountProperty *known = describe(tree, &a, name);
    const char *type = known ? known->type : is_own_link(tree, parent, name, &a) ? "link<>" : "";
    *node = property_node(name, type, known);
    if (!known && !a.value && mount_errno(a.error) == EACCES) {
        node->readable = false;
    }
    return connection_broken(tree->c) ? -EIO : 0;
}

int mount_tree_list(MountTree *tree, const char *path, MountListFn *fn, void *opaque)
{
    JsonTok list;
    JsonTok type;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);
    JSON_AUTO_TAPE(type_tape);

    connection_send_strings(tree->c, "qom-list", "path", path, NULL);
    send_get(tree, path, "type");
    tape = connection_receive(tree->c, &list, &err);
    type_tape = connection_receive(tree->c, &type, NULL);
    if (!tape) {
        return refuse(tree, path, err);
    }
    const char *owner = string_at(type_tape, type);
    if (json_tape_type(tape, list) != JSON_ARRAY) {
        return -EIO;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        const char *name = client_member(tape, t, "name");
        if (!can_be_a_name(name)) {
            continue;
        }
        MountNode node =
            property_node(name, client_member(tape, t, "type"),
                          owner ? mount_classes_find(tree->classes, tree->c, owner, name) : NULL);
        int rc = fn(name, &node, opaque);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* --- Values ---------------------------------------------------------------------------------- */

/* Asks for the property at @path of the object at *parent (new memory): 0, or a negative errno
 * value. */
static int get_value(MountTree *tree, const char *path, char **parent, JsonTape **tape,
                     JsonTok *value)
{
    g_autofree char *name = NULL;
    QOM_AUTO_ERROR(err);

    split(path, parent, &name);
    send_get(tree, *parent, name);
    *tape = connection_receive(tree->c, value, &err);
    return *tape ? 0 : refuse(tree, path, err);
}

int mount_tree_read(MountTree *tree, const char *path, char **text, size_t *len)
{
    g_autofree char *parent = NULL;
    JsonTok value;
    JSON_AUTO_TAPE(tape);

    int rc = get_value(tree, path, &parent, &tape, &value);
    if (rc != 0) {
        return rc;
    }
    g_autofree char *shown = json_tape_type(tape, value) == JSON_STRING
                                 ? json_tape_dup_string(tape, value, NULL)
                                 : json_tape_copy_subtree(tape, value, NULL);
    *text = g_strconcat(shown, "\n", NULL);
    *len = strlen(*text);
    return 0;
}

/* Writes the arguments of qom-set. */
static bool write_arguments(JsonWriter *w, const char *parent, const char *name, ValueKind kind,
                            const char *text, QomError **errp)
{
    value_begin(w, parent, name);
    json_writer_key(w, "value");
    if (!value_write(w, kind, text, errp)) {
        return false;
    }
    json_writer_end_object(w);
    return true;
}

int mount_tree_write(MountTree *tree, const char *path, const char *text, size_t len)
{
    g_autofree char *parent = NULL;
    g_autofree char *name = NULL;
    JsonTok returned;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);
    JSON_AUTO_WRITER(w);
    __attribute__((cleanup(answers_clear))) Answers a = {0};

    len -= len > 0 && text[len - 1] == '\n' ? 1 : 0;
    if (!g_utf8_validate(text, (gssize)len, NULL)) {
        return -EINVAL;
    }
    g_autofree char *value = g_strndup(text, len);
    split(path, &parent, &name);
    ask(tree, parent, name, NULL, &a);
    if (connection_broken(tree->c)) {
        return -EIO;
    }
    const MountProperty *known = describe(tree, &a, name);
    w = json_writer_new(false);
    if (!write_arguments(w, parent, name,
                         value_kind(known ? known->type : "", a.value, a.value_tok), value, &err)) {
        return refuse(tree, path, err);
    }
    connection_send(tree->c, "qom-set", json_writer_text(w, NULL));
    json_writer_wipe(w); /* it may be a secret */
    explicit_bzero(value, len);
    tape = connection_receive(tree->c, &returned, &err);
    return tape ? 0 : refuse(tree, path, err);
}

int mount_tree_target(MountTree *tree, const char *path, char **target)
{
    g_autofree char *parent = NULL;
    JsonTok value;
    JSON_AUTO_TAPE(tape);

    int rc = get_value(tree, path, &parent, &tape, &value);
    if (rc != 0) {
        return rc;
    }
    const char *to = string_at(tape, value);
    if (!to) {
        return -EINVAL;
    }
    *target = mount_relative(parent, to);
    return 0;
}

int mount_tree_remove(MountTree *tree, const char *path)
{
    g_autofree char *parent = NULL;
    g_autofree char *name = NULL;
    JsonTok value;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    split(path, &parent, &name);
    if (strcmp(parent, "/objects") != 0) {
        return -EPERM;
    }
    connection_send_strings(tree->c, "object-del", "id", name, NULL);
    tape = connection_receive(tree->c, &value, &err);
    return tape ? 0 : refuse(tree, path, err);
}
