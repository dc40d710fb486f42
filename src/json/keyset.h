/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds duplicate keys in one pass. Most objects are small: a new key is compared with the few
 * before it. From KEYSET_DIRECT members on, the keys go into a hash table, one for all objects of
 * a message. The hash is keyed with random bytes, so a peer can't aim for collisions.
 */
#ifndef JSON_KEYSET_H
#define JSON_KEYSET_H

#include "json/tape.h"

enum { KEYSET_DIRECT = 8 };

typedef struct JsonKeyEntry {
    uint64_t hash;
    JsonTok object;
    JsonTok key; /* 0 in an empty slot: a key is never the first token */
} JsonKeyEntry;

typedef struct JsonKeySet {
    JsonKeyEntry *slots; /* NULL until a large object comes */
    uint32_t capacity;   /* a power of two */
    uint32_t used;
    uint64_t seed[2]; /* drawn with every new table */
    bool failed;      /* there was no memory for a key of this message */
} JsonKeySet;

/* A set of zero bytes is empty. Frees the table. */
void json_keyset_clear(JsonKeySet *set);
/* Forgets the keys of the last message. */
void json_keyset_reset(JsonKeySet *set);

/* Takes the newest token of @tape, a key of the open object @object whose `length` counts the
 * members before it. Returns false if one of them has the same key, or if the set has failed. */
bool json_keyset_add(JsonKeySet *set, const JsonTape *tape, JsonTok object, JsonTok key);

#endif
