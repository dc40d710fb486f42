/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the JSON parser and writer. The first byte of the input seeds where the rest is cut.
 *
 * Must hold: however the input is cut, the messages and errors are the same; what was accepted can
 * be written and read back, and is then written the same.
 */
#include <glib.h>
#include <string.h>

#include "target.h"

#include "json/parser.h"

/* Small enough for the fuzzer to find the limits. */
static const JsonLimits limits = {.max_depth = 16, .max_tokens = 200, .max_text_bytes = 2000};

static void check_round_trip(const JsonTape *tape, const char *json, size_t len)
{
    QOM_AUTO_ERROR(error);
    JSON_AUTO_TAPE(again);
    size_t len_again;

    again = json_parse_text(json, len, &error);
    g_assert(again);
    g_assert(again->count == tape->count && again->text_len == tape->text_len);
    g_autofree char *json_again = json_tape_copy_subtree(again, JSON_ROOT, &len_again);
    g_assert(len_again == len && memcmp(json, json_again, len) == 0);
}

static void note(JsonParser *p, JsonStatus status, GString *log)
{
    if (status == JSON_ERROR) {
        g_string_append_printf(log, "! %s\n", json_parser_error(p));
    } else if (status == JSON_MESSAGE) {
        size_t len;
        g_autofree char *json = json_tape_copy_subtree(json_parser_tape(p), JSON_ROOT, &len);

        check_round_trip(json_parser_tape(p), json, len);
        g_string_append_printf(log, "= %s\n", json);
    }
}

/* Parses everything in pieces whose sizes come from @seed; 0 means one piece. */
static GString *parse(const char *data, size_t size, uint32_t seed)
{
    JsonParser *p = json_parser_new(&limits);
    GString *log = g_string_new(NULL);
    GRand *random = seed ? g_rand_new_with_seed(seed) : NULL;

    while (size > 0) {
        size_t wanted = random ? (size_t)g_rand_int_range(random, 1, 24) : size;
        size_t piece = MIN(size, wanted);
        /* An own allocation, so that a sanitizer sees a read beyond the piece. */
        g_autofree char *copy = g_memdup2(data, piece);
        size_t at = 0;

        while (at < piece) {
            size_t used;
            JsonStatus status = json_parser_feed(p, copy + at, piece - at, &used);

            g_assert(used > 0 || status != JSON_MORE);
            note(p, status, log);
            at += used;
        }
        data += piece;
        size -= piece;
    }
    note(p, json_parser_finish(p), log);
    json_parser_free(p);
    if (random) {
        g_rand_free(random);
    }
    return log;
}

void target_input(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return;
    }
    const char *text = (const char *)data + 1;
    g_autoptr(GString) whole = parse(text, size - 1, 0);
    g_autoptr(GString) cut = parse(text, size - 1, 1 + data[0]);

    g_assert_cmpstr(whole->str, ==, cut->str);
}
