/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 and string escapes; see unicode.h. */
#include "json/unicode.h"

#include <stdio.h>
#include <string.h>

#include "json/scan.h"

bool json_codepoint_ok(uint32_t cp)
{
    bool surrogate = cp >= 0xD800 && cp <= 0xDFFF;
    bool noncharacter = (cp >= 0xFDD0 && cp <= 0xFDEF) || (cp & 0xFFFE) == 0xFFFE;

    return cp <= 0x10FFFF && !surrogate && !noncharacter;
}

/* The bytes of the sequence that @lead starts, by the original scheme of up to six bytes, so that
 * an invalid long sequence is one fault and not six. 1 if it starts none. */
static unsigned sequence_length(uint8_t lead)
{
    if (lead < 0xC0 || lead > 0xFD) {
        return 1;
    }
    return (unsigned)__builtin_clz(~((unsigned)lead << 24));
}

int32_t json_utf8_next(const char **p, const char *end)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
    const char *s = *p;
    uint8_t lead = (uint8_t)*s++;
    unsigned length = sequence_length(lead);
    unsigned got = 1;
    uint32_t cp = lead & (0xFFu >> (length + 1));

    if (lead < 0x80) {
        *p = s;
        return lead;
    }
    while (got < length && s < end && ((uint8_t)*s & 0xC0) == 0x80) {
        cp = cp << 6 | ((uint8_t)*s++ & 0x3F);
        got++;
    }
    *p = s;
    if (length == 1 || got < length) {
        return -1;
    }
    if (length == 2 && cp == 0) {
        return 0;
    }
    return cp >= smallest[length] && json_codepoint_ok(cp) ? (int32_t)cp : -1;
}

size_t json_utf8_put(char *buf, uint32_t cp)
{
    if (cp > 0 && cp < 0x80) {
        buf[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        buf[0] = (char)(0xC0 | cp >> 6);
        buf[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        buf[0] = (char)(0xE0 | cp >> 12);
        buf[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        buf[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    buf[0] = (char)(0xF0 | cp >> 18);
    buf[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    buf[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    buf[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

bool json_utf8_valid(const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        if (end - text >= 8 && !(json_load8(text) & JSON_LANES(0x80))) {
            text += 8;
        } else if (json_utf8_next(&text, end) < 0) {
            return false;
        }
    }
    return true;
}

/* The value of four hexadecimal digits at @p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;

    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        uint8_t c = (uint8_t)p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

/* Reads \uXXXX at *p, with its second half if it is the first of a pair. Returns the code point or
 * -1; *p is behind what belongs to the character. */
static int32_t unicode_escape(const char **p, const char *end)
{
    const char *s = *p;
    int32_t cp = hex4(s + 2, end);

    *p = end - s < 6 ? end : s + 6;
    if (cp < 0xD800 || cp > 0xDBFF) {
        return cp >= 0 && json_codepoint_ok((uint32_t)cp) ? cp : -1;
    }
    if (end - s < 12 || s[6] != '\\' || s[7] != 'u') {
        return -1;
    }
    int32_t low = hex4(s + 8, end);
    if (low < 0xDC00 || low > 0xDFFF) {
        return -1;
    }
    *p = s + 12;
    cp = 0x10000 + ((cp & 0x3FF) << 10 | (low & 0x3FF));
    return json_codepoint_ok((uint32_t)cp) ? cp : -1;
}

/* The character that a backslash and @c stand for, or 0. */
static char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\'':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
    }
}

/* Decodes the escape at *p to @out and moves *p behind it. Returns the bytes written, 0 on a
 * fault. */
static size_t decode_escape(const char **p, const char *end, char *out, bool *has_nul,
                            char fault[JSON_FAULT_SIZE])
{
    const char *start = *p;

    if (end - start >= 2 && start[1] == 'u') {
        int32_t cp = unicode_escape(p, end);
        if (cp < 0) {
            snprintf(fault, JSON_FAULT_SIZE, "%.*s is not a valid Unicode character",
                     (int)(*p - start), start);
            return 0;
        }
        *has_nul |= cp == 0;
        return json_utf8_put(out, (uint32_t)cp);
    }
    *out = end - start >= 2 ? simple_escape(start[1]) : 0;
    if (!*out) {
        snprintf(fault, JSON_FAULT_SIZE, "invalid escape sequence in string");
        return 0;
    }
    *p += 2;
    return 1;
}

ptrdiff_t json_string_decode(char *text, size_t len, bool *has_nul, char fault[JSON_FAULT_SIZE])
{
    const char *in = text;
    const char *end = text + len;
    char *out = text;

    *has_nul = false;
    while (in < end) {
        const char *start = in;

        if (*in == '\\') {
            size_t n = decode_escape(&in, end, out, has_nul, fault);
            if (n == 0) {
                return -1;
            }
            out += n;
            continue;
        }
        if ((uint8_t)*in < 0x80) {
            in = json_plain_end(in + 1, end, '\\');
        } else {
            int32_t cp = json_utf8_next(&in, end);
            if (cp < 0) {
                snprintf(fault, JSON_FAULT_SIZE, "invalid UTF-8 sequence in string");
                return -1;
            }
            *has_nul |= cp == 0;
        }
        if (out != start) {
            memmove(out, start, (size_t)(in - start));
        }
        out += in - start;
    }
    return out - text;
}
