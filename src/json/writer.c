/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing JSON; see qom/json.h.
 *
 * No stack: what stands between two values depends only on what was written last.
 *
 * When a text that a peer makes large finds no memory (json_writer_soften), the writer has failed:
 * what was written before stays, what comes is written over and over into the spare bytes behind
 * it, and nobody else needs to check anything until the text is complete.
 */
#include "json/writer.h"

#include <glib.h>
#include <string.h>

#include "json/scan.h"
#include "json/tape.h"
#include "json/unicode.h"

enum {
    KEEP_BYTES = 64 * 1024,
    FIRST_BYTES = 512,
    SPARE_BYTES = 128, /* behind each text: room for every short piece of a failed writer */
};

enum {
    AFTER_NOTHING, /* a text starts */
    AFTER_BEGIN,   /* of an object or array */
    AFTER_KEY,
    AFTER_VALUE,
};

struct JsonWriter {
    char *text;
    size_t len;
    size_t cap;
    uint32_t depth;
    uint8_t state; /* AFTER_* */
    bool pretty;
    bool soft;        /* fails for want of memory rather than end the program */
    bool failed;      /* at: */
    size_t failed_at; /* what is behind it is worth nothing */
};

JsonWriter *json_writer_new(bool pretty)
{
    JsonWriter *w = g_new0(JsonWriter, 1);

    w->pretty = pretty;
    return w;
}

void json_writer_soften(JsonWriter *w)
{
    w->soft = true;
}

bool json_writer_failed(const JsonWriter *w)
{
    return w->failed;
}

void json_writer_free(JsonWriter *w)
{
    if (w) {
        g_free(w->text);
        g_free(w);
    }
}

void json_writer_reset(JsonWriter *w)
{
    if (w->cap > KEEP_BYTES) {
        g_free(w->text);
        w->text = NULL;
        w->cap = 0;
    }
    w->len = 0;
    w->depth = 0;
    w->state = AFTER_NOTHING;
    w->failed = false;
}

void json_writer_wipe(JsonWriter *w)
{
    if (w->text) {
        explicit_bzero(w->text, w->cap);
    }
    json_writer_reset(w);
}

/* Moves the text to a buffer of @cap bytes. An outgrown one is overwritten: it may have held a
 * secret. */
static bool move(JsonWriter *w, size_t cap)
{
    char *text = w->soft && cap > FIRST_BYTES ? g_try_malloc(cap) : g_malloc(cap);
    if (!text) {
        return false;
    }
    if (w->len > 0) {
        memcpy(text, w->text, w->len);
    }
    if (w->text) {
        explicit_bzero(w->text, w->cap);
    }
    g_free(w->text);
    w->text = text;
    w->cap = cap;
    return true;
}

/* There is no memory for @len bytes: the spare ones, or NULL if these are more. */
static char *fail(JsonWriter *w, size_t len)
{
    if (!w->failed) {
        if (!w->text) {
            move(w, FIRST_BYTES);
        }
        w->failed = true;
        w->failed_at = w->len;
    }
    w->len = w->failed_at;
    return len < w->cap - w->len ? w->text + w->len : NULL;
}

static char *grow(JsonWriter *w, size_t len)
{
    size_t cap = MAX(w->len + len + SPARE_BYTES, MAX(w->cap * 2, FIRST_BYTES));
    return w->failed || !move(w, cap) ? fail(w, len) : w->text + w->len;
}

/* Room for @len more bytes and a zero byte; NULL after a failure, if @len is SPARE_BYTES or more.
 */
static inline char *reserve(JsonWriter *w, size_t len)
{
    return w->cap - w->len < len + SPARE_BYTES ? grow(w, len) : w->text + w->len;
}

static void put(JsonWriter *w, const char *bytes, size_t len)
{
    char *to = len > 0 ? reserve(w, len) : NULL;
    if (to) {
        memcpy(to, bytes, len);
        w->len += len;
    }
}

static void put_char(JsonWriter *w, char c)
{
    *reserve(w, 1) = c;
    w->len++;
}

const char *json_writer_text(const JsonWriter *w, size_t *len)
{
    if (len) {
        *len = w->len;
    }
    if (!w->text) {
        return "";
    }
    w->text[w->len] = '\0';
    return w->text;
}

char *json_writer_steal(JsonWriter *w, size_t *len)
{
    if (w->failed) {
        json_writer_reset(w);
        return NULL;
    }
    json_writer_text(w, len);
    char *text = w->text ? w->text : g_strdup("");

    w->text = NULL;
    w->cap = 0;
    json_writer_reset(w);
    return text;
}

JsonWriterMark json_writer_mark(const JsonWriter *w)
{
    return (JsonWriterMark){
        .len = w->len, .depth = w->depth, .state = w->state, .failed = w->failed};
}

void json_writer_rollback(JsonWriter *w, JsonWriterMark mark)
{
    size_t end = w->failed ? w->cap : w->len;
    if (end > mark.len) {
        explicit_bzero(w->text + mark.len, end - mark.len);
    }
    w->len = mark.len;
    w->failed = mark.failed;
    w->depth = mark.depth;
    w->state = mark.state;
}

static void newline(JsonWriter *w)
{
    char *to = reserve(w, 2 + (size_t)w->depth * 4);

    if (!to) {
        return;
    }
    memcpy(to, "\r\n", 2);
    memset(to + 2, ' ', (size_t)w->depth * 4);
    w->len += 2 + (size_t)w->depth * 4;
}

/* What goes before a value or a key. */
static void separate(JsonWriter *w)
{
    if (w->depth > 0 && w->state != AFTER_KEY) {
        if (w->state == AFTER_VALUE) {
            put(w, ", ", w->pretty ? 1 : 2);
        }
        if (w->pretty) {
            newline(w);
        }
    }
    w->state = AFTER_VALUE;
}

static void begin(JsonWriter *w, char bracket)
{
    separate(w);
    put_char(w, bracket);
    w->depth++;
    w->state = AFTER_BEGIN;
}

static void end(JsonWriter *w, char bracket)
{
    w->depth--;
    if (w->pretty) {
        newline(w);
    }
    put_char(w, bracket);
    w->state = AFTER_VALUE;
}

void json_writer_begin_object(JsonWriter *w)
{
    begin(w, '{');
}

void json_writer_end_object(JsonWriter *w)
{
    end(w, '}');
}

void json_writer_begin_array(JsonWriter *w)
{
    begin(w, '[');
}

void json_writer_end_array(JsonWriter *w)
{
    end(w, ']');
}

/* The first byte in [p, last) that is not written as it is. */
static const char *verbatim_end(const char *p, const char *last)
{
    while (last - p >= 8) {
        uint64_t x = json_load8(p);
        uint64_t stop = json_lane_outside(x, 0x20) | json_lane_equals(x, '"') |
                        json_lane_equals(x, '\\') | json_lane_equals(x, 0x7F);

        if (stop) {
            return p + __builtin_ctzll(stop) / 8;
        }
        p += 8;
    }
    while (p < last && json_is_plain((uint8_t)*p, '"') && *p != 0x7F) {
        p++;
    }
    return p;
}

static char *put_u(char *to, uint32_t unit)
{
    static const char hex[] = "0123456789ABCDEF";

    to[0] = '\\';
    to[1] = 'u';
    for (int i = 0; i < 4; i++) {
        to[2 + i] = hex[unit >> (12 - 4 * i) & 0xF];
    }
    return to + 6;
}

/* Writes one character that is not written as it is. */
static void put_escaped(JsonWriter *w, uint32_t cp)
{
    static const char short_escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char *start = reserve(w, 12);
    char *to = start;

    for (const char *s = short_escapes; *s; s += 2) {
        if ((uint8_t)*s == cp) {
            to[0] = '\\';
            to[1] = s[1];
            w->len += 2;
            return;
        }
    }
    if (cp > 0xFFFF) {
        to = put_u(to, 0xD800 + ((cp - 0x10000) >> 10));
        cp = 0xDC00 + ((cp - 0x10000) & 0x3FF);
    }
    to = put_u(to, cp);
    w->len += (size_t)(to - start);
}

/* Writes what is left of a string from where it can not be copied. */
static void put_rest(JsonWriter *w, const char *text, const char *last)
{
    while (text < last) {
        int32_t cp = json_utf8_next(&text, last);
        put_escaped(w, cp < 0 ? 0xFFFD : (uint32_t)cp);
        const char *run = verbatim_end(text, last);
        put(w, text, (size_t)(run - text));
        text = run;
    }
    put_char(w, '"');
}

static void put_string(JsonWriter *w, const char *text, size_t len)
{
    const char *last = text + len;
    const char *run = verbatim_end(text, last);
    size_t run_len = (size_t)(run - text);
    char *to = reserve(w, len + 2);

    if (!to) {
        return;
    }
    to[0] = '"';
    if (run_len > 0) {
        memcpy(to + 1, text, run_len);
    }
    w->len += 1 + run_len;
    put_rest(w, run, last);
}

void json_writer_key_len(JsonWriter *w, const char *key, size_t len)
{
    separate(w);
    put_string(w, key, len);
    put(w, ": ", 2);
    w->state = AFTER_KEY;
}

void json_writer_key(JsonWriter *w, const char *key)
{
    json_writer_key_len(w, key, strlen(key));
}

void json_writer_string_len(JsonWriter *w, const char *text, size_t len)
{
    separate(w);
    put_string(w, text, len);
}

void json_writer_string(JsonWriter *w, const char *text)
{
    json_writer_string_len(w, text, strlen(text));
}

static void put_decimal(JsonWriter *w, uint64_t value, bool negative)
{
    char digits[21];
    char *first = digits + sizeof(digits);

    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (negative) {
        *--first = '-';
    }
    separate(w);
    put(w, first, (size_t)(digits + sizeof(digits) - first));
}

void json_writer_int64(JsonWriter *w, int64_t value)
{
    put_decimal(w, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
}

void json_writer_uint64(JsonWriter *w, uint64_t value)
{
    put_decimal(w, value, false);
}

bool json_writer_double(JsonWriter *w, double value)
{
    char text[40];

    if (!__builtin_isfinite(value)) {
        return false;
    }
    for (int precision = 15; precision <= 17; precision++) {
        char format[8];

        g_snprintf(format, sizeof(format), "%%.%dg", precision);
        g_ascii_formatd(text, sizeof(text), format, value);
        if (g_ascii_strtod(text, NULL) == value) {
            break;
        }
    }
    json_writer_raw(w, text, strlen(text));
    return true;
}

void json_writer_bool(JsonWriter *w, bool value)
{
    json_writer_raw(w, value ? "true" : "false", value ? 4 : 5);
}

void json_writer_null(JsonWriter *w)
{
    json_writer_raw(w, "null", 4);
}

void json_writer_raw(JsonWriter *w, const char *json, size_t len)
{
    separate(w);
    put(w, json, len);
}

void json_writer_append(JsonWriter *w, const char *bytes, size_t len)
{
    put(w, bytes, len);
}

static void write_scalar(JsonWriter *w, const JsonTape *tape, JsonTok tok)
{
    size_t len;
    const char *text = json_tok_text(tape, tok, &len);

    switch (json_tape_type(tape, tok)) {
    case JSON_NULL: json_writer_null(w); break;
    case JSON_BOOL: json_writer_bool(w, json_tok_bool(tape, tok)); break;
    case JSON_INTEGER:
    case JSON_DOUBLE: json_writer_raw(w, text, len); break;
    default: json_writer_string_len(w, text, len); break;
    }
}

void json_writer_subtree(JsonWriter *w, const JsonTape *tape, JsonTok tok)
{
    JsonType type = json_tape_type(tape, tok);

    if (type != JSON_OBJECT && type != JSON_ARRAY) {
        write_scalar(w, tape, tok);
        return;
    }
    begin(w, type == JSON_OBJECT ? '{' : '[');
    for (JsonTok t = json_tape_first(tape, tok); t != JSON_NONE; t = json_tape_next(tape, tok, t)) {
        if (type == JSON_OBJECT) {
            size_t len;
            const char *key = json_tok_text(tape, t, &len);

            json_writer_key_len(w, key, len);
            json_writer_subtree(w, tape, json_tape_value(tape, t));
        } else {
            json_writer_subtree(w, tape, t);
        }
    }
    end(w, type == JSON_OBJECT ? '}' : ']');
}

char *json_tape_copy_subtree(const JsonTape *tape, JsonTok tok, size_t *len)
{
    JSON_AUTO_WRITER(w);

    w = json_writer_new(false);
    json_writer_subtree(w, tape, tok);
    return json_writer_steal(w, len);
}
