/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects that users create and delete: object-add and object-del.
 *
 *     begin --------> complete --------> finish
 *       |  (main)       | (any thread)     (main)
 *       |               v
 *       +-----------> abort              (main)
 *
 * The order of the checks is QEMU's, because clients see which of several faults is reported: the
 * schema's (type, id, members, unexpected ones), the form of the id, whether the type can be had,
 * the values in the order of the properties, links among them, and last whether the id is taken.
 * From then on the id is reserved in the container, but nobody finds the object.
 */
#include "object/internal.h"

#include <string.h>

struct QomCreation {
    QomObject *obj;       /* holds a reference */
    QomObject *container; /* likewise */
    bool completed;
};

/* The schema's names of types; constant once set. */
static const QapiType **names_slot(void)
{
    static const QapiType *names;
    return &names;
}

void qom_creatable_set_names(const QapiType *object_type)
{
    *names_slot() = object_type;
}

const QapiType *creatable_names(void)
{
    return *names_slot();
}

bool qom_id_wellformed(const char *id)
{
    enum { MAX_BYTES = 4095 };
    if (!g_ascii_isalpha(*id) || strnlen(id, MAX_BYTES + 1) > MAX_BYTES) {
        return false;
    }
    while (g_ascii_isalnum(*id) || (*id && strchr("-._", *id))) {
        id++;
    }
    return !*id;
}

/* --- begin ----------------------------------------------------------------------------------- */

/* What the request says, decoded. */
typedef struct Request {
    char *type_name;
    char *id;
    const QomType *type;    /* NULL: known to the schema only */
    const QapiType *config; /* what `decoded` is */
    void *decoded;
} Request;

static void request_clear(Request *request)
{
    if (request->decoded) {
        qapi_clear(request->config, request->decoded);
    }
    g_free(request->decoded);
    g_free(request->type_name);
    g_free(request->id);
}

/* The config of types that have none: takes no members. */
static const QapiType *empty_config(void)
{
    static const QapiType empty = {.name = "Empty", .kind = QAPI_KIND_STRUCT, .size = 1};
    return &empty;
}

/* The value of @member; of option text, where it may stand repeatedly, the last. */
static JsonTok find_value(const JsonTape *tape, uint32_t node, const char *member)
{
    JsonTok found = JSON_NONE;
    for (JsonTok key = json_tape_first(tape, node); key != JSON_NONE;
         key = json_tape_next(tape, node, key)) {
        if (json_tok_equals(tape, key, member)) {
            found = json_tape_value(tape, key);
        }
    }
    return found;
}

static bool decode_name(const JsonTape *tape, uint32_t node, const char *member, char **value,
                        QomError **errp)
{
    JsonTok tok = find_value(tape, node, member);
    if (tok == JSON_NONE) {
        return qom_error_set(errp, "Parameter '%s' is missing", member);
    }
    return qapi_decode(&(QapiDecode){.path = member}, &qapi_type_str, tape, tok, value, errp);
}

/* Finds the type by the schema's enum, its policy included, or among the registered ones. */
static bool request_find_type(Request *request, const JsonTape *tape, uint32_t node,
                              const QapiPolicy *policy, QomError **errp)
{
    if (!decode_name(tape, node, "qom-type", &request->type_name, errp)) {
        return false;
    }
    const char *name = request->type_name;
    const QapiType *names = creatable_names();
    bool in_schema = names && qapi_enum_lookup(names, name, strlen(name)) >= 0;
    request->type = qom_type_find(name);
    if (in_schema) {
        int value;
        JsonTok tok = find_value(tape, node, "qom-type");
        QapiDecode how = {.path = "qom-type", .policy = policy};
        return qapi_decode(&how, names, tape, tok, &value, errp);
    }
    if (names && (!request->type || !qom_type_is_creatable(request->type))) {
        return qom_error_set(errp, "Parameter 'qom-type' does not accept value '%s'", name);
    }
    return true;
}

/* Everything that the schema says. */
static bool request_decode(Request *request, const JsonTape *tape, uint32_t node,
                           const QapiPolicy *policy, QomError **errp)
{
    static const char *const ours[] = {"qom-type", "id", NULL};
    if (json_tape_type(tape, node) != JSON_OBJECT) {
        return qom_error_set(errp, "Invalid parameter type for '<anonymous>', expected: object");
    }
    if (!request_find_type(request, tape, node, policy, errp) ||
        !decode_name(tape, node, "id", &request->id, errp)) {
        return false;
    }
    if (request->type) {
        const QapiType *config = qom_type_config(request->type);
        request->config = config ? config : empty_config();
        request->decoded = g_malloc0(MAX(request->config->size, 1));
        QapiDecode how = {.policy = policy, .ignore_keys = ours};
        if (!qapi_decode(&how, request->config, tape, node, request->decoded, errp)) {
            return false;
        }
    }
    if (!qom_id_wellformed(request->id)) {
        qom_error_set(errp, "Parameter 'id' expects an identifier");
        qom_error_hint(errp, "Identifiers consist of letters, digits, '-', '.', '_', starting with "
                             "a letter.");
        return false;
    }
    return true;
}

/* Whether objects of the type can be had; loads its code. */
static bool request_check_type(const Request *request, QomError **errp)
{
    const QomType *type = request->type;
    if (!type || qom_type_is_interface(type)) {
        return qom_error_set(errp, "invalid object type: %s", request->type_name);
    }
    if (!qom_type_is_a(type, QOM_TYPE_USER_CREATABLE)) {
        return qom_error_set(errp, "object type '%s' isn't supported by object-add",
                             request->type_name);
    }
    if (qom_type_is_abstract(type)) {
        return qom_error_set(errp, "object type '%s' is abstract", request->type_name);
    }
    return qom_type_load(type, errp);
}

bool qom_object_add_check(const JsonTape *tape, uint32_t node, const QapiPolicy *policy,
                          QomError **errp)
{
    Request request __attribute__((cleanup(request_clear))) = {};
    return request_decode(&request, tape, node, policy, errp) && request_check_type(&request, errp);
}

/* @obj: what the id is for, NULL if it is not known yet. */
static void reserve(QomObject *container, const char *id, QomObject *obj)
{
    QomExtras *extras = object_extras(container);
    if (!extras->reserved) {
        extras->reserved = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    g_hash_table_insert(extras->reserved, g_strdup(id), obj);
}

bool qom_objects_reserve(const char *id)
{
    QomObject *container = qom_objects();
    if (object_name_taken(container, id)) {
        return false;
    }
    reserve(container, id, NULL);
    return true;
}

void qom_objects_unreserve(const char *id)
{
    g_hash_table_remove(object_extras(qom_objects())->reserved, id);
}

/* Gives the id back and frees @creation but for its reference to the object. */
static QomObject *creation_end(QomCreation *creation)
{
    QomObject *obj = creation->obj;
    g_hash_table_remove(creation->container->extras->reserved, obj->name);
    qom_object_unref(creation->container);
    g_free(creation);
    return obj;
}

QomCreation *qom_object_add_begin(const JsonTape *tape, uint32_t node, const QapiPolicy *policy,
                                  QomError **errp)
{
    Request request __attribute__((cleanup(request_clear))) = {};
    QomObject *container = qom_objects();
    if (!request_decode(&request, tape, node, policy, errp) ||
        !request_check_type(&request, errp)) {
        return NULL;
    }
    QOM_AUTO_UNREF QomObject *obj = qom_object_new(qom_type_name(request.type));
    if (request.config != empty_config() && !config_adopt(obj, request.decoded, errp)) {
        return NULL;
    }
    if (object_name_taken(container, request.id)) {
        object_duplicate_error(container, request.id, errp);
        return NULL;
    }
    QomCreation *creation = g_new0(QomCreation, 1);
    creation->obj = qom_object_ref(obj);
    creation->container = qom_object_ref(container);
    reserve(container, request.id, obj);
    obj->name = g_strdup(request.id);
    return creation;
}

/* --- complete, finish, abort -------------------------------------------------------------------
 */

static const QomUserCreatable *creatable_of(const QomObject *obj)
{
    static const QomUserCreatable nothing;
    const QomUserCreatable *vtable = qom_object_interface(obj, QOM_TYPE_USER_CREATABLE);
    return vtable ? vtable : &nothing;
}

QomObject *qom_creation_object(const QomCreation *creation)
{
    return creation->obj;
}

bool qom_object_add_blocks(const QomCreation *creation)
{
    const QomUserCreatable *vtable = creatable_of(creation->obj);
    return vtable->complete && vtable->complete_blocks && vtable->complete_blocks(creation->obj);
}

bool qom_object_add_complete(QomCreation *creation, QomError **errp)
{
    const QomUserCreatable *vtable = creatable_of(creation->obj);
    creation->completed = !vtable->complete || vtable->complete(creation->obj, errp);
    return creation->completed;
}

QomObject *qom_object_add_finish(QomCreation *creation)
{
    g_assert(creation->completed);
    QOM_AUTO_UNREF QomObject *container = qom_object_ref(creation->container);
    QomObject *obj = creation_end(creation);
    g_autofree char *id = g_steal_pointer(&obj->name);
    obj->flags |= OBJECT_COMPLETED;
    qom_object_add_child(container, id, obj, NULL);
    const QomUserCreatable *vtable = creatable_of(obj);
    if (vtable->published) {
        vtable->published(obj);
    }
    qom_object_unref(obj); /* the container has its own reference */
    return obj;
}

void qom_object_add_abort(QomCreation *creation)
{
    QomObject *obj = creation_end(creation);
    g_clear_pointer(&obj->name, g_free);
    qom_object_unref(obj);
}

static void cancel(QomObject *obj)
{
    const QomUserCreatable *vtable = creatable_of(obj);
    if (vtable->cancel) {
        vtable->cancel(obj);
    }
}

void qom_objects_cancel(void)
{
    QomObject *container = qom_objects();
    for (QomObject *obj = qom_object_first_child(container); obj;
         obj = qom_object_next_sibling(obj)) {
        cancel(obj);
    }
    GHashTableIter iter;
    void *obj;
    if (object_extras(container)->reserved) {
        g_hash_table_iter_init(&iter, object_extras(container)->reserved);
        while (g_hash_table_iter_next(&iter, NULL, &obj)) {
            if (obj) {
                cancel(obj);
            }
        }
    }
}

QomObject *qom_object_add(const JsonTape *tape, uint32_t node, const QapiPolicy *policy,
                          QomError **errp)
{
    QomCreation *creation = qom_object_add_begin(tape, node, policy, errp);
    if (!creation) {
        return NULL;
    }
    if (!qom_object_add_complete(creation, errp)) {
        qom_object_add_abort(creation);
        return NULL;
    }
    return qom_object_add_finish(creation);
}

QomObject *qom_object_add_json(const char *json, const QapiPolicy *policy, QomError **errp)
{
    JSON_AUTO_TAPE(tape);
    tape = json_parse_text(json, strlen(json), errp);
    if (!tape) {
        return NULL;
    }
    QomObject *obj = qom_object_add(tape, JSON_ROOT, policy, errp);
    json_tape_wipe(tape);
    return obj;
}

bool qom_object_complete(QomObject *obj, QomError **errp)
{
    const QomUserCreatable *vtable = creatable_of(obj);
    g_assert(!(obj->flags & OBJECT_COMPLETED));
    if (!config_check_mandatory(obj, errp) || (vtable->complete && !vtable->complete(obj, errp))) {
        return false;
    }
    obj->flags |= OBJECT_COMPLETED;
    if (vtable->published) {
        vtable->published(obj);
    }
    return true;
}

/* --- object-del ------------------------------------------------------------------------------ */

static bool in_use_error(const QomObject *obj, const char *id, QomError **errp)
{
    g_autoptr(GString) users = g_string_new(NULL);
    users_describe(obj, users);
    return qom_error_set(errp, "object '%s' is in use, can not be deleted%s", id, users->str);
}

bool qom_object_del(const char *id, QomError **errp)
{
    QomObject *obj = qom_object_child(qom_objects(), id);
    if (!obj) {
        return qom_error_set(errp, "object '%s' not found", id);
    }
    if (qom_object_in_use(obj)) {
        return in_use_error(obj, id, errp);
    }
    const QomUserCreatable *vtable = creatable_of(obj);
    QOM_AUTO_ERROR(err);
    if (vtable->can_be_deleted && !vtable->can_be_deleted(obj, &err)) {
        return err ? qom_error_propagate(errp, g_steal_pointer(&err)) : in_use_error(obj, id, errp);
    }
    qom_object_unparent(obj);
    return true;
}
