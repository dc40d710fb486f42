/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether two JSON values mean the same to the object model. */
#ifndef CLIENT_EQUAL_H
#define CLIENT_EQUAL_H

#include "qom/json.h"

/*
 * Whether what is wanted, @a, is what @b has. Objects in @b may have members that are not wanted,
 * at every level. Numbers are compared by value, a list of integers as a set, as those are nodes
 * and CPUs.
 */
bool equal_json(const JsonTape *a, JsonTok a_tok, const JsonTape *b, JsonTok b_tok);

/* Whether a link, which the file calls @wanted, leads to @path: an id and other ends of a path do.
 */
bool equal_link(const char *wanted, const char *path);

#endif
