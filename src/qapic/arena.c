/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/arena.h"

#include <stdalign.h>
#include <stddef.h>
#include <string.h>

enum { ARENA_CHUNK_BYTES = 64 * 1024 };

typedef struct ArenaChunk ArenaChunk;
struct ArenaChunk {
    ArenaChunk *next;
    max_align_t data[];
};

struct Arena {
    ArenaChunk *chunks;
    char *free;
    size_t free_bytes;
};

Arena *arena_new(void)
{
    return g_new0(Arena, 1);
}

void arena_free(Arena *arena)
{
    if (!arena) {
        return;
    }
    for (ArenaChunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        g_free(chunk);
    }
    g_free(arena);
}

static ArenaChunk *add_chunk(Arena *arena, size_t bytes)
{
    ArenaChunk *chunk = g_malloc0(sizeof(*chunk) + bytes);
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

static void *take(Arena *arena, size_t size)
{
    if (size > ARENA_CHUNK_BYTES / 4) {
        return add_chunk(arena, size)->data;
    }
    if (size > arena->free_bytes) {
        arena->free = (char *)add_chunk(arena, ARENA_CHUNK_BYTES)->data;
        arena->free_bytes = ARENA_CHUNK_BYTES;
    }
    void *result = arena->free;
    arena->free += size;
    arena->free_bytes -= size;
    return result;
}

void *arena_alloc(Arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    return take(arena, (size + align - 1) & ~(align - 1));
}

char *arena_strndup(Arena *arena, const char *text, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);
    memcpy(copy, text, len);
    return copy;
}
