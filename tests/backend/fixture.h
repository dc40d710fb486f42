/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects in the test's own process: add, look, set, delete, and see what is left behind. */
#ifndef TEST_BACKEND_FIXTURE_H
#define TEST_BACKEND_FIXTURE_H

#include "qom/loop.h"
#include "qom/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>

/* For cmocka: a main loop, the types, a scratch folder; for a group of tests. */
int backend_setup(void **state);
int backend_teardown(void **state);
/* After each test: deletes all objects and what is in the scratch folder. */
int backend_clear(void **state);

/* A path in the scratch folder; g_free() it. */
char *scratch(const char *name);
/* The folder itself. */
const char *scratch_folder(void);
/* Writes a file there and returns its path. */
char *scratch_file(const char *name, const void *data, size_t len);

/* object-add of JSON in which ' stands for "; must succeed. */
QomObject *add(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Must fail with exactly @text, and leave nothing. */
void add_fails(const char *text, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Must fail with a text that has @part in it, and leave nothing. */
void add_fails_with(const char *part, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* object-del; must succeed. */
void del(const char *id);

/* The value of a property as JSON is @json. */
void assert_property(const char *id, const char *property, const char *json);
/* qom-set of a JSON value. */
void set(const char *id, const char *property, const char *json);
/* Must fail with exactly @text and leave the value. */
void set_fails(const char *id, const char *property, const char *json, const char *text);

/* What this process has. Mappings are 0 where a tool that watches us makes its own. */
typedef struct Holdings {
    unsigned fds, threads, mappings;
} Holdings;
Holdings holdings(void);
/* Fails unless they are the same again within 5 s. */
void assert_holdings(Holdings before);
/* Whether a sanitizer or valgrind is at work. */
bool watched(void);

/* The entry of /proc/self/smaps that begins at @address. */
typedef struct Mapping {
    char perms[5];
    uint64_t size_bytes, offset_bytes, rss_bytes, anonymous_bytes, page_bytes;
    char flags[256]; /* VmFlags */
    char name[256];
} Mapping;
Mapping mapping_at(const void *address);
/* Whether @flag, such as "dd", is among the VmFlags. */
bool mapping_has(const Mapping *mapping, const char *flag);

/* The number in a file of /proc or /sys; 0 if it can not be read. */
uint64_t file_number(const char *path);

/* Runs the main loop for a while. */
void run_ms(int ms);
/* Runs it until @condition, 10 s at most; fails if it does not come. */
void run_until(bool (*condition)(void *opaque), void *opaque);

/* Runs @fn(@opaque) in a child process and returns its exit status, which is 0 if it returns, and
 * over 128 after a failed assertion. */
int in_child(void (*fn)(void *opaque), void *opaque);

#endif
