/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From tokens to the tape.
 *
 * A message ends where its brackets balance, braces and square brackets counted apart, or where
 * one kind was closed too often; a fault found before is reported there. So one broken message is
 * one error, and the stream stays in step with a peer that only miscounts commas. A container that
 * is open keeps its parent in the token's `next`, which makes the tape its own stack.
 */
#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json/parser_impl.h"
#include "json/unicode.h"

/* Flags of an open container, gone when it is closed. */
enum {
    OPEN_DUPLICATE = 64, /* the key of the member in progress was there before */
    OPEN_AS_KEY = 128,   /* it stands where a key must stand */
};

/* More of a refused token than this is not repeated in an error's text. */
enum { QUOTED_MAX = 256 };

static const char parse_error_prefix[] = "JSON parse error, ";

void json_grammar_restart(JsonParser *p)
{
    json_tape_reset(p->tape);
    json_keyset_reset(&p->keys);
    p->done = false;
    p->expect = EXPECT_VALUE;
    p->open = JSON_NONE;
    p->brackets = p->braces = 0;
    p->tokens = 0;
    p->text_bytes = 0;
    p->token_start = 0;
    p->faulty = false;
    p->no_memory = false;
}

/* Notes the first fault of the message. */
G_GNUC_PRINTF(2, 3) static void fault(JsonParser *p, const char *fmt, ...)
{
    va_list ap;

    if (p->faulty) {
        return;
    }
    p->faulty = true;
    memcpy(p->error, parse_error_prefix, sizeof(parse_error_prefix));
    va_start(ap, fmt);
    vsnprintf(p->error + sizeof(parse_error_prefix) - 1,
              sizeof(p->error) - sizeof(parse_error_prefix) + 1, fmt, ap);
    va_end(ap);
}

/* Ends a refused message; its memory is free for others at once. */
static JsonStatus refused(JsonParser *p)
{
    json_grammar_restart(p);
    return JSON_ERROR;
}

JsonStatus json_grammar_limit(JsonParser *p, const char *text)
{
    g_strlcpy(p->error, text, sizeof(p->error));
    p->lex = LEX_DISCARD;
    return refused(p);
}

JsonStatus json_grammar_no_memory(JsonParser *p)
{
    return json_grammar_limit(p, "Out of memory for a JSON message");
}

JsonStatus json_grammar_stray(JsonParser *p, int bad)
{
    bool in_string = p->lex == LEX_STRING || p->lex == LEX_ESCAPE;
    size_t len = p->lex == LEX_START ? 0 : p->tape->text_len - p->token_start;
    const char *text = len > 0 ? p->tape->text + p->token_start : "";
    char tail[2] = {bad < 0 ? '\0' : (char)bad, '\0'};

    if (len > QUOTED_MAX) {
        len = QUOTED_MAX;
        while (len > 0 && ((uint8_t)text[len] & 0xC0) == 0x80) {
            len--;
        }
        tail[0] = '\0';
    }
    p->faulty = false;
    fault(p, "stray '%s%.*s%s'", in_string ? (p->quote == '"' ? "\"" : "'") : "", (int)len, text,
          tail);
    p->lex = LEX_RECOVERY;
    return refused(p);
}

bool json_grammar_too_large(const JsonParser *p, size_t token_bytes)
{
    return p->text_bytes + token_bytes >= p->limits.max_text_bytes;
}

/* Counts a token of @bytes; false if a limit is passed, and then *status is the answer. */
static bool count_token(JsonParser *p, size_t bytes, JsonStatus *status)
{
    if (json_grammar_too_large(p, bytes)) {
        *status = json_grammar_limit(p, "JSON token size limit exceeded");
        return false;
    }
    if (p->tokens >= p->limits.max_tokens) {
        *status = json_grammar_limit(p, "JSON token count limit exceeded");
        return false;
    }
    if (p->brackets + p->braces > (int)p->limits.max_depth) {
        *status = json_grammar_limit(p, "JSON nesting depth limit exceeded");
        return false;
    }
    p->tokens++;
    p->text_bytes += bytes;
    return true;
}

/* Behind each token: is the message complete? */
static JsonStatus frame(JsonParser *p)
{
    bool nested = p->brackets > 0 || p->braces > 0;

    if (p->no_memory) {
        return json_grammar_no_memory(p);
    }
    if (p->faulty) {
        /* Nothing of a faulty message is kept while its end is awaited. */
        json_tape_reset(p->tape);
    }
    if (nested && p->brackets >= 0 && p->braces >= 0) {
        return JSON_MORE;
    }
    if (p->faulty) {
        return refused(p);
    }
    p->done = true;
    return JSON_MESSAGE;
}

/* A value is complete: what comes next is its container's business. */
static void value_done(JsonParser *p)
{
    if (p->open == JSON_NONE) {
        return;
    }
    JsonToken *container = &p->tape->tokens[p->open];
    container->length++;
    if (container->type == JSON_ARRAY) {
        p->expect = EXPECT_LIST_SEPARATOR;
    } else if (container->flags & OPEN_DUPLICATE) {
        fault(p, "duplicate key");
    } else {
        p->expect = EXPECT_DICT_SEPARATOR;
    }
}

/* True if a value, or a key, may stand here; else notes the fault. */
static bool check_place(JsonParser *p)
{
    switch (p->expect) {
    case EXPECT_COLON: fault(p, "missing : in object pair"); return false;
    case EXPECT_DICT_SEPARATOR: fault(p, "expected separator in dict"); return false;
    case EXPECT_LIST_SEPARATOR: fault(p, "expected separator in list"); return false;
    default: return true;
    }
}

static bool at_key(const JsonParser *p)
{
    return p->expect == EXPECT_KEY || p->expect == EXPECT_KEY_OR_END;
}

static void open_container(JsonParser *p, JsonType type)
{
    if (!check_place(p)) {
        return;
    }
    JsonTok tok = json_tape_push(p->tape, type, at_key(p) ? OPEN_AS_KEY : 0);
    if (tok == JSON_NONE) {
        p->no_memory = true;
        return;
    }
    p->tape->tokens[tok].next = p->open;
    p->open = tok;
    p->expect = type == JSON_OBJECT ? EXPECT_KEY_OR_END : EXPECT_ELEMENT_OR_END;
}

static void close_container(JsonParser *p)
{
    JsonToken *token = &p->tape->tokens[p->open];

    p->open = token->next;
    token->next = p->tape->count;
    if (token->flags & OPEN_AS_KEY) {
        fault(p, "key is not a string in object");
        return;
    }
    value_done(p);
}

/* Handles one of } ] : , where the grammar knows what it wants. */
static void separator(JsonParser *p, char c)
{
    bool ends_object =
        c == '}' && (p->expect == EXPECT_KEY_OR_END || p->expect == EXPECT_DICT_SEPARATOR);
    bool ends_array =
        c == ']' && (p->expect == EXPECT_ELEMENT_OR_END || p->expect == EXPECT_LIST_SEPARATOR);

    if (ends_object || ends_array) {
        close_container(p);
    } else if (c == ',' && p->expect == EXPECT_DICT_SEPARATOR) {
        p->expect = EXPECT_KEY;
    } else if (c == ',' && p->expect == EXPECT_LIST_SEPARATOR) {
        p->expect = EXPECT_VALUE;
    } else if (c == ':' && p->expect == EXPECT_COLON) {
        p->expect = EXPECT_VALUE;
    } else if (check_place(p)) {
        fault(p, "expecting value");
    }
}

JsonStatus json_grammar_punctuation(JsonParser *p, char c)
{
    JsonStatus status;

    p->braces += (c == '{') - (c == '}');
    p->brackets += (c == '[') - (c == ']');
    if (!count_token(p, 1, &status)) {
        return status;
    }
    if (p->faulty) {
        return frame(p);
    }
    switch (c) {
    case '{': open_container(p, JSON_OBJECT); break;
    case '[': open_container(p, JSON_ARRAY); break;
    default: separator(p, c); break;
    }
    return frame(p);
}

/* Puts a scalar, whose content was checked, onto the tape as a key or as a value. */
static void place_scalar(JsonParser *p, JsonType type, unsigned flags, size_t length)
{
    bool is_key = at_key(p);

    if (is_key && type != JSON_STRING) {
        fault(p, "key is not a string in object");
        return;
    }
    JsonTok tok = json_tape_push(p->tape, type, flags | (is_key ? JSON_FLAG_KEY : 0));
    if (tok == JSON_NONE) {
        p->no_memory = true;
        return;
    }
    p->tape->tokens[tok].offset = (uint32_t)p->token_start;
    p->tape->tokens[tok].length = (uint32_t)length;
    if (!is_key) {
        value_done(p);
        return;
    }
    if (!json_keyset_add(&p->keys, p->tape, p->open, tok)) {
        p->tape->tokens[p->open].flags |= OPEN_DUPLICATE;
        p->no_memory |= p->keys.failed;
    }
    p->expect = EXPECT_COLON;
}

/* Decodes the string in progress, @length bytes, and gives its text back what it saved. */
static bool decode_string(JsonParser *p, size_t *length, unsigned *flags)
{
    JsonTape *tape = p->tape;
    char text[JSON_FAULT_SIZE];
    bool has_nul;
    ptrdiff_t n = json_string_decode(tape->text + p->token_start, *length, &has_nul, text);

    if (n < 0) {
        fault(p, "%s", text);
        return false;
    }
    explicit_bzero(tape->text + p->token_start + n, *length - (size_t)n);
    tape->text_len = p->token_start + (size_t)n;
    *length = (size_t)n;
    *flags |= has_nul ? JSON_FLAG_NUL : 0;
    return true;
}

/* The integer -0 is 0; it goes onto the tape as such. */
static void drop_sign_of_zero(JsonParser *p, size_t *length)
{
    char *text = p->tape->text + p->token_start;

    if (*length == 2 && memcmp(text, "-0", 2) == 0) {
        text[0] = '0';
        p->tape->text_len--;
        *length = 1;
    }
}

/* True if the number is finite as a double; most are seen to be from their length. */
static bool is_finite_number(const char *text, size_t len)
{
    if (len <= 300 && !memchr(text, 'e', len) && !memchr(text, 'E', len)) {
        return true;
    }
    return __builtin_isfinite(g_ascii_strtod(text, NULL));
}

JsonStatus json_grammar_scalar(JsonParser *p, JsonType type, size_t extra_bytes)
{
    JsonTape *tape = p->tape;
    size_t length = tape->text_len - p->token_start;
    unsigned flags = type == JSON_STRING ? JSON_FLAG_UTF8 : 0;
    JsonStatus status;

    if (!count_token(p, length + extra_bytes, &status)) {
        return status;
    }
    if (p->faulty || !check_place(p)) {
        return frame(p);
    }
    if (type == JSON_STRING && p->needs_decode && !decode_string(p, &length, &flags)) {
        return frame(p);
    }
    if (type == JSON_INTEGER) {
        drop_sign_of_zero(p, &length);
    }
    if (!json_tape_reserve_text(tape, 1)) {
        return json_grammar_no_memory(p);
    }
    tape->text[tape->text_len++] = '\0';
    if (type != JSON_STRING && !is_finite_number(tape->text + p->token_start, length)) {
        fault(p, "number '%.*s%s' is out of range", (int)MIN(length, 40),
              tape->text + p->token_start, length > 40 ? "..." : "");
        return frame(p);
    }
    place_scalar(p, type, flags, length);
    return frame(p);
}

JsonStatus json_grammar_keyword(JsonParser *p)
{
    JsonTape *tape = p->tape;
    size_t length = tape->text_len - p->token_start;
    const char *text = tape->text + p->token_start;
    JsonStatus status;

    if (!count_token(p, length, &status)) {
        return status;
    }
    if (p->faulty || !check_place(p)) {
        return frame(p);
    }
    tape->text_len = p->token_start;
    if (length == 4 && memcmp(text, "true", 4) == 0) {
        place_scalar(p, JSON_BOOL, JSON_FLAG_TRUE, 0);
    } else if (length == 5 && memcmp(text, "false", 5) == 0) {
        place_scalar(p, JSON_BOOL, 0, 0);
    } else if (length == 4 && memcmp(text, "null", 4) == 0) {
        place_scalar(p, JSON_NULL, 0, 0);
    } else {
        fault(p, "invalid keyword '%.*s'", (int)MIN(length, QUOTED_MAX), text);
    }
    return frame(p);
}

JsonStatus json_grammar_end(JsonParser *p)
{
    if (p->tokens == 0) {
        return JSON_MORE;
    }
    fault(p, "premature EOI");
    return refused(p);
}
