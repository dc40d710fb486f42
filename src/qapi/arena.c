/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chain of chunks; allocation moves a pointer. Invariant: the unused part of each chunk is zero,
 * so that alloc need not clear and reset clears only what was used. Requests that carry secrets are
 * decoded here, hence all that is given back is wiped first.
 */
#include "qapi/engine.h"

#include <stdalign.h>

#define FIRST_CHUNK_BYTES  4096
#define LARGEST_GROW_BYTES (1u << 20)

typedef struct Chunk Chunk;
struct Chunk {
    Chunk *older;
    size_t used, size; /* bytes of `data` */
    alignas(max_align_t) char data[];
};

struct QapiArena {
    Chunk *newest;
};

static Chunk *chunk_new(size_t size_bytes, Chunk *older)
{
    Chunk *chunk = g_try_malloc0(sizeof(*chunk) + size_bytes);
    if (!chunk) {
        return NULL;
    }
    chunk->older = older;
    chunk->size = size_bytes;
    return chunk;
}

static void chunk_wipe(Chunk *chunk)
{
    explicit_bzero(chunk->data, chunk->used);
    chunk->used = 0;
}

QapiArena *qapi_arena_new(void)
{
    QapiArena *arena = g_new(QapiArena, 1);
    arena->newest = chunk_new(FIRST_CHUNK_BYTES, NULL);
    if (!arena->newest) {
        g_error("no memory for an arena");
    }
    return arena;
}

void *qapi_arena_alloc(QapiArena *arena, size_t size_bytes)
{
    void *place = qapi_arena_try_alloc(arena, size_bytes);
    if (!place) {
        g_error("no memory for %zu bytes of an arena", size_bytes);
    }
    return place;
}

void *qapi_arena_try_alloc(QapiArena *arena, size_t size_bytes)
{
    g_assert(size_bytes < SIZE_MAX / 2);
    size_bytes = MAX(size_bytes, 1);
    size_t rounded = (size_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    Chunk *chunk = arena->newest;
    if (chunk->size - chunk->used < rounded) {
        size_t grown = MIN(chunk->size * 2, LARGEST_GROW_BYTES);
        chunk = chunk_new(MAX(grown, rounded), chunk);
        if (!chunk) {
            return NULL;
        }
        arena->newest = chunk;
    }
    void *place = chunk->data + chunk->used;
    chunk->used += rounded;
    return place;
}

void qapi_arena_reset(QapiArena *arena)
{
    Chunk *chunk = arena->newest;
    while (chunk->older) {
        Chunk *older = chunk->older;
        chunk_wipe(chunk);
        g_free(chunk);
        chunk = older;
    }
    chunk_wipe(chunk);
    arena->newest = chunk;
}

void qapi_arena_free(QapiArena *arena)
{
    if (!arena) {
        return;
    }
    qapi_arena_reset(arena);
    g_free(arena->newest);
    g_free(arena);
}
