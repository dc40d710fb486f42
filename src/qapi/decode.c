/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects: from a tape into structs, without a tree in between.
 *
 * A Frame lists the keys of one object of the tape. The members of a type are taken in schema order
 * (base, own, branch), each looking for its key in the frame; keys that nobody took are errors in
 * the end. So a union's tag may stand anywhere, and nothing is read twice. Lookup is a look at the
 * key behind the one found last, which hits when a client sends members in schema order; else a
 * scan of the keys, or of a sorted index when there are many.
 *
 * Option text is flat: keys may belong to a nested struct whose own name is not given. Then several
 * structs (Scopes) share one frame. Each scope first claims the keys of its own members, the outer
 * scope before the inner ones, and finds only what it has claimed.
 */
#include "qapi/decode.h"

#include <stdlib.h>

#define FRAME_FEW    16 /* keys that need neither heap nor index */
#define OWNER_NOBODY 0u
#define OWNER_USED   UINT32_MAX

typedef struct Key {
    const char *name;
    JsonTok tok;    /* the key; its value is the next token */
    uint32_t owner; /* Scope.level that has claimed it, or OWNER_* */
} Key;

typedef struct Frame {
    uint32_t n, n_used, cursor, n_scopes;
    Key *keys;    /* in text order; equal ones (option text only) are neighbours */
    Key **sorted; /* by name, then text order; made when needed */
    Key few[FRAME_FEW];
} Frame;

/* A struct that takes its members from a frame. */
typedef struct Scope {
    Frame *frame;
    const QapiType *type;
    const Place *place;
    const struct Scope *outer; /* of the same frame; NULL: the frame is this scope's own object */
    uint32_t level;            /* JSON: OWNER_NOBODY, there are no claims */
} Scope;

static bool decode_members(Decoder *d, const Scope *scope, const QapiType *layer, void *object,
                           QomError **errp);

/* --- Frames ---------------------------------------------------------------------------------- */

static bool frame_open(const Decoder *d, Frame *frame, JsonTok object)
{
    const JsonToken *tokens = d->tape->tokens;
    const char *text = d->tape->text;
    frame->n = frame->n_used = frame->cursor = frame->n_scopes = 0;
    frame->sorted = NULL;
    uint32_t count = tokens[object].length;
    frame->keys = count <= FRAME_FEW ? frame->few : g_try_new(Key, count);
    if (!frame->keys) {
        return false;
    }
    for (JsonTok tok = object + 1; frame->n < count; tok = tokens[tok + 1].next) {
        frame->keys[frame->n++] = (Key){.name = text + tokens[tok].offset, .tok = tok};
    }
    return true;
}

static void frame_close(Frame *frame)
{
    if (frame->keys != frame->few) {
        g_free(frame->keys);
    }
    g_free(frame->sorted);
}

static int compare_keys(const void *a, const void *b)
{
    const Key *left = *(Key *const *)a;
    const Key *right = *(Key *const *)b;
    int order = strcmp(left->name, right->name);
    return order ? order : (left > right) - (left < right);
}

/* Makes the index; false: there is no memory for it. */
static bool frame_sort(Frame *frame)
{
    if (frame->sorted) {
        return true;
    }
    frame->sorted = g_try_new(Key *, frame->n);
    if (!frame->sorted) {
        return false;
    }
    for (uint32_t i = 0; i < frame->n; i++) {
        frame->sorted[i] = &frame->keys[i];
    }
    qsort(frame->sorted, frame->n, sizeof(Key *), compare_keys);
    return true;
}

/* The first key called @name in the index, whoever owns it. */
static Key *frame_search(Frame *frame, const char *name)
{
    uint32_t low = 0;
    uint32_t high = frame->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(frame->sorted[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < frame->n && strcmp(frame->sorted[low]->name, name) == 0 ? frame->sorted[low]
                                                                         : NULL;
}

static inline bool key_matches(const Key *key, const char *name)
{
    return key->name[0] == name[0] && strcmp(key->name, name) == 0;
}

/* The first key called @name that @owner owns, or NULL. */
static Key *frame_find(Frame *frame, const char *name, uint32_t owner)
{
    Key *found = NULL;
    if (frame->cursor < frame->n && key_matches(&frame->keys[frame->cursor], name)) {
        found = &frame->keys[frame->cursor];
    } else if (frame->n > FRAME_FEW && frame_sort(frame)) {
        found = frame_search(frame, name);
    } else {
        for (uint32_t i = 0; i < frame->n && !found; i++) {
            found = key_matches(&frame->keys[i], name) ? &frame->keys[i] : NULL;
        }
    }
    return found && found->owner == owner ? found : NULL;
}

/* Gives @key and its equal neighbours to @owner; returns how many they are. */
static uint32_t frame_take(const Decoder *d, Frame *frame, Key *key, uint32_t owner)
{
    uint32_t n = 0;
    const Key *end = frame->keys + frame->n;
    do {
        key[n++].owner = owner;
    } while (d->text && key + n < end && strcmp(key[n].name, key->name) == 0);
    if (owner == OWNER_USED) {
        frame->cursor = (uint32_t)(key - frame->keys) + n;
        frame->n_used += n;
    }
    return n;
}

/* --- Flat option text ------------------------------------------------------------------------ */

/* Claims the keys of all members that @layer has, and of the branch that its tag will select. */
static void scope_claim(Decoder *d, const Scope *scope, const QapiType *layer)
{
    Frame *frame = scope->frame;
    if (layer->base) {
        scope_claim(d, scope, layer->base);
    }
    for (uint32_t i = 0; i < layer->n_members; i++) {
        Key *key = frame_find(frame, layer->members[i].name, OWNER_NOBODY);
        if (key) {
            frame_take(d, frame, key, scope->level);
        }
    }
    if (layer->kind != QAPI_KIND_UNION) {
        return;
    }
    Key *tag = frame_find(frame, layer->tag->name, scope->level);
    if (!tag || tok_type(d, tag->tok + 1) != JSON_TEXT) {
        return;
    }
    const char *name = json_tok_text(d->tape, tag->tok + 1, NULL);
    int value = qapi_enum_lookup(layer->tag->type, name, strlen(name));
    if (value >= 0 && layer->branches[value].type) {
        scope_claim(d, scope, layer->branches[value].type);
    }
}

static bool scope_wants_key(const Scope *scope, const QapiType *layer);

/* True if a flat struct of @type inside @outer would find a key that nobody has claimed. */
static bool flat_is_wanted(const Scope *outer, const QapiType *type)
{
    for (const Scope *s = outer; s; s = s->outer) {
        if (s->type == type) {
            return false; /* a type inside itself would claim the same names without end */
        }
    }
    Scope inner = {.frame = outer->frame, .type = type, .outer = outer};
    return scope_wants_key(&inner, type);
}

static bool scope_wants_key(const Scope *scope, const QapiType *layer)
{
    if (layer->base && scope_wants_key(scope, layer->base)) {
        return true;
    }
    for (uint32_t i = 0; i < layer->n_members; i++) {
        const QapiMember *member = &layer->members[i];
        if (frame_find(scope->frame, member->name, OWNER_NOBODY) ||
            (type_has_members(member->type) && flat_is_wanted(scope, member->type))) {
            return true;
        }
    }
    for (uint32_t i = 0; layer->kind == QAPI_KIND_UNION && i < layer->n_branches; i++) {
        const QapiType *branch = layer->branches[i].type;
        if (branch && scope_wants_key(scope, branch)) {
            return true;
        }
    }
    return false;
}

/* --- Members --------------------------------------------------------------------------------- */

static bool member_is_accepted(const Decoder *d, const QapiMember *member, QomError **errp)
{
    return !member->features || qapi_policy_input(d->how.policy, member->features, "parameter",
                                                  member->name, strlen(member->name), errp);
}

/* A struct whose members stand among those of the struct around it. */
static bool decode_flat_member(Decoder *d, const Scope *outer, const QapiMember *member,
                               void *object, QomError **errp)
{
    if (!member_is_accepted(d, member, errp)) {
        return false;
    }
    Scope scope = {.frame = outer->frame,
                   .type = member->type,
                   .place = outer->place,
                   .outer = outer,
                   .level = ++outer->frame->n_scopes};
    scope_claim(d, &scope, member->type);
    void *slot = decode_alloc(d, member->type->size, errp);
    if (!slot) {
        return false;
    }
    *(void **)slot_at(object, member->offset) = slot;
    return decode_members(d, &scope, member->type, slot, errp);
}

static bool decode_absent_member(Decoder *d, const Scope *scope, const QapiMember *member,
                                 void *object, QomError **errp)
{
    if (d->text && type_has_members(member->type) && flat_is_wanted(scope, member->type)) {
        return decode_flat_member(d, scope, member, object, errp);
    }
    if (member->optional) {
        return true;
    }
    Place place = {.up = scope->place, .name = member->name};
    g_autofree char *path = decode_path(d, &place);
    return qom_error_set(errp, "Parameter '%s' is missing", path);
}

static bool is_scalar_list(const QapiType *type)
{
    return type->kind == QAPI_KIND_LIST && !type_is_boxed(type->element) &&
           type->element->kind != QAPI_KIND_LIST;
}

static bool decode_member(Decoder *d, const Scope *scope, const QapiMember *member, void *object,
                          QomError **errp)
{
    Frame *frame = scope->frame;
    Key *key = frame_find(frame, member->name, scope->level);
    if (!key) {
        return decode_absent_member(d, scope, member, object, errp);
    }
    if (!member_is_accepted(d, member, errp)) {
        return false;
    }
    uint32_t n = frame_take(d, frame, key, OWNER_USED);
    Place place = {.up = scope->place, .name = member->name};
    void *slot = slot_at(object, member->offset);
    if (member->flag_offset != QAPI_NO_FLAG) {
        *(bool *)slot_at(object, member->flag_offset) = true;
    }
    JsonTok value = key[n - 1].tok + 1; /* the last wins */
    if (d->text && is_scalar_list(member->type) && tok_type(d, value) == JSON_TEXT) {
        return decode_text_list(d, member->type, key->tok, n, &place, slot, errp);
    }
    if (type_is_boxed(member->type)) {
        void *boxed = decode_alloc(d, member->type->size, errp);
        if (!boxed) {
            return false;
        }
        *(void **)slot = boxed;
        slot = boxed;
    }
    return decode_value(d, member->type, value, &place, slot, errp);
}

/* The members of @layer: the scope's type, one of its bases, or a branch. */
static bool decode_members(Decoder *d, const Scope *scope, const QapiType *layer, void *object,
                           QomError **errp)
{
    if (layer->base && !decode_members(d, scope, layer->base, object, errp)) {
        return false;
    }
    for (uint32_t i = 0; i < layer->n_members; i++) {
        if (!decode_member(d, scope, &layer->members[i], object, errp)) {
            return false;
        }
    }
    if (layer->kind != QAPI_KIND_UNION) {
        return true;
    }
    const QapiBranch *branch = qapi_union_branch(layer, object);
    return !branch || !branch->type ||
           decode_members(d, scope, branch->type, slot_at(object, branch->offset), errp);
}

/* --- Unknown keys ---------------------------------------------------------------------------- */

static void collect_names(const QapiType *layer, const void *object, GPtrArray *names)
{
    if (layer->base) {
        collect_names(layer->base, object, names);
    }
    for (uint32_t i = 0; i < layer->n_members; i++) {
        g_ptr_array_add(names, (void *)layer->members[i].name);
    }
    if (layer->kind == QAPI_KIND_UNION) {
        const QapiBranch *branch = qapi_union_branch(layer, object);
        if (branch && branch->type) {
            collect_names(branch->type, slot_at(object, branch->offset), names);
        }
    }
}

static const char *name_at(const void *names, size_t i)
{
    return ((const GPtrArray *)names)->pdata[i];
}

static bool refuse_unknown(const Decoder *d, const Scope *scope, const void *object,
                           QomError **errp)
{
    const Key *key = scope->frame->keys;
    while (key->owner == OWNER_USED) {
        key++;
    }
    Place place = {.up = scope->place, .name = key->name};
    g_autofree char *path = decode_path(d, &place);
    if (d->text && !decode_text_is_dotted(d)) {
        qom_error_set(errp, "Invalid parameter '%s'", path);
    } else {
        qom_error_set(errp, "Parameter '%s' is unexpected", path);
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    collect_names(scope->type, object, names);
    const char *nearest = qapi_nearest_name(key->name, names->len, name_at, names);
    if (nearest) {
        qom_error_hint(errp, "Did you mean '%s'?", nearest);
    }
    return false;
}

static void ignore_keys(const Decoder *d, Frame *frame)
{
    for (const char *const *name = d->how.ignore_keys; *name; name++) {
        Key *key = frame_find(frame, *name, OWNER_NOBODY);
        if (key) {
            frame_take(d, frame, key, OWNER_USED);
        }
    }
}

bool decode_object(Decoder *d, const QapiType *type, JsonTok tok, const Place *place, void *object,
                   QomError **errp)
{
    if (tok_type(d, tok) != JSON_OBJECT) {
        return decode_wrong_kind(d, place, "object", errp);
    }
    __attribute__((cleanup(frame_close))) Frame frame;
    if (!frame_open(d, &frame, tok)) {
        return decode_no_memory(errp);
    }
    if (tok == d->root && d->how.ignore_keys) {
        ignore_keys(d, &frame);
    }
    Scope scope = {.frame = &frame, .type = type, .place = place};
    if (d->text) {
        scope.level = ++frame.n_scopes;
        scope_claim(d, &scope, type);
    }
    return decode_members(d, &scope, type, object, errp) &&
           (frame.n_used == frame.n || refuse_unknown(d, &scope, object, errp));
}
