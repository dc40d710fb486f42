/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UTF-8 as QMP's JSON takes it: U+0000 is written as the two bytes C0 80, and noncharacters
 * (U+FDD0 to U+FDEF, U+xxFFFE, U+xxFFFF) are refused like surrogates.
 */
#ifndef JSON_UNICODE_H
#define JSON_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_FAULT_SIZE = 64 };

/* True for code points that a string may contain. */
bool json_codepoint_ok(uint32_t cp);

/*
 * Reads the sequence at *p (*p < end) and moves *p behind it. Returns the code point, 0 for C0 80,
 * or -1 if it is invalid; then *p is behind the bytes that belong together: the lead byte and the
 * continuation bytes that it asks for, as far as they are there.
 */
int32_t json_utf8_next(const char **p, const char *end);

/* Writes @cp, which is ok, to @buf (up to 4 bytes) and returns the number of bytes. */
size_t json_utf8_put(char *buf, uint32_t cp);

/*
 * Validates what stood between the quotes of a string, @len bytes, and decodes it in place (it
 * never grows). *has_nul says if U+0000 is in it. Returns the new length, or -1 with the text of
 * the fault in @fault.
 */
ptrdiff_t json_string_decode(char *text, size_t len, bool *has_nul, char fault[JSON_FAULT_SIZE]);

/* True if @text is valid in the sense of json_utf8_next(), which includes C0 80. */
bool json_utf8_valid(const char *text, size_t len);

#endif
