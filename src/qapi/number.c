/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scalars in option text; sheet on QAPI, sections 12.4 and 12.6. Written out by hand because the C
 * library's functions take more (signs for unsigned types, infinities, locales) and can't tell
 * where a range's `-` begins.
 */
#include "qapi/engine.h"
#include "qom/options.h"

#include <math.h>

static const char *skip_blanks(const char *p)
{
    while (g_ascii_isspace(*p)) {
        p++;
    }
    return p;
}

static bool scan_digits(const char **p, unsigned base, uint64_t *value)
{
    const char *start = *p;
    uint64_t sum = 0;
    for (int digit; (digit = g_ascii_xdigit_value(**p)) >= 0 && (unsigned)digit < base; (*p)++) {
        if (__builtin_mul_overflow(sum, base, &sum) || __builtin_add_overflow(sum, digit, &sum)) {
            return false;
        }
    }
    *value = sum;
    return *p > start;
}

/* Blanks, sign, then digits in C's notation. */
static bool scan_magnitude(const char **p, bool *negative, uint64_t *value)
{
    *p = skip_blanks(*p);
    *negative = **p == '-';
    *p += **p == '-' || **p == '+';
    if (**p != '0') {
        return scan_digits(p, 10, value);
    }
    bool hex = ((*p)[1] == 'x' || (*p)[1] == 'X') && g_ascii_isxdigit((*p)[2]);
    *p += hex ? 2 : 0;
    return scan_digits(p, hex ? 16 : 8, value);
}

bool qapi_scan_int64(const char **p, int64_t *value)
{
    bool negative;
    uint64_t magnitude;
    if (!scan_magnitude(p, &negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

bool qapi_scan_uint64(const char **p, uint64_t *value)
{
    bool negative;
    return scan_magnitude(p, &negative, value) && !negative;
}

bool qapi_parse_int64(const char *text, int64_t *value)
{
    int64_t parsed;
    if (!qapi_scan_int64(&text, &parsed) || *text) {
        return false;
    }
    *value = parsed;
    return true;
}

bool qapi_parse_uint64(const char *text, uint64_t *value)
{
    uint64_t parsed;
    if (!qapi_scan_uint64(&text, &parsed) || *text) {
        return false;
    }
    *value = parsed;
    return true;
}

bool qapi_parse_bool(const char *text, bool *value)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true", "n", "y"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = i % 2;
            return true;
        }
    }
    return false;
}

bool qapi_parse_number(const char *text, double *value)
{
    char *end;
    const char *start = skip_blanks(text);
    if (!*start || start[strspn(start, "0123456789+-.eE")]) {
        return false;
    }
    double parsed = g_ascii_strtod(start, &end);
    if (*end || !isfinite(parsed)) {
        return false;
    }
    *value = parsed;
    return true;
}

/* --- Sizes ----------------------------------------------------------------------------------- */

/* Doubles the decimal fraction 0.DIGITS in place; returns the carry into the integer part. */
static unsigned double_fraction(char *digits, size_t len)
{
    unsigned carry = 0;
    for (size_t i = len; i-- > 0;) {
        unsigned twice = (unsigned)(digits[i] - '0') * 2 + carry;
        digits[i] = (char)('0' + twice % 10);
        carry = twice / 10;
    }
    return carry;
}

/* 0.DIGITS times 2^shift, rounded, halves up. Exact however many digits there are. */
static uint64_t scale_fraction(const char *digits, size_t len, unsigned shift)
{
    g_autofree char *scratch = g_strndup(digits, len);
    uint64_t scaled = 0;
    for (unsigned i = 0; i < shift; i++) {
        scaled = scaled << 1 | double_fraction(scratch, len);
    }
    return scaled + double_fraction(scratch, len);
}

/* The power of two that a suffix stands for, or -1. */
static int suffix_shift(char suffix)
{
    const char *letters = "bkmgtpe";
    const char *found = suffix ? strchr(letters, g_ascii_tolower(suffix)) : NULL;
    return found ? (int)(found - letters) * 10 : -1;
}

bool qapi_parse_size(const char *text, uint64_t *value_bytes)
{
    const char *p = skip_blanks(text);
    p += *p == '+';
    uint64_t whole = 0;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        p += 2;
        if (!scan_digits(&p, 16, &whole) || *p) {
            return false;
        }
        *value_bytes = whole;
        return true;
    }

    const char *start = p;
    size_t fraction_len = 0;
    if (g_ascii_isdigit(*p) && !scan_digits(&p, 10, &whole)) {
        return false;
    }
    size_t n_digits = (size_t)(p - start);
    const char *fraction = p + 1;
    if (*p == '.') {
        fraction_len = strspn(fraction, "0123456789");
        p = fraction + fraction_len;
        n_digits += fraction_len;
    }
    if (n_digits == 0) {
        return false;
    }
    int shift = *p ? suffix_shift(*p++) : 0;
    if (shift < 0 || *p) {
        return false;
    }
    bool has_fraction = fraction_len && strspn(fraction, "0") < fraction_len;
    if ((has_fraction && shift == 0) || whole > UINT64_MAX >> shift) {
        return false;
    }
    uint64_t sum = whole << shift;
    if (has_fraction && __builtin_add_overflow(
                            sum, scale_fraction(fraction, fraction_len, (unsigned)shift), &sum)) {
        return false;
    }
    *value_bytes = sum;
    return true;
}
