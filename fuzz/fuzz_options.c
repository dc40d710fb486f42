/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes option text and the decoder behind it, against types with every kind of member.
 *
 * Must hold: what is taken can be encoded, is then taken as JSON, and is the same value; what is
 * refused says why. Leaks are found by the sanitizer.
 */
#include "../tests/qapi/types.h"
#include "qom/json.h"
#include "qom/options.h"

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const QapiType *const types[] = {&type_Tree, &type_Server, &type_Leaf, &type_Kinds};

static void check_round_trip(const QapiType *type, const void *value)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);
    _Alignas(max_align_t) char again[512];
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const QapiType *type = types[data[0] % G_N_ELEMENTS(types)];
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    QapiOptionsHow how = {.implied_key = data[0] & 4 ? "type" : NULL};
    _Alignas(max_align_t) char value[512];
    QOM_AUTO_ERROR(err);
    if (qapi_decode_options(NULL, type, &how, text, value, &err)) {
        check_round_trip(type, value);
        qapi_clear(type, value);
    } else {
        g_assert(qom_error_message(err)[0] != '\0');
    }
    return 0;
}
