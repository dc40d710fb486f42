/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the engine with every type of the schema. The first two bytes of the input choose the
 * type, the rest is JSON.
 *
 * Must hold: a value that is taken can be encoded, and what comes of decoding that again is equal
 * and encoded alike; a copy is equal and outlives its origin; a value in an arena is encoded alike;
 * with its defaults it is still a value of the type; what is refused says why.
 */
#include "generate.h"
#include "target.h"

#include "qapi-schema.h"
#include "qom/json.h"

#include <string.h>

/* Room for a value of any type. */
#define ROOM_BYTES 4096
typedef union Room {
    max_align_t align;
    char bytes[ROOM_BYTES];
} Room;

static char *encode(const QapiType *type, const void *value)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    g_assert(qapi_encode(type, value, NULL, w, NULL));
    return g_strdup(json_writer_text(w, NULL));
}

static void check_arena(const QapiType *type, const char *json)
{
    Room room;
    QapiArena *arena = qapi_arena_new();
    QapiDecode how = {.arena = arena};
    g_assert(qapi_decode_json(&how, type, json, strlen(json), &room, NULL));
    g_autofree char *again = encode(type, &room);
    g_assert_cmpstr(again, ==, json);
    qapi_arena_free(arena);
}

static void check_value(const QapiType *type, Room *value)
{
    Room again, copy;
    g_autofree char *json = encode(type, value);
    g_assert(qapi_decode_json(NULL, type, json, strlen(json), &again, NULL));
    g_autofree char *json_again = encode(type, &again);
    g_assert_cmpstr(json_again, ==, json);
    g_assert(qapi_equal(type, value, &again));
    qapi_copy(type, &copy, value);
    qapi_clear(type, value);
    g_assert(qapi_equal(type, &copy, &again));
    qapi_clear(type, &again);
    if (type->kind == QAPI_KIND_STRUCT || type->kind == QAPI_KIND_UNION) {
        qapi_set_defaults(type, &copy);
        g_autofree char *completed = encode(type, &copy);
        g_assert(qapi_decode_json(NULL, type, completed, strlen(completed), &again, NULL));
        qapi_clear(type, &again);
    }
    qapi_clear(type, &copy);
    check_arena(type, json);
}

static const QapiType *choose(const uint8_t *data)
{
    return qapi_schema.types[(data[0] | data[1] << 8) % qapi_schema.n_types];
}

void target_input(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return;
    }
    Room value;
    QOM_AUTO_ERROR(err);
    const QapiType *type = choose(data);
    g_assert(type->size <= ROOM_BYTES);
    if (qapi_decode_json(NULL, type, (const char *)data + 2, size - 2, &value, &err)) {
        check_value(type, &value);
    } else {
        g_assert(qom_error_message(err)[0] != '\0');
    }
}

/* Every third change starts over with a value of some type. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    Dice dice = dice_new(seed);
    g_autoptr(GString) json = g_string_new(NULL);
    if (max_size < 2 || dice_roll(&dice, 3)) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    uint32_t number = dice_roll(&dice, qapi_schema.n_types);
    data[0] = (uint8_t)number;
    data[1] = (uint8_t)(number >> 8);
    generate_value(&dice, choose(data), json);
    size_t len = MIN(json->len, max_size - 2);
    memcpy(data + 2, json->str, len);
    return 2 + len;
}
