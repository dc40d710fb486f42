/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_JSON_UNIT_H
#define TESTS_JSON_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "json/parser.h"

/* A text with its length, as tests have zero bytes in their texts. */
typedef struct Text {
    const char *data;
    size_t len;
} Text;

#define T(literal) ((Text){literal, sizeof(literal) - 1})

/* Feeds @text to @p in pieces of @piece bytes and appends to @log a line per verdict: "= JSON" for
 * a message, "! TEXT" for an error. */
static inline void unit_feed(JsonParser *p, const char *text, size_t len, size_t piece,
                             GString *log)
{
    while (len > 0) {
        size_t used;
        JsonStatus status = json_parser_feed(p, text, MIN(len, piece), &used);

        assert_true(used <= MIN(len, piece));
        assert_true(used > 0 || status != JSON_MORE);
        if (status == JSON_MESSAGE) {
            g_autofree char *json = json_tape_copy_subtree(json_parser_tape(p), JSON_ROOT, NULL);
            g_string_append_printf(log, "= %s\n", json);
        } else if (status == JSON_ERROR) {
            g_string_append_printf(log, "! %s\n", json_parser_error(p));
        } else {
            assert_int_equal(used, MIN(len, piece));
        }
        text += used;
        len -= used;
    }
}

#endif
