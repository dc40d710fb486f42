/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of objects come from clients, so the tables that index them are keyed: SipHash-1-3 with a
 * key drawn at start (https://www.aumasson.jp/siphash/siphash.pdf), and nobody can choose a million
 * names that collide.
 *
 * A name set holds the objects themselves and no copy of their names; it is asked with an object on
 * the stack that has only a name.
 */
#include "object/internal.h"

#include <string.h>
#include <sys/random.h>

static uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static const uint64_t *hash_key(void)
{
    static gsize ready;
    static uint64_t key[2];
    if (g_once_init_enter(&ready)) {
        if (getrandom(key, sizeof(key), GRND_NONBLOCK) != (ssize_t)sizeof(key)) {
            key[0] = ((uint64_t)g_random_int() << 32) | g_random_int();
            key[1] = ((uint64_t)g_random_int() << 32) | g_random_int();
        }
        g_once_init_leave(&ready, 1);
    }
    return key;
}

uint32_t name_hash(const char *name)
{
    const uint64_t *key = hash_key();
    size_t len = strlen(name);
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t whole = len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word;
        memcpy(&word, name + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = 0;
    memcpy(&last, name + whole, len - whole);
    last |= (uint64_t)len << 56;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

static guint object_hash(gconstpointer key)
{
    return ((const QomObject *)key)->name_hash;
}

static gboolean object_same_name(gconstpointer a, gconstpointer b)
{
    return a == b || !strcmp(((const QomObject *)a)->name, ((const QomObject *)b)->name);
}

GHashTable *name_set_new(void)
{
    return g_hash_table_new(object_hash, object_same_name);
}

QomObject *name_set_find(GHashTable *set, const char *name)
{
    QomObject probe = {.name = (char *)name, .name_hash = name_hash(name)};
    return g_hash_table_lookup(set, &probe);
}
