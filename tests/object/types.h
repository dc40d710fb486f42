/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Object types for the tests of the object room, in the image of real ones: a memory backend with
 * enum, list, struct and link members, a file variant with an extended config, a context that
 * others link to, a secret, a type that refuses deletion, and one as small as can be.
 */
#ifndef TESTS_OBJECT_TYPES_H
#define TESTS_OBJECT_TYPES_H

#include "qom/object.h"

typedef struct Limits {
    bool has_iops_total;
    int64_t iops_total;
} Limits;

typedef enum Policy { POLICY_DEFAULT, POLICY_BIND, POLICY_PREFERRED } Policy;

typedef struct MemProps {
    bool has_dump, dump;
    bool has_host_nodes;
    uint16List host_nodes;
    bool has_policy;
    Policy policy;
    bool has_prealloc_threads;
    uint32_t prealloc_threads;
    char *prealloc_context;
    Limits *limits;
    char *label;
    bool has_opened, opened;
    uint64_t size;
} MemProps;

typedef struct MemFileProps {
    MemProps base;
    bool has_align;
    uint64_t align;
    char *mem_path;
} MemFileProps;

typedef struct Mem {
    QomObject obj;
    QomObject *context;
    unsigned applied;
    bool apply_fails, complete_fails;
    union {
        MemProps config;
        MemFileProps file_config;
    };
} Mem;

typedef struct CellProps {
    bool has_value;
    int64_t value;
    bool has_on, on;
} CellProps;

typedef struct Cell {
    QomObject obj;
    CellProps config;
} Cell;

/* The decoded enum of creatable names: has "test-unbuilt" that no code implements, and the
 * deprecated "test-cell". */
extern const QapiType type_names;
extern const QapiType mem_props;

/* Registers all types, once, and makes an empty tree. */
int setup_types(void **state);
/* Destroys the tree. */
int teardown_tree(void **state);

/* How many instances of the memory types live. */
extern int mems_alive;
/* Texts of what instance_finalize and friends did, in order; cleared by the test. */
extern char trace[4096];
void trace_add(const char *fmt, ...) QOM_PRINTF(1, 2);

/* Adds from JSON with single quotes; the test fails if that does. */
QomObject *add(const char *json);
/* The message with which adding fails. */
const char *add_error(const char *json);
/* The message with which setting fails, or "". */
const char *set_error(QomObject *obj, const char *name, const char *json);
/* The property as JSON text, or the error; valid until the next call. */
const char *get(QomObject *obj, const char *name);

#endif
