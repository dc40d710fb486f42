/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole values: free, copy, compare. Each is one walk over a descriptor. Clearing must also do for
 * half-built values, so it looks at pointers only, never at presence flags.
 */
#include "qapi/engine.h"

const QapiBranch *qapi_union_branch(const QapiType *type, const void *object)
{
    int value = *(const int *)slot_at(object, type->tag->offset);
    return value >= 0 && (uint32_t)value < type->n_branches ? &type->branches[value] : NULL;
}

const QapiBranch *qapi_alternate_branch(const QapiType *type, const void *object)
{
    QType held = *(const QType *)object;
    for (uint32_t i = 0; i < type->n_branches; i++) {
        if (held != QTYPE_NONE && qapi_type_qtype(type->branches[i].type) == held) {
            return &type->branches[i];
        }
    }
    return NULL;
}

void qapi_wipe_string(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        g_free(text);
    }
}

/* --- Freeing --------------------------------------------------------------------------------- */

static void free_pieces(const QapiType *type, void *slot);

static void free_member(const QapiMember *member, void *object)
{
    void *place = slot_at(object, member->offset);
    if (!type_is_boxed(member->type)) {
        free_pieces(member->type, place);
        return;
    }
    void *boxed = *(void **)place;
    if (boxed) {
        free_pieces(member->type, boxed);
        g_free(boxed);
    }
}

static void free_members(const QapiType *type, void *object)
{
    if (type->base) {
        free_members(type->base, object);
    }
    for (uint32_t i = 0; i < type->n_members; i++) {
        free_member(&type->members[i], object);
    }
    if (type->kind == QAPI_KIND_UNION) {
        const QapiBranch *branch = qapi_union_branch(type, object);
        if (branch && branch->type) {
            free_members(branch->type, slot_at(object, branch->offset));
        }
    }
}

static void free_list(const QapiType *type, QapiList *list)
{
    for (size_t i = 0; list->items && i < list->n; i++) {
        free_pieces(type->element, slot_at(list->items, i * type->element->size));
    }
    g_free(list->items);
}

/* Frees what the value owns and leaves its pointers dangling. */
static void free_pieces(const QapiType *type, void *slot)
{
    switch (type->kind) {
    case QAPI_KIND_STR:
    case QAPI_KIND_ANY: qapi_wipe_string(*(char **)slot); break;
    case QAPI_KIND_LIST: free_list(type, slot); break;
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION: free_members(type, slot); break;
    case QAPI_KIND_ALTERNATE: {
        const QapiBranch *branch = qapi_alternate_branch(type, slot);
        if (branch) {
            free_pieces(branch->type, slot_at(slot, branch->offset));
        }
        break;
    }
    default: break;
    }
}

void qapi_clear(const QapiType *type, void *value)
{
    if (!type || !value) {
        return;
    }
    free_pieces(type, value);
    memset(value, 0, type->size);
}

/* --- Copying --------------------------------------------------------------------------------- */

static void copy_members(const QapiType *type, void *to, const void *from);

static void copy_list(const QapiType *type, QapiList *to, const QapiList *from)
{
    to->n = from->n;
    to->items = from->n ? g_malloc0_n(from->n, type->element->size) : NULL;
    for (size_t i = 0; i < from->n; i++) {
        size_t offset = i * type->element->size;
        qapi_copy(type->element, slot_at(to->items, offset), slot_at(from->items, offset));
    }
}

/* @to is a byte-wise copy of @from; its pieces get copies of their own. */
static void copy_member(const QapiMember *member, void *to, const void *from)
{
    void *place = slot_at(to, member->offset);
    const void *source = member_slot(member, from);
    if (!source) {
        memset(place, 0, type_is_boxed(member->type) ? sizeof(void *) : member->type->size);
        return;
    }
    if (!type_is_boxed(member->type)) {
        qapi_copy(member->type, place, source);
        return;
    }
    void *boxed = *(void **)place = g_malloc0(MAX(member->type->size, 1));
    qapi_copy(member->type, boxed, source);
}

static void copy_members(const QapiType *type, void *to, const void *from)
{
    if (type->base) {
        copy_members(type->base, to, from);
    }
    for (uint32_t i = 0; i < type->n_members; i++) {
        copy_member(&type->members[i], to, from);
    }
    if (type->kind == QAPI_KIND_UNION) {
        const QapiBranch *branch = qapi_union_branch(type, from);
        if (branch && branch->type) {
            copy_members(branch->type, slot_at(to, branch->offset), slot_at(from, branch->offset));
        }
    }
}

void qapi_copy(const QapiType *type, void *to, const void *from)
{
    switch (type->kind) {
    case QAPI_KIND_STR:
    case QAPI_KIND_ANY: *(char **)to = g_strdup(*(char *const *)from); break;
    case QAPI_KIND_LIST: copy_list(type, to, from); break;
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION:
        memcpy(to, from, type->size);
        copy_members(type, to, from);
        break;
    case QAPI_KIND_ALTERNATE: {
        memcpy(to, from, type->size);
        const QapiBranch *branch = qapi_alternate_branch(type, from);
        if (branch) {
            qapi_copy(branch->type, slot_at(to, branch->offset), slot_at(from, branch->offset));
        }
        break;
    }
    default: memcpy(to, from, type->size); break;
    }
}

/* --- Comparing ------------------------------------------------------------------------------- */

static bool equal_members(const QapiType *type, const void *a, const void *b)
{
    if (type->base && !equal_members(type->base, a, b)) {
        return false;
    }
    for (uint32_t i = 0; i < type->n_members; i++) {
        const QapiMember *member = &type->members[i];
        const void *of_a = member_slot(member, a);
        const void *of_b = member_slot(member, b);
        if (!of_a != !of_b || (of_a && !qapi_equal(member->type, of_a, of_b))) {
            return false;
        }
    }
    if (type->kind != QAPI_KIND_UNION) {
        return true;
    }
    const QapiBranch *branch = qapi_union_branch(type, a); /* the same of b: the tags are equal */
    return !branch || !branch->type ||
           equal_members(branch->type, slot_at(a, branch->offset), slot_at(b, branch->offset));
}

static bool equal_lists(const QapiType *type, const QapiList *a, const QapiList *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        size_t offset = i * type->element->size;
        if (!qapi_equal(type->element, slot_at(a->items, offset), slot_at(b->items, offset))) {
            return false;
        }
    }
    return true;
}

static bool equal_alternates(const QapiType *type, const void *a, const void *b)
{
    if (*(const QType *)a != *(const QType *)b) {
        return false;
    }
    const QapiBranch *branch = qapi_alternate_branch(type, a);
    return !branch ||
           qapi_equal(branch->type, slot_at(a, branch->offset), slot_at(b, branch->offset));
}

bool qapi_equal(const QapiType *type, const void *a, const void *b)
{
    switch (type->kind) {
    case QAPI_KIND_STR:
    case QAPI_KIND_ANY: return g_strcmp0(*(char *const *)a, *(char *const *)b) == 0;
    case QAPI_KIND_NULL: return true;
    case QAPI_KIND_NUMBER: return *(const double *)a == *(const double *)b;
    case QAPI_KIND_LIST: return equal_lists(type, a, b);
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION: return equal_members(type, a, b);
    case QAPI_KIND_ALTERNATE: return equal_alternates(type, a, b);
    default: return memcmp(a, b, type->size) == 0;
    }
}
