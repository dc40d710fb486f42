/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From bytes to tokens, and the parser's life.
 *
 * A state machine that can stop at any byte. Inside strings, numbers and keywords it looks for the
 * end of the run in the piece of input at hand and copies that run to the tape's text, so each byte
 * is scanned once and copied once however the input is cut.
 *
 *                  bad byte                          limit passed
 *     any state ------------> LEX_RECOVERY    any state ---------> LEX_DISCARD
 *
 * Both drop bytes up to one that is then read as LEX_START. Behind a bad byte that is any bracket
 * or separator, as the peer's next command may start there. Behind a passed limit it is only a byte
 * that can't be inside a string: what was refused must not be run in parts.
 */
#include <glib.h>
#include <string.h>

#include "json/parser_impl.h"
#include "json/scan.h"

const JsonLimits json_limits_default = {
    .max_depth = 1024,
    .max_tokens = 2 * 1024 * 1024,
    .max_text_bytes = 64 * 1024 * 1024,
};

/* Offsets on the tape are 32 bits wide. */
static const uint32_t max_text_bytes = 1024 * 1024 * 1024;

JsonParser *json_parser_new(const JsonLimits *limits)
{
    JsonParser *p = g_new0(JsonParser, 1);

    p->limits = limits ? *limits : json_limits_default;
    p->limits.max_text_bytes = MIN(p->limits.max_text_bytes, max_text_bytes);
    p->limits.max_depth = MIN(p->limits.max_depth, (uint32_t)INT32_MAX / 2);
    p->tape = json_tape_new();
    json_parser_reset(p);
    return p;
}

void json_parser_free(JsonParser *p)
{
    if (!p) {
        return;
    }
    json_tape_free(p->tape);
    for (unsigned i = 0; i < p->n_spare; i++) {
        json_tape_free(p->spare[i]);
    }
    json_keyset_clear(&p->keys);
    explicit_bzero(p->error, sizeof(p->error));
    g_free(p);
}

void json_parser_reset(JsonParser *p)
{
    json_grammar_restart(p);
    p->lex = LEX_START;
}

JsonTape *json_parser_tape(JsonParser *p)
{
    return p->tape;
}

JsonTape *json_parser_take(JsonParser *p)
{
    JsonTape *tape = p->tape;

    p->tape = p->n_spare > 0 ? p->spare[--p->n_spare] : json_tape_new();
    return tape;
}

void json_parser_recycle(JsonParser *p, JsonTape *tape)
{
    if (p->n_spare == SPARE_TAPES) {
        json_tape_free(tape);
        return;
    }
    json_tape_reset(tape);
    p->spare[p->n_spare++] = tape;
}

const char *json_parser_error(const JsonParser *p)
{
    return p->error;
}

static size_t tape_memory(const JsonTape *tape)
{
    return sizeof(*tape) + tape->text_cap + tape->capacity * sizeof(JsonToken);
}

size_t json_parser_memory(const JsonParser *p)
{
    size_t sum = sizeof(*p) + tape_memory(p->tape) + p->keys.capacity * sizeof(JsonKeyEntry);

    for (unsigned i = 0; i < p->n_spare; i++) {
        sum += tape_memory(p->spare[i]);
    }
    return sum;
}

static void begin_token(JsonParser *p, LexState state)
{
    p->token_start = p->tape->text_len;
    p->lex = state;
}

/* Copies a run of the token in progress to the tape; false if the token is too large, for the
 * limits or for the memory there is. */
static bool append_run(JsonParser *p, const char *from, const char *to)
{
    JsonTape *tape = p->tape;
    size_t len = (size_t)(to - from);

    if (json_grammar_too_large(p, tape->text_len - p->token_start + len)) {
        return false;
    }
    if (!json_tape_reserve_text(tape, len + 1)) {
        p->no_memory = true;
        return false;
    }
    memcpy(tape->text + tape->text_len, from, len);
    tape->text_len += len;
    return true;
}

static JsonStatus token_too_large(JsonParser *p)
{
    return p->no_memory ? json_grammar_no_memory(p)
                        : json_grammar_limit(p, "JSON token size limit exceeded");
}

/* Control bytes but TAB, and the bytes that no UTF-8 has, end recovery and discarding. */
static bool is_sync_byte(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c >= 0xFE;
}

static JsonStatus lex_start(JsonParser *p, const char **cursor)
{
    char c = *(*cursor)++;

    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n': return JSON_MORE;
    case '{':
    case '}':
    case '[':
    case ']':
    case ':':
    case ',': return json_grammar_punctuation(p, c);
    case '"':
    case '\'':
        begin_token(p, LEX_STRING);
        p->quote = c;
        p->needs_decode = false;
        return JSON_MORE;
    case '-': begin_token(p, LEX_MINUS); break;
    case '0': begin_token(p, LEX_ZERO); break;
    case '1' ... '9': begin_token(p, LEX_DIGITS); break;
    case 'a' ... 'z': begin_token(p, LEX_KEYWORD); break;
    default: return json_grammar_stray(p, (uint8_t)c);
    }
    if (!append_run(p, *cursor - 1, *cursor)) {
        return token_too_large(p);
    }
    return JSON_MORE;
}

/* Control bytes, and the bytes that no UTF-8 has, can't be in a string, even escaped. */
static bool may_be_in_string(uint8_t c)
{
    return c >= 0x20 && c < 0xFE;
}

/* The end of a run inside a string: bytes up to the quote, a backslash that is the last byte at
 * hand, or a byte that no string may hold. */
static const char *string_run_end(JsonParser *p, const char *to, const char *end)
{
    for (;;) {
        to = json_plain_end(to, end, (uint8_t)p->quote);
        if (to == end || *to == p->quote || !may_be_in_string((uint8_t)*to)) {
            return to;
        }
        p->needs_decode = true;
        if (*to != '\\') {
            do {
                to++;
            } while (to < end && (uint8_t)*to >= 0x80 && may_be_in_string((uint8_t)*to));
        } else if (end - to >= 2 && may_be_in_string((uint8_t)to[1])) {
            to += 2;
        } else {
            return to;
        }
    }
}

static JsonStatus lex_string(JsonParser *p, const char **cursor, const char *end)
{
    const char *from = *cursor;
    const char *to = string_run_end(p, from, end);

    *cursor = to;
    if (to > from && !append_run(p, from, to)) {
        return token_too_large(p);
    }
    if (to == end) {
        return JSON_MORE;
    }
    ++*cursor;
    if (*to == p->quote) {
        p->lex = LEX_START;
        return json_grammar_scalar(p, JSON_STRING, 2);
    }
    if (*to != '\\') {
        return json_grammar_stray(p, (uint8_t)*to);
    }
    p->lex = LEX_ESCAPE;
    return append_run(p, to, to + 1) ? JSON_MORE : token_too_large(p);
}

static JsonStatus lex_escape(JsonParser *p, const char **cursor)
{
    const char *from = (*cursor)++;
    uint8_t c = (uint8_t)*from;

    if (!may_be_in_string(c)) {
        return json_grammar_stray(p, c);
    }
    p->lex = LEX_STRING;
    return append_run(p, from, from + 1) ? JSON_MORE : token_too_large(p);
}

static JsonStatus lex_keyword(JsonParser *p, const char **cursor, const char *end)
{
    const char *from = *cursor;
    const char *to = from;

    while (to < end && *to >= 'a' && *to <= 'z') {
        to++;
    }
    *cursor = to;
    if (to > from && !append_run(p, from, to)) {
        return token_too_large(p);
    }
    if (to == end) {
        return JSON_MORE;
    }
    p->lex = LEX_START;
    return json_grammar_keyword(p);
}

/* The state behind one more byte of a number, or LEX_START if the byte does not go on with it. */
static LexState number_step(LexState state, char c)
{
    bool digit = c >= '0' && c <= '9';

    switch (state) {
    case LEX_MINUS: return c == '0' ? LEX_ZERO : digit ? LEX_DIGITS : LEX_START;
    case LEX_DIGITS:
        if (digit) {
            return LEX_DIGITS;
        }
        /* fall through */
    case LEX_ZERO: return c == '.' ? LEX_POINT : c == 'e' || c == 'E' ? LEX_E : LEX_START;
    case LEX_POINT: return digit ? LEX_FRACTION : LEX_START;
    case LEX_FRACTION: return digit ? LEX_FRACTION : c == 'e' || c == 'E' ? LEX_E : LEX_START;
    case LEX_E:
        if (c == '+' || c == '-') {
            return LEX_E_SIGN;
        }
        /* fall through */
    case LEX_E_SIGN:
    case LEX_EXPONENT: return digit ? LEX_EXPONENT : LEX_START;
    default: return LEX_START;
    }
}

static bool is_integer_state(LexState state)
{
    return state == LEX_ZERO || state == LEX_DIGITS;
}

/* True if a number may end in @state before the byte @c; -1 is the end of the input. */
static bool number_may_end(LexState state, int c)
{
    if (state == LEX_ZERO) {
        return !(c >= '0' && c <= '9');
    }
    return state == LEX_DIGITS || state == LEX_FRACTION || state == LEX_EXPONENT;
}

static JsonStatus end_number(JsonParser *p)
{
    JsonType type = is_integer_state(p->lex) ? JSON_INTEGER : JSON_DOUBLE;

    p->lex = LEX_START;
    return json_grammar_scalar(p, type, 0);
}

static JsonStatus lex_number(JsonParser *p, const char **cursor, const char *end)
{
    const char *from = *cursor;
    const char *to = from;
    LexState next;

    while (to < end && (next = number_step(p->lex, *to)) != LEX_START) {
        p->lex = next;
        to++;
    }
    *cursor = to;
    if (to > from && !append_run(p, from, to)) {
        return token_too_large(p);
    }
    if (to == end) {
        return JSON_MORE;
    }
    if (number_may_end(p->lex, (uint8_t)*to)) {
        return end_number(p);
    }
    ++*cursor;
    return json_grammar_stray(p, (uint8_t)*to);
}

static bool is_punctuation(char c)
{
    return c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',';
}

/* Drops bytes up to the one that ends recovery or discarding, which is left for LEX_START. */
static void skip_refused(JsonParser *p, const char **cursor, const char *end)
{
    const char *c = *cursor;
    bool recovery = p->lex == LEX_RECOVERY;

    while (c < end && !is_sync_byte((uint8_t)*c) && !(recovery && is_punctuation(*c))) {
        c++;
    }
    if (c < end) {
        p->lex = LEX_START;
    }
    *cursor = c;
}

static JsonStatus lex_step(JsonParser *p, const char **cursor, const char *end)
{
    switch (p->lex) {
    case LEX_START: return lex_start(p, cursor);
    case LEX_STRING: return lex_string(p, cursor, end);
    case LEX_ESCAPE: return lex_escape(p, cursor);
    case LEX_KEYWORD: return lex_keyword(p, cursor, end);
    case LEX_RECOVERY:
    case LEX_DISCARD: skip_refused(p, cursor, end); return JSON_MORE;
    default: return lex_number(p, cursor, end);
    }
}

JsonStatus json_parser_feed(JsonParser *p, const char *data, size_t len, size_t *consumed)
{
    const char *cursor = data;
    const char *end = data + len;
    JsonStatus status = JSON_MORE;

    if (p->done) {
        json_grammar_restart(p);
    }
    while (cursor < end && status == JSON_MORE) {
        status = lex_step(p, &cursor, end);
    }
    *consumed = (size_t)(cursor - data);
    return status;
}

/* Ends the token in progress, as any delimiter would. */
static JsonStatus finish_token(JsonParser *p)
{
    switch (p->lex) {
    case LEX_START:
    case LEX_RECOVERY:
    case LEX_DISCARD: return JSON_MORE;
    case LEX_KEYWORD: p->lex = LEX_START; return json_grammar_keyword(p);
    case LEX_STRING:
    case LEX_ESCAPE: return json_grammar_stray(p, -1);
    default: return number_may_end(p->lex, -1) ? end_number(p) : json_grammar_stray(p, -1);
    }
}

JsonStatus json_parser_finish(JsonParser *p)
{
    JsonStatus status;

    if (p->done) {
        json_grammar_restart(p);
    }
    status = finish_token(p);
    if (status == JSON_MORE) {
        status = json_grammar_end(p);
    }
    p->lex = LEX_START;
    return status;
}
