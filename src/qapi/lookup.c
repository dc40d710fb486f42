/* SPDX-License-Identifier: BSD-3-Clause */
/* Names to descriptors: members, enum values, commands; and the nearest name for "did you mean". */
#include "qapi/engine.h"

/* Names longer than this are not compared for likeness: the work grows with the square. */
#define NEAREST_MAX_LENGTH 64

const QapiMember *qapi_find_member(const QapiType *type, const char *name)
{
    for (; type; type = type->base) {
        for (uint32_t i = 0; i < type->n_members; i++) {
            if (strcmp(type->members[i].name, name) == 0) {
                return &type->members[i];
            }
        }
    }
    return NULL;
}

/* strcmp() of @name, which has @len bytes and may lack the final zero, with @other. */
static int compare_name(const char *name, size_t len, const char *other)
{
    int order = strncmp(name, other, len);
    return order ? order : -(other[len] != '\0');
}

int qapi_enum_lookup(const QapiType *type, const char *name, size_t len)
{
    uint32_t low = 0;
    uint32_t high = type->n_values;
    if (memchr(name, '\0', len)) {
        return -1;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t value = type->names_sorted[middle];
        int order = compare_name(name, len, type->values[value].name);
        if (order == 0) {
            return value;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

const char *qapi_enum_name(const QapiType *type, int value)
{
    return value >= 0 && (uint32_t)value < type->n_values ? type->values[value].name : "";
}

const QapiCommand *qapi_find_command(const QapiSchema *schema, const char *name, size_t len)
{
    uint32_t low = 0;
    uint32_t high = schema->n_commands;
    if (memchr(name, '\0', len)) {
        return NULL;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_name(name, len, schema->commands[middle]->name);
        if (order == 0) {
            return schema->commands[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* Levenshtein's distance. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[NEAREST_MAX_LENGTH + 1];
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_len];
}

const char *qapi_nearest_name(const char *name, size_t n, const char *(*get)(const void *, size_t),
                              const void *names)
{
    size_t len = strnlen(name, NEAREST_MAX_LENGTH + 1);
    size_t best_distance = MAX(len / 3, 1) + 1;
    const char *best = NULL;
    for (size_t i = 0; i < n && len <= NEAREST_MAX_LENGTH; i++) {
        const char *candidate = get(names, i);
        size_t candidate_len = strnlen(candidate, NEAREST_MAX_LENGTH + 1);
        if (candidate_len > NEAREST_MAX_LENGTH) {
            continue;
        }
        size_t distance = edit_distance(name, len, candidate, candidate_len);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}
