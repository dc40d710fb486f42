/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes option text, both dialects and the form that is JSON, and the decoder behind it, against
 * types with every kind of member and all types of the schema. Of the two bytes that the input
 * starts with, the first and half of the second choose the type and whether a first key is implied.
 *
 * Must hold: what is taken can be encoded, is then taken as JSON, and is the same value; what is
 * refused says why. Leaks are found by the sanitizer.
 */
#include "../tests/qapi/types.h"
#include "target.h"

#include "qapi-schema.h"
#include "qom/json.h"
#include "qom/options.h"

#include <glib.h>
#include <string.h>

/* Room for a value of any type. */
#define ROOM_BYTES 4096

static const QapiType *const types[] = {&type_Tree, &type_Server, &type_Leaf, &type_Kinds};

static const QapiType *choose(const uint8_t *data)
{
    unsigned number = (data[0] | (data[1] & 0x0fu) << 8);
    bool own = data[1] & 0x10;
    return own ? types[number % G_N_ELEMENTS(types)]
               : qapi_schema.types[number % qapi_schema.n_types];
}

static void check_round_trip(const QapiType *type, const void *value)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);
    _Alignas(max_align_t) char again[ROOM_BYTES];
    size_t len;
    w = json_writer_new(false);
    g_assert(qapi_encode(type, value, NULL, w, &err));
    const char *json = json_writer_text(w, &len);
    bool taken = qapi_decode_json(NULL, type, json, len, again, &err);
    if (!taken && strstr(qom_error_message(err), "U+0000")) {
        return; /* C0 80 in option text is no character; as JSON it would be U+0000 */
    }
    g_assert(taken);
    JSON_AUTO_WRITER(w2);
    w2 = json_writer_new(false);
    g_assert(qapi_encode(type, again, NULL, w2, NULL));
    g_assert(strcmp(json, json_writer_text(w2, NULL)) == 0);
    qapi_clear(type, again);
}

static void ignore_warning(void *opaque, const char *message)
{
    g_assert(message[0] != '\0');
}

void target_input(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return;
    }
    const QapiType *type = choose(data);
    static const char *const implied[] = {NULL, "type", "qom-type", "id"};
    QapiOptionsHow how = {.implied_key = implied[data[1] >> 5 & 3], .warn = ignore_warning};
    g_autofree char *text = g_strndup((const char *)data + 2, size - 2);
    _Alignas(max_align_t) char value[ROOM_BYTES];
    QOM_AUTO_ERROR(err);
    g_assert(type->size <= ROOM_BYTES);
    if (qapi_decode_options(NULL, type, &how, text, value, &err)) {
        check_round_trip(type, value);
        qapi_clear(type, value);
    } else {
        g_assert(qom_error_message(err)[0] != '\0');
    }
}
