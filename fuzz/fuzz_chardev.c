/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the text forms of character devices: `-chardev` (options and JSON) and those of `-qmp`.
 *
 * Must hold: what is taken is a backend that can be encoded and is taken again as JSON; what is
 * refused says why.
 */
#include "target.h"

#include "qapi-char.h"
#include "qom/chardev.h"
#include "qom/json.h"

#include <glib.h>
#include <string.h>

static void check(ChardevBackend *backend)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);
    size_t len;
    w = json_writer_new(false);
    g_assert(qapi_encode(&qapi_type_ChardevBackend, backend, NULL, w, NULL));
    const char *json = json_writer_text(w, &len);
    ChardevBackend again;
    if (qapi_decode_json(NULL, &qapi_type_ChardevBackend, json, len, &again, &err)) {
        ChardevBackend_clear(&again);
    } else {
        /* C0 80 in option text is no character; as JSON it would be U+0000 */
        g_assert(strstr(qom_error_message(err), "U+0000"));
    }
    chardev_backend_free(backend);
}

void target_input(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return;
    }
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    g_autofree char *id = NULL;
    QOM_AUTO_ERROR(err);
    bool help = false;
    ChardevBackend *backend = data[0] & 1 ? chardev_parse_short(text, &err)
                                          : chardev_parse_option(text, &id, &help, &err);
    if (backend) {
        check(backend);
    } else {
        g_assert(help || qom_error_message(err)[0] != '\0');
    }
}
