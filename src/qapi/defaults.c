/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Defaults of the schema, kept as JSON text. Objects are made by the thousand, so the scalar kinds
 * that make up nearly all defaults are read without a parser.
 */
#include "qapi/engine.h"
#include "qom/options.h"

static bool default_scalar(const QapiType *type, const char *json, void *slot)
{
    switch (type->kind) {
    case QAPI_KIND_BOOL: *(bool *)slot = json[0] == 't'; return true;
    case QAPI_KIND_INT64: return qapi_parse_int64(json, slot);
    case QAPI_KIND_UINT64:
    case QAPI_KIND_SIZE: return qapi_parse_uint64(json, slot);
    case QAPI_KIND_UINT32: {
        uint64_t wide;
        if (!qapi_parse_uint64(json, &wide)) {
            return false;
        }
        *(uint32_t *)slot = (uint32_t)wide; /* the generator has checked the range */
        return true;
    }
    case QAPI_KIND_ENUM: {
        int value = qapi_enum_lookup(type, json + 1, strlen(json) - 2);
        *(int *)slot = MAX(value, 0);
        return value >= 0;
    }
    default: return false;
    }
}

static void default_member(const QapiMember *member, void *object)
{
    bool present =
        member->flag_offset != QAPI_NO_FLAG && *(bool *)slot_at(object, member->flag_offset);
    void *place = slot_at(object, member->offset);
    const QapiType *type = member->type;
    if (!member->default_json || present || default_scalar(type, member->default_json, place)) {
        return;
    }
    bool is_pointer =
        type_is_boxed(type) || type->kind == QAPI_KIND_STR || type->kind == QAPI_KIND_ANY;
    if (is_pointer && *(void **)place) {
        return;
    }
    void *slot = place;
    if (type_is_boxed(type)) {
        slot = *(void **)place = g_malloc0(MAX(type->size, 1));
    }
    QOM_AUTO_ERROR(err);
    if (!qapi_decode_json(NULL, type, member->default_json, strlen(member->default_json), slot,
                          &err)) {
        g_error("default of %s: %s", member->name, qom_error_message(err));
    }
}

void qapi_set_defaults(const QapiType *type, void *value)
{
    if (type->base) {
        qapi_set_defaults(type->base, value);
    }
    for (uint32_t i = 0; i < type->n_members; i++) {
        default_member(&type->members[i], value);
    }
    if (type->kind == QAPI_KIND_UNION) {
        const QapiBranch *branch = qapi_union_branch(type, value);
        if (branch && branch->type) {
            qapi_set_defaults(branch->type, slot_at(value, branch->offset));
        }
    }
}
