/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bump allocator. Everything that a schema consists of lives as long as the schema, so nothing is
 * freed alone: one arena a schema, freed at once. Not thread-safe.
 */
#ifndef QAPIC_ARENA_H
#define QAPIC_ARENA_H

#include <glib.h>

typedef struct Arena Arena;

/* A new, empty arena. */
Arena *arena_new(void);

/* Frees @arena and everything allocated from it; NULL is fine. */
void arena_free(Arena *arena);

/* @size zeroed bytes, aligned for any type, owned by the arena. Never NULL. */
void *arena_alloc(Arena *arena, size_t size);

/* A copy of the @len bytes at @text, with a NUL behind. */
char *arena_strndup(Arena *arena, const char *text, size_t len);

#define arena_new0(arena, Type, count) ((Type *)arena_alloc((arena), sizeof(Type) * (count)))

#endif
