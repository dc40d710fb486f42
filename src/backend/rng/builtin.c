/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rng-builtin: bytes from the kernel, getrandom(2).
 *
 * Requests are served from a deferred call, a bounded number of bytes a turn of the loop. Soon
 * after boot the kernel may have none yet; then a timer tries again.
 */
#include "backend/rng/rng.h"
#include "qapi-qom.h"

#include <errno.h>
#include <glib.h>
#include <sys/random.h>

/* What a turn of the loop may cost: a request counts as REQUEST_BYTES at least. */
enum { TURN_BYTES = 256 * 1024, REQUEST_BYTES = 1024 };
#define RETRY_NS (INT64_C(100) * 1000 * 1000)

/* There while requests wait. */
typedef struct BuiltinWork {
    LoopCall call;
    LoopTimer retry;
} BuiltinWork;

typedef struct RngBuiltin {
    RngBackend rng;
    RngProperties config;
    BuiltinWork *work;
} RngBuiltin;

G_STATIC_ASSERT(offsetof(RngBuiltin, config) == sizeof(RngBackend));

static void serve(void *opaque)
{
    RngBuiltin *self = opaque;
    /* The last answer may be the owner's reason to delete the object. */
    QOM_AUTO_UNREF QomObject *hold = qom_object_ref(self);
    uint8_t buf[4096];
    size_t turn = 0, wanted;

    while (turn < TURN_BYTES && (wanted = rng_queue_wanted(&self->rng))) {
        g_autofree uint8_t *big = wanted > sizeof(buf) ? g_malloc(wanted) : NULL;
        uint8_t *data = big ? big : buf;
        /* syscalls: getrandom -- rng-builtin */
        ssize_t got = getrandom(data, wanted, GRND_NONBLOCK);
        if (got < 0) {
            loop_timer_arm_in(&self->work->retry, RETRY_NS);
            return;
        }
        turn += MAX((size_t)got, REQUEST_BYTES);
        rng_queue_answer(&self->rng, data, (size_t)got);
        explicit_bzero(data, (size_t)got);
    }
    if (rng_queue_wanted(&self->rng)) {
        loop_defer(loop_main(), &self->work->call);
    }
}

static void builtin_start(RngBackend *rng)
{
    RngBuiltin *self = (RngBuiltin *)rng;
    if (!self->work) {
        self->work = g_new0(BuiltinWork, 1);
        loop_call_init(&self->work->call, serve, self);
        loop_timer_init(&self->work->retry, loop_main(), serve, self);
    }
    loop_defer(loop_main(), &self->work->call);
}

static void builtin_stop(RngBackend *rng)
{
    BuiltinWork *work = ((RngBuiltin *)rng)->work;
    if (work) {
        loop_call_cancel(&work->call);
        loop_timer_cancel(&work->retry);
    }
}

static bool builtin_complete(QomObject *obj, QomError **errp)
{
    rng_mark_opened((RngBackend *)obj);
    return true;
}

static void builtin_finalize(QomObject *obj)
{
    RngBuiltin *self = (RngBuiltin *)obj;
    builtin_stop(&self->rng);
    g_clear_pointer(&self->work, g_free);
}

static void builtin_class_init(QomClass *klass)
{
    RngBackendClass *rng_class = (RngBackendClass *)klass;
    rng_class->start = builtin_start;
    rng_class->stop = builtin_stop;
}

static const QomUserCreatable creatable = {.complete = builtin_complete};
static const QomInterfaceInfo interfaces[] = {{QOM_TYPE_USER_CREATABLE, &creatable}};

static const QomTypeInfo builtin_info = {
    .name = TYPE_RNG_BUILTIN,
    .parent = TYPE_RNG_BACKEND,
    .instance_size = sizeof(RngBuiltin),
    .class_init = builtin_class_init,
    .instance_finalize = builtin_finalize,
    .interfaces = interfaces,
    .n_interfaces = G_N_ELEMENTS(interfaces),
    .config = &qapi_type_RngProperties,
    .config_offset = offsetof(RngBuiltin, config),
};

void rng_builtin_register_type(void)
{
    qom_type_register(&builtin_info);
}
