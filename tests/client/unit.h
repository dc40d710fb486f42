/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_CLIENT_UNIT_H
#define TESTS_CLIENT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "qom/json.h"

static inline JsonTape *unit_json(const char *text)
{
    JsonTape *tape = json_parse_text(text, strlen(text), NULL);
    assert_non_null(tape);
    return tape;
}

#endif
