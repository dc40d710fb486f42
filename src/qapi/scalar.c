/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The decoder's entry, and all values but objects. The texts and their choice follow the sheet on
 * QAPI, section 12.2.
 */
#include "qapi/decode.h"
#include "qom/options.h"

#include <stdalign.h>

/* Values up to this size are built on the stack before they replace the caller's. */
#define SMALL_VALUE_BYTES 512

/* Room that a list starts with. */
#define LIST_FIRST_ELEMENTS 256

/* --- Errors ---------------------------------------------------------------------------------- */

static void append_place(GString *path, const Decoder *d, const Place *place)
{
    if (!place->name) {
        if (path->len == 0) {
            g_string_append(path, "<anonymous>");
        }
        g_string_append_printf(path, d->text ? ".%zu" : "[%zu]", place->index);
        return;
    }
    if (path->len > 0) {
        g_string_append_c(path, '.');
    }
    g_string_append_len(path, place->name, (gssize)strnlen(place->name, DECODE_SHOWN_BYTES));
}

char *decode_path(const Decoder *d, const Place *place)
{
    g_autoptr(GPtrArray) chain = g_ptr_array_new();
    for (; place; place = place->up) {
        g_ptr_array_add(chain, (void *)place);
    }
    GString *path = g_string_new(d->how.path);
    for (guint i = chain->len; i-- > 0;) {
        append_place(path, d, chain->pdata[i]);
    }
    if (path->len == 0) {
        g_string_append(path, "<anonymous>");
    }
    return g_string_free(path, FALSE);
}

bool decode_wrong_kind(const Decoder *d, const Place *place, const char *expected, QomError **errp)
{
    g_autofree char *path = decode_path(d, place);
    return qom_error_set(errp, "Invalid parameter type for '%s', expected: %s", path, expected);
}

bool decode_expects(const Decoder *d, const Place *place, const char *expected, QomError **errp)
{
    g_autofree char *path = decode_path(d, place);
    return qom_error_set(errp, "Parameter '%s' expects %s", path, expected);
}

bool decode_no_memory(QomError **errp)
{
    return qom_error_set(errp, "Out of memory for the arguments");
}

/* --- Numbers --------------------------------------------------------------------------------- */

bool decode_store_int64(QapiKind kind, int64_t value, void *slot)
{
    if (value < qapi_kind_min(kind) || value > (int64_t)qapi_kind_max(kind)) {
        return false;
    }
    switch (kind) {
    case QAPI_KIND_INT8: *(int8_t *)slot = (int8_t)value; break;
    case QAPI_KIND_INT16: *(int16_t *)slot = (int16_t)value; break;
    case QAPI_KIND_INT32: *(int32_t *)slot = (int32_t)value; break;
    default: *(int64_t *)slot = value; break;
    }
    return true;
}

bool decode_store_uint64(QapiKind kind, uint64_t value, void *slot)
{
    if (value > qapi_kind_max(kind)) {
        return false;
    }
    switch (kind) {
    case QAPI_KIND_UINT8: *(uint8_t *)slot = (uint8_t)value; break;
    case QAPI_KIND_UINT16: *(uint16_t *)slot = (uint16_t)value; break;
    case QAPI_KIND_UINT32: *(uint32_t *)slot = (uint32_t)value; break;
    default: *(uint64_t *)slot = value; break;
    }
    return true;
}

static bool decode_signed(Decoder *d, QapiKind kind, JsonTok tok, const Place *place, void *slot,
                          QomError **errp)
{
    int64_t value;
    switch (json_tok_int64(d->tape, tok, &value)) {
    case JSON_NUMBER_KIND: return decode_wrong_kind(d, place, "integer", errp);
    case JSON_NUMBER_RANGE:
        return kind == QAPI_KIND_INT64 ? decode_wrong_kind(d, place, "integer", errp)
                                       : decode_expects(d, place, qapi_kind_ctype(kind), errp);
    case JSON_NUMBER_OK: break;
    }
    return decode_store_int64(kind, value, slot) ||
           decode_expects(d, place, qapi_kind_ctype(kind), errp);
}

static bool decode_unsigned(Decoder *d, QapiKind kind, JsonTok tok, const Place *place, void *slot,
                            QomError **errp)
{
    uint64_t value;
    if (json_tok_uint64(d->tape, tok, &value) == JSON_NUMBER_OK) {
        return decode_store_uint64(kind, value, slot) ||
               decode_expects(d, place, qapi_kind_ctype(kind), errp);
    }
    /* A negative number is out of the range of a narrow kind; all else is no uint64 to begin with
     */
    int64_t negative;
    bool is_negative = json_tok_int64(d->tape, tok, &negative) == JSON_NUMBER_OK;
    return decode_expects(d, place, is_negative ? qapi_kind_ctype(kind) : "uint64", errp);
}

/* --- Strings --------------------------------------------------------------------------------- */

bool decode_str(Decoder *d, JsonTok tok, const Place *place, char **slot, QomError **errp)
{
    const JsonToken *token = &d->tape->tokens[tok];
    if (token->type != JSON_STRING && token->type != JSON_TEXT) {
        return decode_wrong_kind(d, place, "string", errp);
    }
    if (token->flags & JSON_FLAG_NUL) {
        g_autofree char *path = decode_path(d, place);
        return qom_error_set(errp, "Parameter '%s' must not contain the character U+0000", path);
    }
    size_t room = (size_t)token->length + 1;
    char *text = decode_alloc(d, room, errp);
    if (!text) {
        return false;
    }
    memcpy(text, d->tape->text + token->offset, room);
    *slot = text;
    return true;
}

static const char *value_at(const void *type, size_t i)
{
    return ((const QapiType *)type)->values[i].name;
}

static bool refuse_enum(const Decoder *d, const QapiType *type, const char *name,
                        const Place *place, QomError **errp)
{
    g_autofree char *path = decode_path(d, place);
    qom_error_set(errp, "Parameter '%s' does not accept value '%.*s'", path, DECODE_SHOWN_BYTES,
                  name);
    const char *nearest = qapi_nearest_name(name, type->n_values, value_at, type);
    if (nearest) {
        qom_error_hint(errp, "Did you mean '%s'?", nearest);
    }
    return false;
}

bool decode_enum(Decoder *d, const QapiType *type, JsonTok tok, const Place *place, int *slot,
                 QomError **errp)
{
    const JsonToken *token = &d->tape->tokens[tok];
    if (token->type != JSON_STRING && token->type != JSON_TEXT) {
        return decode_wrong_kind(d, place, "string", errp);
    }
    const char *name = d->tape->text + token->offset;
    size_t len = token->length;
    int value = qapi_enum_lookup(type, name, len);
    if (value < 0) {
        return refuse_enum(d, type, name, place, errp);
    }
    uint64_t features = type->values[value].features;
    if (features && !qapi_policy_input(d->how.policy, features, "value", name, len, errp)) {
        return false;
    }
    *slot = value;
    return true;
}

static bool decode_any(Decoder *d, JsonTok tok, char **slot, QomError **errp)
{
    JSON_AUTO_WRITER(w);
    size_t len;
    w = json_writer_new(false);
    json_writer_soften(w);
    if (d->text) {
        decode_text_any(d, tok, w);
    } else {
        json_writer_subtree(w, d->tape, tok);
    }
    g_autofree char *json = json_writer_steal(w, &len);
    if (!json) {
        return decode_no_memory(errp);
    }
    if (!d->how.arena) {
        *slot = g_steal_pointer(&json);
        return true;
    }
    char *text = decode_alloc(d, len + 1, errp);
    if (text) {
        *slot = memcpy(text, json, len + 1);
    }
    explicit_bzero(json, len);
    return text != NULL;
}

/* --- Lists and alternates -------------------------------------------------------------------- */

/* Makes room for @capacity elements; those behind the old ones are zero. */
static bool list_grow(const Decoder *d, QapiList *list, size_t size, size_t capacity,
                      QomError **errp)
{
    void *items = decode_alloc(d, capacity * size, errp);
    if (!items) {
        return false;
    }
    if (list->n > 0) {
        memcpy(items, list->items, list->n * size);
    }
    if (!d->how.arena) {
        g_free(list->items);
    }
    list->items = items;
    list->n = capacity;
    return true;
}

/* Room grows with the elements that were good, not with those that are promised: a megabyte of
 * `0,0,0` must not cost a hundred of structs. */
static bool decode_list(Decoder *d, const QapiType *type, JsonTok tok, const Place *place,
                        QapiList *list, QomError **errp)
{
    const JsonToken *tokens = d->tape->tokens;
    if (tokens[tok].type != JSON_ARRAY) {
        return decode_wrong_kind(d, place, "array", errp);
    }
    size_t size = type->element->size;
    size_t n = tokens[tok].length;
    Place here = {.up = place};
    for (JsonTok child = tok + 1; here.index < n; here.index++, child = tokens[child].next) {
        size_t more = MIN(n, MAX(list->n * 4, LIST_FIRST_ELEMENTS));
        if (here.index == list->n && !list_grow(d, list, size, more, errp)) {
            return false;
        }
        void *slot = slot_at(list->items, here.index * size);
        if (!decode_value(d, type->element, child, &here, slot, errp)) {
            return false;
        }
    }
    return true;
}

static QType qtype_of_json(JsonType type)
{
    switch (type) {
    case JSON_NULL: return QTYPE_QNULL;
    case JSON_BOOL: return QTYPE_QBOOL;
    case JSON_INTEGER:
    case JSON_DOUBLE: return QTYPE_QNUM;
    case JSON_STRING:
    case JSON_TEXT: return QTYPE_QSTRING;
    case JSON_OBJECT: return QTYPE_QDICT;
    case JSON_ARRAY: return QTYPE_QLIST;
    }
    return QTYPE_NONE;
}

static bool decode_alternate(Decoder *d, const QapiType *type, JsonTok tok, const Place *place,
                             void *slot, QomError **errp)
{
    QType *held = slot;
    *held = qtype_of_json(tok_type(d, tok));
    const QapiBranch *branch = qapi_alternate_branch(type, slot);
    if (!branch) {
        return decode_wrong_kind(d, place, type->name, errp);
    }
    return decode_value(d, branch->type, tok, place, slot_at(slot, branch->offset), errp);
}

/* --- Any value ------------------------------------------------------------------------------- */

bool decode_value(Decoder *d, const QapiType *type, JsonTok tok, const Place *place, void *slot,
                  QomError **errp)
{
    JsonType json = tok_type(d, tok);
    if (d->text && type->kind < QAPI_KIND_LIST && type->kind != QAPI_KIND_ANY) {
        return decode_text_scalar(d, type, tok, place, slot, errp);
    }
    switch (type->kind) {
    case QAPI_KIND_STR: return decode_str(d, tok, place, slot, errp);
    case QAPI_KIND_ANY: return decode_any(d, tok, slot, errp);
    case QAPI_KIND_NULL: return json == JSON_NULL || decode_wrong_kind(d, place, "null", errp);
    case QAPI_KIND_BOOL:
        if (json != JSON_BOOL) {
            return decode_wrong_kind(d, place, "boolean", errp);
        }
        *(bool *)slot = json_tok_bool(d->tape, tok);
        return true;
    case QAPI_KIND_NUMBER:
        return json_tok_double(d->tape, tok, slot) == JSON_NUMBER_OK ||
               decode_wrong_kind(d, place, "number", errp);
    case QAPI_KIND_INT8:
    case QAPI_KIND_INT16:
    case QAPI_KIND_INT32:
    case QAPI_KIND_INT64: return decode_signed(d, type->kind, tok, place, slot, errp);
    case QAPI_KIND_UINT8:
    case QAPI_KIND_UINT16:
    case QAPI_KIND_UINT32:
    case QAPI_KIND_UINT64:
    case QAPI_KIND_SIZE: return decode_unsigned(d, type->kind, tok, place, slot, errp);
    case QAPI_KIND_ENUM: return decode_enum(d, type, tok, place, slot, errp);
    case QAPI_KIND_LIST: return decode_list(d, type, tok, place, slot, errp);
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION: return decode_object(d, type, tok, place, slot, errp);
    case QAPI_KIND_ALTERNATE: return decode_alternate(d, type, tok, place, slot, errp);
    }
    return false;
}

/* A tape is option text if its first scalar is. */
static bool is_option_text(const JsonTape *tape, JsonTok tok)
{
    const JsonToken *token = &tape->tokens[tok];
    while ((token->type == JSON_OBJECT || token->type == JSON_ARRAY) && token->length > 0) {
        token += token->type == JSON_OBJECT ? 2 : 1;
    }
    return token->type == JSON_TEXT;
}

bool qapi_decode(const QapiDecode *how, const QapiType *type, const JsonTape *tape, uint32_t node,
                 void *out, QomError **errp)
{
    alignas(max_align_t) char small[SMALL_VALUE_BYTES];
    bool is_small = type->size <= sizeof(small);
    void *value = is_small ? memset(small, 0, type->size) : g_malloc0(type->size);
    Decoder d = {.tape = tape, .root = node, .text = is_option_text(tape, node)};
    if (how) {
        d.how = *how;
    }
    bool good = decode_value(&d, type, node, NULL, value, errp);
    if (good) {
        memcpy(out, value, type->size);
    } else if (!d.how.arena) {
        qapi_clear(type, value);
    }
    if (!is_small) {
        g_free(value);
    }
    return good;
}

bool qapi_decode_json(const QapiDecode *how, const QapiType *type, const char *text, size_t len,
                      void *out, QomError **errp)
{
    JSON_AUTO_TAPE(tape);
    tape = json_parse_text(text, len, errp);
    return tape && qapi_decode(how, type, tape, JSON_ROOT, out, errp);
}
