/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ring buffers: memory that keeps the last bytes written to it, for ringbuf-read.
 *
 * `produced` and `consumed` count bytes since the beginning; a byte lies at its count modulo the
 * size, a power of two. Written in the frontend's loop, read in the main thread: a lock.
 */
#include "chardev/backend.h"

#include <inttypes.h>
#include <string.h>

enum {
    DEFAULT_BYTES = 65536,
};

static const int64_t max_bytes = INT64_C(1) << 30;

typedef struct Ringbuf {
    ChrBackend base;
    GMutex lock;
    uint8_t *bytes;
    size_t size;
    uint64_t produced;
    uint64_t consumed;
} Ringbuf;

static Ringbuf *ringbuf(ChrBackend *backend)
{
    return (Ringbuf *)(void *)backend;
}

void chr_ringbuf_write(ChrBackend *backend, const void *data, size_t len)
{
    Ringbuf *ring = ringbuf(backend);
    const uint8_t *from = data;
    g_mutex_lock(&ring->lock);
    if (len > ring->size) {
        from += len - ring->size;
        ring->produced += len - ring->size;
        len = ring->size;
    }
    size_t at = ring->produced & (ring->size - 1);
    size_t first = MIN(len, ring->size - at);
    memcpy(ring->bytes + at, from, first);
    memcpy(ring->bytes, from + first, len - first);
    ring->produced += len;
    if (ring->produced - ring->consumed > ring->size) {
        ring->consumed = ring->produced - ring->size;
    }
    g_mutex_unlock(&ring->lock);
}

/* How many of the @len bytes at @buf, which more follow, end with a whole character. Bytes that are
 * no UTF-8 count as characters. */
static size_t whole_characters(const uint8_t *buf, size_t len)
{
    for (size_t back = 1; back <= MIN(len, 3); back++) {
        uint8_t byte = buf[len - back];
        if ((byte & 0xC0) == 0x80) {
            continue;
        }
        size_t want = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        return want > back && len > back ? len - back : len;
    }
    return len;
}

size_t chr_ringbuf_read(ChrBackend *backend, void *buf, size_t len, bool utf8)
{
    Ringbuf *ring = ringbuf(backend);
    g_mutex_lock(&ring->lock);
    size_t fill = (size_t)(ring->produced - ring->consumed);
    size_t n = MIN(len, fill);
    size_t at = ring->consumed & (ring->size - 1);
    size_t first = MIN(n, ring->size - at);
    memcpy(buf, ring->bytes + at, first);
    memcpy((uint8_t *)buf + first, ring->bytes, n - first);
    if (utf8 && n < fill) {
        n = whole_characters(buf, n);
    }
    ring->consumed += n;
    g_mutex_unlock(&ring->lock);
    return n;
}

size_t chr_ringbuf_fill(ChrBackend *backend)
{
    Ringbuf *ring = ringbuf(backend);
    g_mutex_lock(&ring->lock);
    size_t fill = (size_t)(ring->produced - ring->consumed);
    g_mutex_unlock(&ring->lock);
    return fill;
}

static bool ringbuf_open(ChrBackend *backend, const ChardevBackend *config, const ChrOpenHow *how,
                         QomError **errp)
{
    Ringbuf *ring = ringbuf(backend);
    const ChardevRingbuf *options = config->u.ringbuf.data;
    int64_t size = options->has_size ? options->size : DEFAULT_BYTES;
    g_mutex_init(&ring->lock);
    if (size <= 0 || (size & (size - 1))) {
        return qom_error_set(errp, "size of ringbuf chardev must be power of two");
    }
    if (size > max_bytes) {
        return qom_error_set(errp, "size of ringbuf chardev must be at most 1 GiB");
    }
    ring->bytes = g_try_malloc((size_t)size);
    if (!ring->bytes) {
        return qom_error_set(errp, "No memory for a ring buffer of %" PRId64 " bytes", size);
    }
    ring->size = (size_t)size;
    chr_stream_new_sink(backend, chr_ringbuf_write);
    chr_backend_ready(backend);
    return true;
}

static void ringbuf_close(ChrBackend *backend)
{
    Ringbuf *ring = ringbuf(backend);
    g_free(ring->bytes);
    g_mutex_clear(&ring->lock);
}

const ChrBackendOps chr_ringbuf_ops = {
    .kind = CHARDEV_BACKEND_KIND_RINGBUF,
    .size = sizeof(Ringbuf),
    .open = ringbuf_open,
    .close = ringbuf_close,
};

const ChrBackendOps chr_memory_ops = {
    .kind = CHARDEV_BACKEND_KIND_MEMORY,
    .size = sizeof(Ringbuf),
    .open = ringbuf_open,
    .close = ringbuf_close,
};

ChrBackend *chr_ringbuf_find(const char *id, QomError **errp)
{
    Chardev *chr = chardev_find(id);
    if (!chr) {
        qom_error_set(errp, "Device '%s' not found", id);
        return NULL;
    }
    if (chr->backend->ops->open != ringbuf_open) {
        qom_error_set(errp, "%s is not a ringbuf device", id);
        return NULL;
    }
    return chr->backend;
}
