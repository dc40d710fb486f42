/* SPDX-License-Identifier: BSD-3-Clause */
/* Duplicate keys; see keyset.h. */
#include "json/keyset.h"

#include <endian.h>
#include <glib.h>
#include <string.h>
#include <sys/random.h>

enum { FIRST_CAPACITY = 64, KEEP_CAPACITY = 1024 };

static void draw_seed(JsonKeySet *set)
{
    /* syscalls: getrandom -- hashes that peers can not foresee */
    if (getrandom(set->seed, sizeof(set->seed), 0) != (ssize_t)sizeof(set->seed)) {
        set->seed[0] = (uint64_t)g_random_int() << 32 | g_random_int();
        set->seed[1] = (uint64_t)g_random_int() << 32 | g_random_int();
    }
}

void json_keyset_clear(JsonKeySet *set)
{
    g_free(set->slots);
    set->slots = NULL;
    set->capacity = set->used = 0;
}

void json_keyset_reset(JsonKeySet *set)
{
    set->failed = false;
    if (set->capacity > KEEP_CAPACITY) {
        json_keyset_clear(set);
    } else if (set->used > 0) {
        memset(set->slots, 0, set->capacity * sizeof(JsonKeyEntry));
        set->used = 0;
    }
}

static uint64_t rotl(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static void sip_block(uint64_t v[4], uint64_t block)
{
    v[3] ^= block;
    sip_round(v);
    v[0] ^= block;
}

/* SipHash-1-3 of the object's index and the key (Aumasson and Bernstein, 2012). */
static uint64_t hash_key(const JsonKeySet *set, JsonTok object, const char *key, size_t len)
{
    uint64_t v[4] = {
        set->seed[0] ^ UINT64_C(0x736f6d6570736575),
        set->seed[1] ^ UINT64_C(0x646f72616e646f6d),
        set->seed[0] ^ UINT64_C(0x6c7967656e657261),
        set->seed[1] ^ UINT64_C(0x7465646279746573),
    };
    uint64_t block = 0;
    size_t left = len;

    sip_block(v, object);
    for (; left >= 8; left -= 8, key += 8) {
        memcpy(&block, key, 8);
        sip_block(v, le64toh(block));
    }
    block = 0;
    memcpy(&block, key, left);
    sip_block(v, le64toh(block) | (uint64_t)len << 56);
    v[2] ^= 0xFF;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool same_text(const JsonTape *tape, JsonTok a, JsonTok b)
{
    const JsonToken *ta = &tape->tokens[a];
    const JsonToken *tb = &tape->tokens[b];

    return ta->length == tb->length &&
           memcmp(tape->text + ta->offset, tape->text + tb->offset, ta->length) == 0;
}

/* The slot of an equal entry, or the empty one where it belongs. */
static JsonKeyEntry *find_slot(const JsonKeySet *set, const JsonTape *tape, JsonKeyEntry entry)
{
    uint32_t mask = set->capacity - 1;

    for (uint32_t i = (uint32_t)entry.hash & mask;; i = (i + 1) & mask) {
        JsonKeyEntry *slot = &set->slots[i];
        if (slot->key == 0 || (slot->hash == entry.hash && slot->object == entry.object &&
                               same_text(tape, slot->key, entry.key))) {
            return slot;
        }
    }
}

static bool grow(JsonKeySet *set, const JsonTape *tape)
{
    uint32_t old_capacity = set->capacity;
    uint32_t capacity = MAX(old_capacity * 2, FIRST_CAPACITY);
    JsonKeyEntry *slots = g_try_new0(JsonKeyEntry, capacity);

    if (!slots) {
        set->failed = true;
        return false;
    }
    if (old_capacity == 0) {
        draw_seed(set);
    }
    g_autofree JsonKeyEntry *old = set->slots;
    set->capacity = capacity;
    set->slots = slots;
    for (uint32_t i = 0; i < old_capacity; i++) {
        if (old[i].key != 0) {
            *find_slot(set, tape, old[i]) = old[i];
        }
    }
    return true;
}

static bool insert(JsonKeySet *set, const JsonTape *tape, JsonTok object, JsonTok key)
{
    const JsonToken *token = &tape->tokens[key];
    JsonKeyEntry entry = {
        .hash = hash_key(set, object, tape->text + token->offset, token->length),
        .object = object,
        .key = key,
    };

    if (set->used >= set->capacity / 2 && !grow(set, tape)) {
        return false;
    }
    JsonKeyEntry *slot = find_slot(set, tape, entry);
    if (slot->key != 0) {
        return false;
    }
    *slot = entry;
    set->used++;
    return true;
}

bool json_keyset_add(JsonKeySet *set, const JsonTape *tape, JsonTok object, JsonTok key)
{
    uint32_t before = tape->tokens[object].length;

    if (before > KEYSET_DIRECT) {
        return insert(set, tape, object, key);
    }
    bool to_table = before == KEYSET_DIRECT;
    for (JsonTok k = object + 1; k < key; k = tape->tokens[k + 1].next) {
        if (same_text(tape, k, key)) {
            return false;
        }
        if (to_table) {
            insert(set, tape, object, k);
        }
    }
    return !to_table || insert(set, tape, object, key);
}
