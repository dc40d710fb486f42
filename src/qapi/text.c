/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of option text: a scalar says nothing about its type, so the member's type decides how it
 * is read. Where the two forms of option text have different error texts, both are given here.
 */
#include "qapi/decode.h"
#include "qom/options.h"

/* The widest range, and the longest list that ranges may make. */
#define RANGE_MAX_ELEMENTS 65536u
#define LIST_MAX_ELEMENTS  1048576u

bool decode_text_is_dotted(const Decoder *d)
{
    const JsonToken *tokens = d->tape->tokens;
    for (JsonTok tok = d->root + 1; tok < tokens[d->root].next; tok++) {
        if (tokens[tok].type == JSON_OBJECT || tokens[tok].type == JSON_ARRAY) {
            return true;
        }
    }
    return false;
}

static bool text_expects(const Decoder *d, const Place *place, const char *flat, const char *dotted,
                         QomError **errp)
{
    return decode_expects(d, place, decode_text_is_dotted(d) ? dotted : flat, errp);
}

/* --- Scalars --------------------------------------------------------------------------------- */

static bool text_bool(Decoder *d, const char *text, const Place *place, bool *slot, QomError **errp)
{
    return qapi_parse_bool(text, slot) || decode_expects(d, place, "'on' or 'off'", errp);
}

static bool text_signed(Decoder *d, QapiKind kind, const char *text, const Place *place, void *slot,
                        QomError **errp)
{
    int64_t value;
    if (!qapi_parse_int64(text, &value)) {
        return text_expects(d, place, "an int64 value", "integer", errp);
    }
    return decode_store_int64(kind, value, slot) ||
           decode_expects(d, place, qapi_kind_ctype(kind), errp);
}

static bool text_unsigned(Decoder *d, QapiKind kind, const char *text, const Place *place,
                          void *slot, QomError **errp)
{
    uint64_t value;
    if (!qapi_parse_uint64(text, &value)) {
        return text_expects(d, place, "a uint64 value", "integer", errp);
    }
    return decode_store_uint64(kind, value, slot) ||
           decode_expects(d, place, qapi_kind_ctype(kind), errp);
}

bool decode_text_scalar(Decoder *d, const QapiType *type, JsonTok tok, const Place *place,
                        void *slot, QomError **errp)
{
    if (tok_type(d, tok) != JSON_TEXT) {
        g_autofree char *path = decode_path(d, place);
        return qom_error_set(errp, "Parameters '%s.*' are unexpected", path);
    }
    const char *text = json_tok_text(d->tape, tok, NULL);
    switch (type->kind) {
    case QAPI_KIND_STR: return decode_str(d, tok, place, slot, errp);
    case QAPI_KIND_ENUM: return decode_enum(d, type, tok, place, slot, errp);
    case QAPI_KIND_BOOL: return text_bool(d, text, place, slot, errp);
    case QAPI_KIND_NUMBER:
        return qapi_parse_number(text, slot) || decode_wrong_kind(d, place, "number", errp);
    case QAPI_KIND_SIZE:
        return qapi_parse_size(text, slot) || text_expects(d, place, "a size value", "size", errp);
    case QAPI_KIND_NULL: return decode_wrong_kind(d, place, "null", errp);
    default: break;
    }
    return qapi_kind_is_signed(type->kind) ? text_signed(d, type->kind, text, place, slot, errp)
                                           : text_unsigned(d, type->kind, text, place, slot, errp);
}

/* --- Lists of scalars ------------------------------------------------------------------------ */

/* Elements `first`, `first + 1`, ...; of signed kinds in two's complement. */
typedef struct Range {
    uint64_t first;
    uint32_t n;
} Range;

static bool kind_has_ranges(QapiKind kind)
{
    return kind >= QAPI_KIND_INT8 && kind <= QAPI_KIND_UINT64;
}

static bool scan_bound(const char **p, bool is_signed, uint64_t *value)
{
    return is_signed ? qapi_scan_int64(p, (int64_t *)value) : qapi_scan_uint64(p, value);
}

static bool parse_range(const char *text, bool is_signed, Range *range)
{
    uint64_t last;
    if (!scan_bound(&text, is_signed, &range->first)) {
        return false;
    }
    range->n = 1;
    if (!*text) {
        return true;
    }
    if (*text++ != '-' || !scan_bound(&text, is_signed, &last) || *text) {
        return false;
    }
    bool descends = is_signed ? (int64_t)last < (int64_t)range->first : last < range->first;
    if (descends || last - range->first >= RANGE_MAX_ELEMENTS) {
        return false;
    }
    range->n = (uint32_t)(last - range->first) + 1;
    return true;
}

static bool store_range(QapiKind kind, const Range *range, char *items, size_t size)
{
    for (uint32_t i = 0; i < range->n; i++) {
        uint64_t value = range->first + i;
        bool fits = qapi_kind_is_signed(kind) ? decode_store_int64(kind, (int64_t)value, items)
                                              : decode_store_uint64(kind, value, items);
        if (!fits) {
            return false;
        }
        items += size;
    }
    return true;
}

/* Reads @n values into @ranges; returns the number of elements, 0 with *errp set if one is bad. */
static size_t text_ranges(Decoder *d, const QapiType *element, JsonTok key, size_t n,
                          const Place *place, Range *ranges, QomError **errp)
{
    bool is_signed = qapi_kind_is_signed(element->kind);
    size_t total = 0;
    for (size_t i = 0; i < n; i++, key = d->tape->tokens[key + 1].next) {
        if (!parse_range(json_tok_text(d->tape, key + 1, NULL), is_signed, &ranges[i])) {
            text_expects(d, place,
                         is_signed ? "an int64 value or range" : "a uint64 value or range",
                         "integer", errp);
            return 0;
        }
        total += ranges[i].n;
        if (total > LIST_MAX_ELEMENTS) {
            g_autofree char *path = decode_path(d, place);
            qom_error_set(errp, "Parameter '%s' has more than %u elements", path,
                          LIST_MAX_ELEMENTS);
            return 0;
        }
    }
    return total;
}

static bool text_integer_list(Decoder *d, const QapiType *element, JsonTok key, size_t n,
                              const Place *place, QapiList *list, QomError **errp)
{
    g_autofree Range *ranges = g_new(Range, n);
    size_t total = text_ranges(d, element, key, n, place, ranges, errp);
    if (total == 0) {
        return false;
    }
    char *items = list->items = decode_alloc(d, total * element->size, errp);
    if (!items) {
        return false;
    }
    list->n = total;
    for (size_t i = 0; i < n; i++) {
        if (!store_range(element->kind, &ranges[i], items, element->size)) {
            return decode_expects(d, place, qapi_kind_ctype(element->kind), errp);
        }
        items += ranges[i].n * element->size;
    }
    return true;
}

bool decode_text_list(Decoder *d, const QapiType *type, JsonTok key, size_t n, const Place *place,
                      QapiList *list, QomError **errp)
{
    const QapiType *element = type->element;
    if (kind_has_ranges(element->kind)) {
        return text_integer_list(d, element, key, n, place, list, errp);
    }
    list->items = decode_alloc(d, n * element->size, errp);
    if (!list->items) {
        return false;
    }
    list->n = n;
    for (size_t i = 0; i < n; i++, key = d->tape->tokens[key + 1].next) {
        void *slot = slot_at(list->items, i * element->size);
        if (!decode_value(d, element, key + 1, place, slot, errp)) {
            return false;
        }
    }
    return true;
}

/* --- Any ------------------------------------------------------------------------------------- */

static void write_strings(const JsonTape *tape, JsonTok tok, JsonWriter *w);

/* Equal keys are neighbours; the last one counts. */
static void write_members(const JsonTape *tape, JsonTok object, JsonWriter *w)
{
    json_writer_begin_object(w);
    for (JsonTok key = json_tape_first(tape, object), next; key != JSON_NONE; key = next) {
        const char *name = json_tok_text(tape, key, NULL);
        next = json_tape_next(tape, object, key);
        if (next == JSON_NONE || strcmp(name, json_tok_text(tape, next, NULL)) != 0) {
            json_writer_key(w, name);
            write_strings(tape, json_tape_value(tape, key), w);
        }
    }
    json_writer_end_object(w);
}

static void write_strings(const JsonTape *tape, JsonTok tok, JsonWriter *w)
{
    switch (json_tape_type(tape, tok)) {
    case JSON_OBJECT: write_members(tape, tok, w); break;
    case JSON_ARRAY:
        json_writer_begin_array(w);
        for (JsonTok t = json_tape_first(tape, tok); t != JSON_NONE;
             t = json_tape_next(tape, tok, t)) {
            write_strings(tape, t, w);
        }
        json_writer_end_array(w);
        break;
    default: json_writer_subtree(w, tape, tok); break;
    }
}

void decode_text_any(const Decoder *d, JsonTok tok, JsonWriter *w)
{
    write_strings(d->tape, tok, w);
}
