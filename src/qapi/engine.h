/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the engine share. A "slot" is where a value lives: for a struct, union or
 * alternate that is the struct itself, and a member of such a type holds a pointer to the slot.
 */
#ifndef QAPI_ENGINE_H
#define QAPI_ENGINE_H

#include "qom/qapi.h"
#include "json/tape.h"

#include <glib.h>
#include <string.h>

/* Every list type has this shape. */
typedef struct QapiList {
    size_t n;
    void *items;
} QapiList;

static inline void *slot_at(const void *object, size_t offset)
{
    return (char *)object + offset;
}

/* True if members of this type are pointers to their slot. */
static inline bool type_is_boxed(const QapiType *type)
{
    return type->kind == QAPI_KIND_STRUCT || type->kind == QAPI_KIND_UNION ||
           type->kind == QAPI_KIND_ALTERNATE;
}

static inline bool type_has_members(const QapiType *type)
{
    return type->kind == QAPI_KIND_STRUCT || type->kind == QAPI_KIND_UNION;
}

/* A member's slot in @object; NULL for an absent optional, or a pointer that was never set. */
static inline void *member_slot(const QapiMember *member, const void *object)
{
    void *place = slot_at(object, member->offset);
    if (member->flag_offset != QAPI_NO_FLAG && !*(bool *)slot_at(object, member->flag_offset)) {
        return NULL;
    }
    if (type_is_boxed(member->type)) {
        return *(void **)place;
    }
    bool is_pointer = member->type->kind == QAPI_KIND_STR || member->type->kind == QAPI_KIND_ANY;
    if (is_pointer && member->optional && !*(char **)place) {
        return NULL;
    }
    return place;
}

/* The kind of JSON value that @type is on the wire; QTYPE_NONE for `any` and alternates. */
QType qapi_type_qtype(const QapiType *type);

/* The branch that the tag of the union value @object selects; NULL if it names none. */
const QapiBranch *qapi_union_branch(const QapiType *type, const void *object);

/* The branch that the alternate value @object holds, or NULL. */
const QapiBranch *qapi_alternate_branch(const QapiType *type, const void *object);

/* Frees and wipes a string; NULL is fine. */
void qapi_wipe_string(char *text);

/* The lowest and highest value of an integer kind; as bounds of uint64_t for the unsigned ones. */
bool qapi_kind_is_signed(QapiKind kind);
int64_t qapi_kind_min(QapiKind kind);
uint64_t qapi_kind_max(QapiKind kind);
/* As error texts name the narrow ones, "int8_t" and so on. */
const char *qapi_kind_ctype(QapiKind kind);

/* A number in C's notation at *p, which moves behind it; false if there is none that fits. */
bool qapi_scan_int64(const char **p, int64_t *value);
bool qapi_scan_uint64(const char **p, uint64_t *value);

/*
 * The name among @n that is closest to @name, or NULL if none is near. @get returns the name with
 * an index.
 */
const char *qapi_nearest_name(const char *name, size_t n, const char *(*get)(const void *, size_t),
                              const void *names);

/* Checks @features of the input @what ("parameter", "value", "command") called @name (of @len
 * bytes). */
bool qapi_policy_input(const QapiPolicy *policy, uint64_t features, const char *what,
                       const char *name, size_t len, QomError **errp);

/* The features whose bearers are not put out. */
uint64_t qapi_policy_hidden(const QapiPolicy *policy);

#endif
