/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values to JSON, in schema order; absent members are left out, and those that policy hides. The
 * value comes from our own code: what a handler forgot (a NULL string, an enum out of range)
 * becomes the emptiest value of its kind rather than an error.
 */
#include "qapi/engine.h"

typedef struct Encoder {
    JsonWriter *writer;
    uint64_t hidden; /* features */
} Encoder;

static bool encode_value(Encoder *e, const QapiType *type, const void *slot, QomError **errp);

static bool encode_member(Encoder *e, const QapiMember *member, const void *object, QomError **errp)
{
    if (member->features & e->hidden) {
        return true;
    }
    const void *slot = member_slot(member, object);
    if (!slot && member->optional) {
        return true;
    }
    json_writer_key(e->writer, member->name);
    if (!slot) {
        json_writer_null(e->writer);
        return true;
    }
    if (!encode_value(e, member->type, slot, errp)) {
        qom_error_prefix(errp, "%s: ", member->name);
        return false;
    }
    return true;
}

static bool encode_members(Encoder *e, const QapiType *type, const void *object, QomError **errp)
{
    if (type->base && !encode_members(e, type->base, object, errp)) {
        return false;
    }
    for (uint32_t i = 0; i < type->n_members; i++) {
        if (!encode_member(e, &type->members[i], object, errp)) {
            return false;
        }
    }
    if (type->kind != QAPI_KIND_UNION) {
        return true;
    }
    const QapiBranch *branch = qapi_union_branch(type, object);
    return !branch || !branch->type ||
           encode_members(e, branch->type, slot_at(object, branch->offset), errp);
}

static bool encode_list(Encoder *e, const QapiType *type, const QapiList *list, QomError **errp)
{
    json_writer_begin_array(e->writer);
    for (size_t i = 0; i < list->n; i++) {
        const void *slot = slot_at(list->items, i * type->element->size);
        if (!encode_value(e, type->element, slot, errp)) {
            return false;
        }
    }
    json_writer_end_array(e->writer);
    return true;
}

static bool encode_object(Encoder *e, const QapiType *type, const void *object, QomError **errp)
{
    json_writer_begin_object(e->writer);
    if (!encode_members(e, type, object, errp)) {
        return false;
    }
    json_writer_end_object(e->writer);
    return true;
}

static bool encode_alternate(Encoder *e, const QapiType *type, const void *slot, QomError **errp)
{
    const QapiBranch *branch = qapi_alternate_branch(type, slot);
    if (!branch) {
        json_writer_null(e->writer);
        return true;
    }
    return encode_value(e, branch->type, slot_at(slot, branch->offset), errp);
}

static void encode_any(Encoder *e, const char *json)
{
    if (json) {
        json_writer_raw(e->writer, json, strlen(json));
    } else {
        json_writer_null(e->writer);
    }
}

static bool encode_value(Encoder *e, const QapiType *type, const void *slot, QomError **errp)
{
    JsonWriter *w = e->writer;
    switch (type->kind) {
    case QAPI_KIND_STR: {
        const char *text = *(char *const *)slot;
        json_writer_string(w, text ? text : "");
        return true;
    }
    case QAPI_KIND_ANY: encode_any(e, *(char *const *)slot); return true;
    case QAPI_KIND_NULL: json_writer_null(w); return true;
    case QAPI_KIND_BOOL: json_writer_bool(w, *(const bool *)slot); return true;
    case QAPI_KIND_NUMBER:
        return json_writer_double(w, *(const double *)slot) ||
               qom_error_set(errp, "a number that JSON can't say: infinite, or none");
    case QAPI_KIND_INT8: json_writer_int64(w, *(const int8_t *)slot); return true;
    case QAPI_KIND_INT16: json_writer_int64(w, *(const int16_t *)slot); return true;
    case QAPI_KIND_INT32: json_writer_int64(w, *(const int32_t *)slot); return true;
    case QAPI_KIND_INT64: json_writer_int64(w, *(const int64_t *)slot); return true;
    case QAPI_KIND_UINT8: json_writer_uint64(w, *(const uint8_t *)slot); return true;
    case QAPI_KIND_UINT16: json_writer_uint64(w, *(const uint16_t *)slot); return true;
    case QAPI_KIND_UINT32: json_writer_uint64(w, *(const uint32_t *)slot); return true;
    case QAPI_KIND_UINT64:
    case QAPI_KIND_SIZE: json_writer_uint64(w, *(const uint64_t *)slot); return true;
    case QAPI_KIND_ENUM:
        json_writer_string(w, qapi_enum_name(type, *(const int *)slot));
        return true;
    case QAPI_KIND_LIST: return encode_list(e, type, slot, errp);
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION: return encode_object(e, type, slot, errp);
    case QAPI_KIND_ALTERNATE: return encode_alternate(e, type, slot, errp);
    }
    return true;
}

bool qapi_encode(const QapiType *type, const void *value, const QapiPolicy *policy,
                 JsonWriter *writer, QomError **errp)
{
    Encoder e = {.writer = writer, .hidden = qapi_policy_hidden(policy)};
    JsonWriterMark mark = json_writer_mark(writer);
    if (!encode_value(&e, type, value, errp)) {
        json_writer_rollback(writer, mark);
        return false;
    }
    return true;
}
