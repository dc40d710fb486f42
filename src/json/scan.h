/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds the end of a run of plain bytes, eight at a time: strings are most of the bytes of a large
 * message, and nearly all of their bytes are plain.
 *
 * A subtraction per byte lane borrows from the next lane only behind a hit, so the lowest set bit
 * of a mask is always right, and that is the one that counts.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define JSON_LANES(byte) (UINT64_C(0x0101010101010101) * (uint8_t)(byte))

/* Eight bytes, the first one lowest. */
static inline uint64_t json_load8(const char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof(x));
    return le64toh(x);
}

/* The high bit of the first lane that holds @byte. */
static inline uint64_t json_lane_equals(uint64_t x, uint8_t byte)
{
    uint64_t diff = x ^ JSON_LANES(byte);

    return (diff - JSON_LANES(1)) & ~diff & JSON_LANES(0x80);
}

/* The high bit of the first lane below @limit (at most 0x80) or above 0x7F. */
static inline uint64_t json_lane_outside(uint64_t x, uint8_t limit)
{
    return (((x - JSON_LANES(limit)) & ~x) | x) & JSON_LANES(0x80);
}

/* True for bytes that need no attention inside a string that ends with @quote. */
static inline bool json_is_plain(uint8_t c, uint8_t quote)
{
    return c >= 0x20 && c < 0x80 && c != quote && c != '\\';
}

/* The first byte in [p, end) that is a control byte, @quote, a backslash or not ASCII; else end. */
static inline const char *json_plain_end(const char *p, const char *end, uint8_t quote)
{
    while (end - p >= 8) {
        uint64_t x = json_load8(p);
        uint64_t stop =
            json_lane_outside(x, 0x20) | json_lane_equals(x, quote) | json_lane_equals(x, '\\');

        if (stop) {
            return p + __builtin_ctzll(stop) / 8;
        }
        p += 8;
    }
    while (p < end && json_is_plain((uint8_t)*p, quote)) {
        p++;
    }
    return p;
}

#endif
