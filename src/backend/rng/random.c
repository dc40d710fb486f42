/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rng-random: bytes from a device or a FIFO.
 *
 * The descriptor is watched only while requests wait. Each read answers one request, with what
 * there is. At end of file, or after an error, the requests are kept and the source is tried again
 * at growing intervals: the writer of a FIFO may come back, a hardware source may get its driver.
 *
 *     IDLE --request--> WATCHING --end of file, error--> PAUSED --timer--> WATCHING
 *     any  --queue empty--> IDLE
 *
 * A regular file can not be watched, and its disk may be slow: instead, it is read by the loop's
 * file I/O, one read at a time. What a read brings when nobody wants it any more is thrown away.
 *
 * Source: the sheet on backends, section 1.
 */
#include "backend/rng/rng.h"
#include "base/log.h"
#include "io/fdset.h"
#include "qapi-qom.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAUSE_MIN_NS (INT64_C(100) * 1000 * 1000)
#define PAUSE_MAX_NS (INT64_C(5) * 1000 * 1000 * 1000)

typedef struct RngRandom {
    RngBackend rng;
    RngRandomProperties config;
    int fd; /* -1 before completion */
    bool regular;
    bool reading; /* a read of a regular file is under way, and holds a reference */
    LoopFd *watch;
    LoopTimer pause;
    int64_t pause_ns; /* length of the next one */
    bool reported;    /* that the source is dry, since it last gave something */
} RngRandom;

G_STATIC_ASSERT(offsetof(RngRandom, config) == sizeof(RngBackend));

static void park(RngRandom *self)
{
    loop_fd_remove(self->watch);
    self->watch = NULL;
}

static void pause_source(RngRandom *self, const char *why)
{
    park(self);
    if (!self->reported) {
        self->reported = true;
        log_warn("rng-random '%s': %s: %s, trying again", qom_object_name(&self->rng.obj),
                 self->config.filename, why);
    }
    loop_timer_arm_in(&self->pause, self->pause_ns);
    self->pause_ns = MIN(self->pause_ns * 2, PAUSE_MAX_NS);
}

/* @got: bytes in @data, which are wiped, or a negative errno value. */
static void take(RngRandom *self, uint8_t *data, ssize_t got)
{
    if (got > 0) {
        self->pause_ns = PAUSE_MIN_NS;
        self->reported = false;
        size_t wanted = rng_queue_wanted(&self->rng);
        if (wanted) {
            rng_queue_answer(&self->rng, data, MIN((size_t)got, wanted));
        }
        explicit_bzero(data, (size_t)got);
    } else if (got == 0) {
        pause_source(self, "end of file");
    } else if (got != -EAGAIN && got != -EINTR) {
        pause_source(self, g_strerror((int)-got));
    }
}

static void readable(void *opaque, unsigned revents)
{
    RngRandom *self = opaque;
    /* The last answer may be the owner's reason to delete the object. */
    QOM_AUTO_UNREF QomObject *hold = qom_object_ref(self);
    size_t wanted = rng_queue_wanted(&self->rng);
    g_autofree uint8_t *data = g_malloc(wanted);

    /* syscalls: read -- rng-random */
    ssize_t got = read(self->fd, data, wanted);
    take(self, data, got < 0 ? -errno : got);
}

/* --- regular files -------------------------------------------------------------------------- */

typedef struct FileRead {
    RngRandom *self;
    uint8_t data[];
} FileRead;

static void read_file(RngRandom *self);

static void file_read(void *opaque, ssize_t got)
{
    g_autofree FileRead *request = opaque;
    RngRandom *self = request->self;
    QOM_AUTO_UNREF QomObject *hold = &self->rng.obj; /* that of the read */
    self->reading = false;
    if (got > 0 || rng_queue_wanted(&self->rng)) {
        take(self, request->data, got);
    }
    if (rng_queue_wanted(&self->rng) && !loop_timer_armed(&self->pause)) {
        read_file(self);
    }
}

static void read_file(RngRandom *self)
{
    size_t wanted = rng_queue_wanted(&self->rng);
    if (self->reading) {
        return;
    }
    QOM_AUTO_ERROR(err);
    FileRead *request = g_malloc(sizeof(*request) + wanted);
    request->self = self;
    if (!loop_file_read(loop_main(), self->fd, request->data, wanted, -1, file_read, request,
                        &err)) {
        g_free(request);
        pause_source(self, qom_error_message(err));
        return;
    }
    self->reading = true;
    qom_object_ref(self);
}

/* --- both ----------------------------------------------------------------------------------- */

static void watch(void *opaque)
{
    RngRandom *self = opaque;
    QOM_AUTO_ERROR(err);
    if (self->regular) {
        read_file(self);
        return;
    }
    self->watch = loop_fd_add(loop_main(), self->fd, LOOP_READ, readable, self, &err);
    if (!self->watch) {
        pause_source(self, qom_error_message(err));
    }
}

static void random_start(RngBackend *rng)
{
    watch(rng);
}

static void random_stop(RngBackend *rng)
{
    RngRandom *self = (RngRandom *)rng;
    park(self);
    loop_timer_cancel(&self->pause);
}

static bool random_complete(QomObject *obj, QomError **errp)
{
    RngRandom *self = (RngRandom *)obj;
    const char *name = self->config.filename;
    self->fd = io_open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, errp);
    if (self->fd < 0) {
        return false;
    }
    struct stat st;
    if (fstat(self->fd, &st) < 0) {
        return qom_error_set_errno(errp, errno, "Could not open '%s'", name);
    }
    if (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode)) {
        return qom_error_set(errp,
                             "Could not open '%s': it is a %s, expected a regular file, FIFO, "
                             "character device or socket",
                             name, S_ISDIR(st.st_mode) ? "directory" : "block device");
    }
    self->regular = S_ISREG(st.st_mode);
    loop_timer_init(&self->pause, loop_main(), watch, self);
    rng_mark_opened(&self->rng);
    return true;
}

static void random_init(QomObject *obj)
{
    RngRandom *self = (RngRandom *)obj;
    self->fd = -1;
    self->pause_ns = PAUSE_MIN_NS;
}

static void random_finalize(QomObject *obj)
{
    RngRandom *self = (RngRandom *)obj;
    random_stop(&self->rng);
    if (self->fd >= 0) {
        close(self->fd);
    }
}

static void random_class_init(QomClass *klass)
{
    RngBackendClass *rng_class = (RngBackendClass *)klass;
    rng_class->start = random_start;
    rng_class->stop = random_stop;
}

static const QomUserCreatable creatable = {.complete = random_complete};
static const QomInterfaceInfo interfaces[] = {{QOM_TYPE_USER_CREATABLE, &creatable}};

static const QomTypeInfo random_info = {
    .name = TYPE_RNG_RANDOM,
    .parent = TYPE_RNG_BACKEND,
    .instance_size = sizeof(RngRandom),
    .class_init = random_class_init,
    .instance_init = random_init,
    .instance_finalize = random_finalize,
    .interfaces = interfaces,
    .n_interfaces = G_N_ELEMENTS(interfaces),
    .config = &qapi_type_RngRandomProperties,
    .config_offset = offsetof(RngRandom, config),
};

void rng_random_register_type(void)
{
    qom_type_register(&random_info);
}
