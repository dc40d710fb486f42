/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rng-read: random bytes for a QMP client. The reply waits until the source has given all of them;
 * a source answers a request with as little as one byte, so there may be many requests in a row.
 */
#include "backend/rng/rng.h"
#include "qapi-commands.h"
#include "qom/qmp.h"

#include <glib.h>
#include <string.h>

typedef struct RngRead {
    QmpCall *call;
    QomObject *rng; /* referenced */
    size_t have, wanted;
    uint8_t data[];
} RngRead;

static void read_free(RngRead *self)
{
    qom_object_unref(self->rng);
    explicit_bzero(self->data, self->wanted);
    g_free(self);
}

static void read_fail(RngRead *self, QomError *error)
{
    qmp_call_fail(self->call, error);
    read_free(self);
}

static void read_return(RngRead *self)
{
    RngData ret = {.data = g_base64_encode(self->data, self->wanted)};
    qmp_call_return(self->call, &ret);
    qapi_clear(&qapi_type_RngData, &ret);
    read_free(self);
}

static void read_go_on(RngRead *self);

static void read_done(void *opaque, const uint8_t *data, size_t size_bytes)
{
    RngRead *self = opaque;
    if (!size_bytes) {
        QomError *error = NULL;
        qom_error_set(&error, "rng was deleted with %zu of %zu bytes read", self->have,
                      self->wanted);
        read_fail(self, error);
        return;
    }
    memcpy(self->data + self->have, data, size_bytes);
    self->have += size_bytes;
    if (self->have == self->wanted) {
        read_return(self);
    } else {
        read_go_on(self);
    }
}

static void read_go_on(RngRead *self)
{
    QomError *error = NULL;
    size_t rest = MIN(self->wanted - self->have, RNG_REQUEST_MAX_BYTES);
    if (!rng_request(self->rng, rest, read_done, self, &error)) {
        read_fail(self, error);
    }
}

void qmp_rng_read(const char *id, uint32_t bytes, QmpCall *call)
{
    QomObject *obj = qom_object_child(qom_objects(), id);
    QomError *error = NULL;
    if (!obj) {
        qom_error_set_class(&error, QOM_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", id);
    } else if (!qom_object_is_a(obj, TYPE_RNG_BACKEND)) {
        qom_error_set(&error, "Object '%s' is a %s, expected: %s", id, qom_object_type_name(obj),
                      TYPE_RNG_BACKEND);
    } else if (bytes == 0 || bytes > RNG_REQUEST_MAX_BYTES) {
        qom_error_set(&error, "Parameter 'bytes' expects a value from 1 to %d, not %u",
                      RNG_REQUEST_MAX_BYTES, bytes);
    }
    if (error) {
        qmp_call_fail(call, error);
        return;
    }
    RngRead *self = g_malloc0(sizeof(*self) + bytes);
    self->call = call;
    self->rng = qom_object_ref(obj);
    self->wanted = bytes;
    read_go_on(self);
}
