/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rng-backend, the parent of all sources of random bytes, and its queue.
 *
 * Requests of all consumers of a source form one queue and are answered in order, each exactly
 * once, later and from the loop. A request is bounded (RNG_REQUEST_MAX_BYTES) and so is the
 * queue, so that nobody who asks for gigabytes costs anything. Most sources never see a request in
 * their life; the queue is made with the first one.
 *
 * Source: the sheet on backends, section 1.
 */
#include "backend/rng/rng.h"
#include "qapi-qom.h"

#include <glib.h>

struct RngRequest {
    RngBackend *rng;
    size_t size_bytes;
    RngDone *done;
    void *opaque;
    TAILQ_ENTRY(RngRequest) link;
};

struct RngQueue {
    TAILQ_HEAD(, RngRequest) requests;
    size_t n;
};

static RngBackendClass *class_of(RngBackend *rng)
{
    return (RngBackendClass *)rng->obj.klass;
}

RngRequest *rng_request(QomObject *obj, size_t size_bytes, RngDone *done, void *opaque,
                        QomError **errp)
{
    RngBackend *rng = qom_object_cast(obj, TYPE_RNG_BACKEND);
    g_assert(size_bytes > 0 && size_bytes <= RNG_REQUEST_MAX_BYTES);
    if (rng->deleted) {
        qom_error_set(errp, "the rng was deleted");
        return NULL;
    }
    if (!rng->queue) {
        rng->queue = g_new0(RngQueue, 1);
        TAILQ_INIT(&rng->queue->requests);
    }
    if (rng->queue->n >= RNG_REQUESTS_MAX) {
        qom_error_set(errp, "%d requests wait at rng '%s' already", RNG_REQUESTS_MAX,
                      qom_object_name(obj));
        return NULL;
    }
    RngRequest *request = g_new(RngRequest, 1);
    *request = (RngRequest){.rng = rng, .size_bytes = size_bytes, .done = done, .opaque = opaque};
    TAILQ_INSERT_TAIL(&rng->queue->requests, request, link);
    if (rng->queue->n++ == 0) {
        class_of(rng)->start(rng);
    }
    return request;
}

static void take_out(RngRequest *request)
{
    RngQueue *queue = request->rng->queue;
    TAILQ_REMOVE(&queue->requests, request, link);
    if (--queue->n == 0) {
        class_of(request->rng)->stop(request->rng);
    }
}

void rng_cancel(RngRequest *request)
{
    take_out(request);
    g_free(request);
}

size_t rng_queue_wanted(const RngBackend *rng)
{
    return rng->queue && rng->queue->n ? TAILQ_FIRST(&rng->queue->requests)->size_bytes : 0;
}

void rng_queue_answer(RngBackend *rng, const uint8_t *data, size_t size_bytes)
{
    RngRequest *request = TAILQ_FIRST(&rng->queue->requests);
    g_assert(size_bytes <= request->size_bytes);
    take_out(request);
    request->done(request->opaque, data, size_bytes);
    g_free(request);
}

/* Deletion: those who wait must not wait for ever. */
static void rng_unparent(QomObject *obj)
{
    RngBackend *rng = (RngBackend *)obj;
    rng->deleted = true;
    while (rng_queue_wanted(rng)) {
        rng_queue_answer(rng, NULL, 0);
    }
}

static void rng_finalize(QomObject *obj)
{
    RngBackend *rng = (RngBackend *)obj;
    rng_unparent(obj); /* it may never have had a parent */
    g_free(rng->queue);
}

void rng_mark_opened(RngBackend *rng)
{
    ((RngProperties *)qom_object_config(&rng->obj))->opened = true;
}

static void rng_class_init(QomClass *klass)
{
    klass->unparent = rng_unparent;
}

static const QomPropertyRule rules[] = {
    {.name = "opened", .flags = QOM_PROPERTY_READONLY},
};

static const QomInterfaceInfo interfaces[] = {{QOM_TYPE_USER_CREATABLE, NULL}};

static const QomTypeInfo rng_info = {
    .name = TYPE_RNG_BACKEND,
    .parent = QOM_TYPE_OBJECT,
    .abstract = true,
    .instance_size = sizeof(RngBackend) + sizeof(RngProperties),
    .class_size = sizeof(RngBackendClass),
    .class_init = rng_class_init,
    .instance_finalize = rng_finalize,
    .interfaces = interfaces,
    .n_interfaces = G_N_ELEMENTS(interfaces),
    .config = &qapi_type_RngProperties,
    .config_offset = sizeof(RngBackend),
    .rules = rules,
    .n_rules = G_N_ELEMENTS(rules),
};

void rng_register_types(void)
{
    qom_type_register(&rng_info);
    rng_builtin_register_type();
    rng_random_register_type();
}
