/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a tape without JSON text; see tape.h. */
#include <glib.h>
#include <string.h>

#include "json/tape.h"
#include "json/unicode.h"

void json_builder_init(JsonTapeBuilder *b)
{
    *b = (JsonTapeBuilder){.tape = json_tape_new(), .open = JSON_NONE};
}

void json_builder_clear(JsonTapeBuilder *b)
{
    json_tape_free(b->tape);
    b->tape = NULL;
}

JsonTape *json_builder_finish(JsonTapeBuilder *b)
{
    JsonTape *tape = b->tape;

    g_assert(b->open == JSON_NONE && tape->count > 0 && tape->tokens[0].next == tape->count);
    b->tape = NULL;
    return tape;
}

/* What is built is not of a peer's size: without memory the program ends, as GLib's does. */
static JsonTok push(JsonTape *tape, JsonType type, unsigned flags)
{
    JsonTok tok = json_tape_push(tape, type, flags);

    if (tok == JSON_NONE) {
        g_error("no memory for a tape of %u tokens", tape->count);
    }
    return tok;
}

/* Appends a value token, counted by the container around it. */
static JsonToken *push_value(JsonTapeBuilder *b, JsonType type, unsigned flags)
{
    if (b->open != JSON_NONE) {
        b->tape->tokens[b->open].length++;
    }
    JsonTok tok = push(b->tape, type, flags);
    return &b->tape->tokens[tok];
}

static void set_text(JsonTape *tape, JsonToken *token, const char *text, size_t len)
{
    g_assert(len < UINT32_MAX - tape->text_len);
    if (!json_tape_reserve_text(tape, len + 1)) {
        g_error("no memory for a text of %zu bytes", len);
    }
    token->offset = (uint32_t)tape->text_len;
    token->length = (uint32_t)len;
    if (len > 0) {
        memcpy(tape->text + tape->text_len, text, len);
    }
    tape->text_len += len;
    tape->text[tape->text_len++] = '\0';
}

static void begin(JsonTapeBuilder *b, JsonType type)
{
    JsonToken *token = push_value(b, type, 0);

    token->next = b->open;
    b->open = (JsonTok)(token - b->tape->tokens);
}

void json_builder_begin_object(JsonTapeBuilder *b)
{
    begin(b, JSON_OBJECT);
}

void json_builder_begin_array(JsonTapeBuilder *b)
{
    begin(b, JSON_ARRAY);
}

void json_builder_end(JsonTapeBuilder *b)
{
    JsonToken *token = &b->tape->tokens[b->open];

    b->open = token->next;
    token->next = b->tape->count;
}

/* What the bytes of a string from elsewhere are. */
static unsigned string_flags(const char *text, size_t len)
{
    bool nul = memmem(text, len, "\xC0\x80", 2);

    return (nul ? JSON_FLAG_NUL : 0) | (json_utf8_valid(text, len) ? JSON_FLAG_UTF8 : 0);
}

void json_builder_key(JsonTapeBuilder *b, const char *key, size_t len)
{
    unsigned flags = JSON_FLAG_KEY | string_flags(key, len);
    JsonTok tok = push(b->tape, JSON_STRING, flags);

    set_text(b->tape, &b->tape->tokens[tok], key, len);
}

void json_builder_string(JsonTapeBuilder *b, const char *text, size_t len)
{
    set_text(b->tape, push_value(b, JSON_STRING, string_flags(text, len)), text, len);
}

void json_builder_text(JsonTapeBuilder *b, const char *text, size_t len)
{
    set_text(b->tape, push_value(b, JSON_TEXT, string_flags(text, len)), text, len);
}

void json_builder_bool(JsonTapeBuilder *b, bool value)
{
    push_value(b, JSON_BOOL, value ? JSON_FLAG_TRUE : 0);
}

void json_builder_null(JsonTapeBuilder *b)
{
    push_value(b, JSON_NULL, 0);
}

void json_builder_int64(JsonTapeBuilder *b, int64_t value)
{
    char text[24];
    int len = g_snprintf(text, sizeof(text), "%" G_GINT64_FORMAT, value);

    set_text(b->tape, push_value(b, JSON_INTEGER, 0), text, (size_t)len);
}

void json_builder_uint64(JsonTapeBuilder *b, uint64_t value)
{
    char text[24];
    int len = g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, value);

    set_text(b->tape, push_value(b, JSON_INTEGER, 0), text, (size_t)len);
}

static bool has_text(JsonType type)
{
    return type == JSON_STRING || type == JSON_TEXT || type == JSON_INTEGER || type == JSON_DOUBLE;
}

void json_builder_subtree(JsonTapeBuilder *b, const JsonTape *tape, JsonTok tok)
{
    JsonTape *to = b->tape;
    JsonTok end = tape->tokens[tok].next;
    uint32_t first = to->count;

    if (b->open != JSON_NONE) {
        to->tokens[b->open].length++;
    }
    for (JsonTok t = tok; t < end; t++) {
        const JsonToken *from = &tape->tokens[t];
        JsonTok tok_copy = push(to, (JsonType)from->type, from->flags);
        JsonToken *copy = &to->tokens[tok_copy];

        copy->length = from->length;
        copy->next = first + (from->next - tok);
        if (has_text((JsonType)from->type)) {
            set_text(to, copy, tape->text + from->offset, from->length);
        }
    }
}
