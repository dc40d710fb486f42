/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of tapes and reading them; see qom/json.h. */
#include "json/tape.h"

#include <glib.h>
#include <string.h>

/* What a tape keeps for the next message. */
enum { KEEP_TEXT_BYTES = 64 * 1024, KEEP_TOKENS = 2048 };

JsonTape *json_tape_new(void)
{
    return g_new0(JsonTape, 1);
}

static void release_text(JsonTape *tape)
{
    if (tape->text) {
        explicit_bzero(tape->text, tape->text_len);
        g_free(tape->text);
    }
    tape->text = NULL;
    tape->text_len = tape->text_cap = 0;
}

static void release_tokens(JsonTape *tape)
{
    g_free(tape->tokens);
    tape->tokens = NULL;
    tape->count = tape->capacity = 0;
}

void json_tape_free(JsonTape *tape)
{
    if (tape) {
        release_text(tape);
        release_tokens(tape);
        g_free(tape);
    }
}

void json_tape_reset(JsonTape *tape)
{
    if (tape->text_cap > KEEP_TEXT_BYTES) {
        release_text(tape);
    } else if (tape->text_len > 0) {
        explicit_bzero(tape->text, tape->text_len);
        tape->text_len = 0;
    }
    if (tape->capacity > KEEP_TOKENS) {
        release_tokens(tape);
    }
    tape->count = 0;
}

void json_tape_wipe(JsonTape *tape)
{
    if (tape->tokens) {
        explicit_bzero(tape->tokens, tape->count * sizeof(JsonToken));
    }
    release_text(tape);
    tape->count = 0;
    if (json_tape_push(tape, JSON_NULL, 0) == JSON_NONE) {
        g_error("no memory for a token");
    }
}

bool json_tape_reserve_text(JsonTape *tape, size_t len)
{
    size_t needed = tape->text_len + len;

    if (needed <= tape->text_cap) {
        return true;
    }
    size_t cap = MAX(needed, MAX(tape->text_cap * 2, 256));
    char *text = g_try_malloc(cap);
    if (!text) {
        return false;
    }
    if (tape->text_len > 0) {
        memcpy(text, tape->text, tape->text_len);
        explicit_bzero(tape->text, tape->text_len);
    }
    g_free(tape->text);
    tape->text = text;
    tape->text_cap = cap;
    return true;
}

JsonTok json_tape_push(JsonTape *tape, JsonType type, unsigned flags)
{
    if (tape->count == tape->capacity) {
        uint32_t capacity = MAX(tape->capacity * 2, 32);
        JsonToken *tokens = g_try_renew(JsonToken, tape->tokens, capacity);
        if (!tokens) {
            return JSON_NONE;
        }
        tape->tokens = tokens;
        tape->capacity = capacity;
    }
    tape->tokens[tape->count] = (JsonToken){
        .type = (uint8_t)type,
        .flags = (uint8_t)flags,
        .next = tape->count + 1,
    };
    return tape->count++;
}

JsonType json_tape_type(const JsonTape *tape, JsonTok tok)
{
    return (JsonType)tape->tokens[tok].type;
}

const char *json_type_name(JsonType type)
{
    switch (type) {
    case JSON_NULL: return "null";
    case JSON_BOOL: return "boolean";
    case JSON_INTEGER: return "integer";
    case JSON_DOUBLE: return "number";
    case JSON_STRING:
    case JSON_TEXT: return "string";
    case JSON_OBJECT: return "object";
    case JSON_ARRAY: return "array";
    }
    return "value";
}

bool json_tok_bool(const JsonTape *tape, JsonTok tok)
{
    return tape->tokens[tok].flags & JSON_FLAG_TRUE;
}

/* The magnitude of the decimal digits at @s; false if 64 bits can't hold it. */
static bool parse_digits(const char *s, uint64_t *value)
{
    uint64_t v = 0;

    for (; *s; s++) {
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v)) {
            return false;
        }
    }
    *value = v;
    return true;
}

JsonNumber json_tok_int64(const JsonTape *tape, JsonTok tok, int64_t *value)
{
    const JsonToken *token = &tape->tokens[tok];
    uint64_t magnitude;

    if (token->type != JSON_INTEGER) {
        return JSON_NUMBER_KIND;
    }
    const char *text = tape->text + token->offset;
    bool negative = *text == '-';
    if (!parse_digits(text + negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative) {
        return JSON_NUMBER_RANGE;
    }
    *value = negative ? (int64_t)-magnitude : (int64_t)magnitude;
    return JSON_NUMBER_OK;
}

JsonNumber json_tok_uint64(const JsonTape *tape, JsonTok tok, uint64_t *value)
{
    const JsonToken *token = &tape->tokens[tok];
    uint64_t magnitude;

    if (token->type != JSON_INTEGER) {
        return JSON_NUMBER_KIND;
    }
    const char *text = tape->text + token->offset;
    bool negative = *text == '-';
    if (!parse_digits(text + negative, &magnitude) || (negative && magnitude > 0)) {
        return JSON_NUMBER_RANGE;
    }
    *value = magnitude;
    return JSON_NUMBER_OK;
}

JsonNumber json_tok_double(const JsonTape *tape, JsonTok tok, double *value)
{
    const JsonToken *token = &tape->tokens[tok];

    if (token->type != JSON_INTEGER && token->type != JSON_DOUBLE) {
        return JSON_NUMBER_KIND;
    }
    *value = g_ascii_strtod(tape->text + token->offset, NULL);
    return JSON_NUMBER_OK;
}

const char *json_tok_text(const JsonTape *tape, JsonTok tok, size_t *len)
{
    const JsonToken *token = &tape->tokens[tok];
    bool has_text = token->type == JSON_STRING || token->type == JSON_TEXT ||
                    token->type == JSON_INTEGER || token->type == JSON_DOUBLE;

    if (len) {
        *len = has_text ? token->length : 0;
    }
    return has_text ? tape->text + token->offset : "";
}

char *json_tape_dup_string(const JsonTape *tape, JsonTok tok, size_t *len)
{
    size_t n;
    const char *text = json_tok_text(tape, tok, &n);

    if (len) {
        *len = n;
    }
    return g_memdup2(text, n + 1);
}

bool json_tok_has_nul(const JsonTape *tape, JsonTok tok)
{
    return tape->tokens[tok].flags & JSON_FLAG_NUL;
}

bool json_tok_is_utf8(const JsonTape *tape, JsonTok tok)
{
    return tape->tokens[tok].flags & JSON_FLAG_UTF8;
}

static bool token_equals(const JsonTape *tape, JsonTok tok, const char *text, size_t len)
{
    const JsonToken *token = &tape->tokens[tok];

    return token->length == len && memcmp(tape->text + token->offset, text, len) == 0;
}

bool json_tok_equals(const JsonTape *tape, JsonTok tok, const char *text)
{
    JsonType type = json_tape_type(tape, tok);

    return (type == JSON_STRING || type == JSON_TEXT) &&
           token_equals(tape, tok, text, strlen(text));
}

uint32_t json_tape_count(const JsonTape *tape, JsonTok container)
{
    return tape->tokens[container].length;
}

JsonTok json_tape_first(const JsonTape *tape, JsonTok container)
{
    return tape->tokens[container].length > 0 ? container + 1 : JSON_NONE;
}

JsonTok json_tape_value(const JsonTape *tape, JsonTok key)
{
    return key + 1;
}

JsonTok json_tape_next(const JsonTape *tape, JsonTok container, JsonTok child)
{
    const JsonToken *token = &tape->tokens[child];
    JsonTok next = token->flags & JSON_FLAG_KEY ? tape->tokens[child + 1].next : token->next;

    return next < tape->tokens[container].next ? next : JSON_NONE;
}

JsonTok json_tape_find(const JsonTape *tape, JsonTok object, const char *key)
{
    size_t len = strlen(key);

    for (JsonTok k = json_tape_first(tape, object); k != JSON_NONE;
         k = json_tape_next(tape, object, k)) {
        if (token_equals(tape, k, key, len)) {
            return k + 1;
        }
    }
    return JSON_NONE;
}
