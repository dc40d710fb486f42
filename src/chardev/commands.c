/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands of schema/char.json.
 */
#include "chardev/backend.h"

#include "qapi-commands.h"
#include "qom/qmp.h"

#include <string.h>

static void append_info(void *opaque, Chardev *chr)
{
    ChardevInfoList *list = opaque;
    list->items = g_renew(ChardevInfo, list->items, list->n + 1);
    list->items[list->n++] = (ChardevInfo){
        .label = g_strdup(chardev_id(chr)),
        .filename = chardev_filename(chr),
        .frontend_open = chardev_frontend_open(chr),
    };
}

bool qmp_query_chardev(ChardevInfoList *ret, QomError **errp)
{
    chardev_foreach(append_info, ret);
    return true;
}

bool qmp_query_chardev_backends(ChardevBackendInfoList *ret, QomError **errp)
{
    ret->n = CHARDEV_BACKEND_KIND__MAX;
    ret->items = g_new0(ChardevBackendInfo, ret->n);
    for (size_t i = 0; i < ret->n; i++) {
        ret->items[i].name = g_strdup(ChardevBackendKind_name((ChardevBackendKind)i));
    }
    return true;
}

/* ------------------------------------------------------------------------- adding, exchanging --
 */

static int take_named_fd(void *opaque, const char *name, QomError **errp)
{
    return qmp_call_take_named_fd(opaque, name, errp);
}

static void reply(void *opaque, Chardev *chr, const QomError *error)
{
    if (chr) {
        ChardevReturn ret = {0};
        qmp_call_return(opaque, &ret);
    } else {
        qmp_call_fail(opaque, qom_error_copy(error));
    }
}

void qmp_chardev_add(const char *id, const ChardevBackend *backend, QmpCall *call)
{
    chardev_add(id, backend, take_named_fd, call, reply, call);
}

void qmp_chardev_change(const char *id, const ChardevBackend *backend, QmpCall *call)
{
    chardev_change(id, backend, take_named_fd, call, reply, call);
}

bool qmp_chardev_remove(const char *id, QomError **errp)
{
    return chardev_remove(id, errp);
}

/* ------------------------------------------------------------------------------- ring buffers --
 */

bool qmp_ringbuf_write(const char *device, const char *data, bool has_format, DataFormat format,
                       QomError **errp)
{
    static const char base64_bytes[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n";
    ChrBackend *ring = chr_ringbuf_find(device, errp);
    if (!ring) {
        return false;
    }
    if (!has_format || format == DATA_FORMAT_UTF8) {
        chr_ringbuf_write(ring, data, strlen(data));
        return true;
    }
    if (data[strspn(data, base64_bytes)]) {
        return qom_error_set(errp, "Base64 data contains invalid characters");
    }
    gsize len = strlen(data);
    g_autofree char *bytes = g_try_malloc(len + 1);
    if (!bytes) {
        return qom_error_set(errp, "Out of memory for %zu bytes of Base64 data", len);
    }
    memcpy(bytes, data, len + 1);
    g_base64_decode_inplace(bytes, &len);
    chr_ringbuf_write(ring, bytes, len);
    return true;
}

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Text for JSON: what is no UTF-8 becomes U+FFFD, as does a null byte, which would end the string.
 */
static void put_text(char *to, const char *bytes, size_t len)
{
    const char *end = bytes + len, *from = bytes, *bad;
    for (; !g_utf8_validate_len(from, (gsize)(end - from), &bad); from = bad + 1) {
        to = mempcpy(to, from, (size_t)(bad - from));
        to = mempcpy(to, replacement, strlen(replacement));
    }
    to = mempcpy(to, from, (size_t)(end - from));
    *to = '\0';
}

static void put_base64(char *to, const char *bytes, size_t len)
{
    int state = 0, save = 0;
    gsize n = g_base64_encode_step((const guchar *)bytes, len, FALSE, to, &state, &save);
    n += g_base64_encode_close(FALSE, to + n, &state, &save);
    to[n] = '\0';
}

bool qmp_ringbuf_read(const char *device, int64_t size, bool has_format, DataFormat format,
                      char **ret, QomError **errp)
{
    ChrBackend *ring = chr_ringbuf_find(device, errp);
    if (!ring) {
        return false;
    }
    if (size <= 0) {
        return qom_error_set(errp, "size must be greater than zero");
    }
    bool utf8 = !has_format || format == DATA_FORMAT_UTF8;
    size_t room = (size_t)MIN((uint64_t)size, chr_ringbuf_fill(ring));
    g_autofree char *bytes = g_try_malloc(room + 1);
    g_autofree char *text =
        g_try_malloc(utf8 ? room * strlen(replacement) + 1 : (room / 3 + 1) * 4 + 4);
    if (!bytes || !text) {
        return qom_error_set(errp, "Out of memory for %zu bytes of a ring buffer", room);
    }
    size_t len = chr_ringbuf_read(ring, bytes, room, utf8);
    (utf8 ? put_text : put_base64)(text, bytes, len);
    *ret = g_steal_pointer(&text);
    return true;
}
