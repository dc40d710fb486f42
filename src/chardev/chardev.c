/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The set of character devices: making, exchanging, removing them, and what is known of them.
 *
 * A backend is opened in the main loop and takes its time (connecting, waiting for a client). Until
 * it is ready it is `pending`: the id is taken, but nobody finds the chardev. chardev-change opens
 * the new backend beside the old one, which stays if that fails.
 */
#include "chardev/backend.h"
#include "chardev/object.h"

#include "io/fdset.h"
#include "io/socket.h"
#include "qom/object.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static TAILQ_HEAD(Chardevs, Chardev) chardevs = TAILQ_HEAD_INITIALIZER(chardevs);
static GHashTable *by_id; /* id -> Chardev */

static Chardev *lookup(const char *id)
{
    return by_id ? g_hash_table_lookup(by_id, id) : NULL;
}

static Chardev *chardev_new(const char *id)
{
    Chardev *chr = g_new0(Chardev, 1);
    chr->id = g_strdup(id);
    g_mutex_init(&chr->lock);
    if (!by_id) {
        by_id = g_hash_table_new(g_str_hash, g_str_equal);
    }
    g_hash_table_insert(by_id, chr->id, chr);
    TAILQ_INSERT_TAIL(&chardevs, chr, link);
    return chr;
}

static void chardev_free(Chardev *chr)
{
    chr_object_remove(chr);
    g_hash_table_remove(by_id, chr->id);
    TAILQ_REMOVE(&chardevs, chr, link);
    io_address_free(chr->address);
    g_free(chr->filename);
    g_mutex_clear(&chr->lock);
    g_free(chr->id);
    g_free(chr);
}

/* Runs @fn in @loop's thread and waits. We are the main thread, which need not run its loop yet. */
static void run_in(Loop *loop, LoopFn *fn, void *opaque)
{
    if (loop == loop_main()) {
        fn(opaque);
    } else {
        loop_call_sync(loop, fn, opaque);
    }
}

/* ---------------------------------------------------------------------------------- backends -- */

static bool open_log(ChrBackend *backend, const ChardevCommon *common, QomError **errp)
{
    if (!common->logfile) {
        return true;
    }
    bool append = common->has_logappend && common->logappend;
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    backend->log_fd = io_open(common->logfile, flags | (append ? 0 : O_TRUNC), 0666, errp);
    return backend->log_fd >= 0;
}

static ChrBackend *backend_new(Chardev *chr, ChardevBackendKind kind)
{
    const ChrBackendOps *ops = chr_backend_ops(kind);
    ChrBackend *backend = g_malloc0(ops->size);
    backend->ops = ops;
    backend->chr = chr;
    backend->loop = loop_main();
    backend->log_fd = -1;
    TAILQ_INIT(&backend->streams);
    return backend;
}

/* Ends its streams (@tell: the frontend is told) and its watching. In its loop's thread. */
static void backend_quiesce(ChrBackend *backend, bool tell)
{
    if (backend->ops->stop) {
        backend->ops->stop(backend);
    }
    while (!TAILQ_EMPTY(&backend->streams)) {
        chr_stream_end(TAILQ_FIRST(&backend->streams), tell);
    }
    if (backend->ops->stop) {
        backend->ops->stop(backend);
    }
}

/* Main thread, backend in the main loop or quiet already. */
static void backend_free(ChrBackend *backend)
{
    backend_quiesce(backend, false);
    if (backend->ops->close) {
        backend->ops->close(backend);
    }
    if (backend->log_fd >= 0) {
        close(backend->log_fd);
    }
    qom_error_free(backend->error);
    qapi_clear(&qapi_type_ChardevBackend, &backend->config);
    g_free(backend);
}

static ChrStream *first_untold(const ChrBackend *backend)
{
    ChrStream *stream = TAILQ_FIRST(&backend->streams);
    while (stream && stream->told) {
        stream = TAILQ_NEXT(stream, link);
    }
    return stream;
}

/* Tells a frontend that is new of the streams that are there; it may end any of them and detach. */
static void backend_start(void *opaque)
{
    ChrBackend *backend = opaque;
    Chardev *chr = backend->chr;
    if (backend->ops->start) {
        backend->ops->start(backend);
    }
    ChrStream *stream;
    if (!chr->fe) {
        TAILQ_FOREACH (stream, &backend->streams, link) {
            chr_stream_start(stream);
        }
        return;
    }
    while (chr->fe && (stream = first_untold(backend)) != NULL) {
        chr_stream_start(stream);
    }
}

unsigned chr_backend_max_streams(const ChrBackend *backend)
{
    const Chardev *chr = backend->chr;
    return chr->fe && chr->backend == backend ? chr->max_streams : 1;
}

void chr_backend_changed(ChrBackend *backend)
{
    Chardev *chr = backend->chr;
    if (chr->backend != backend) {
        return;
    }
    const ChrBackendOps *ops = backend->ops;
    char *filename =
        ops->filename ? ops->filename(backend) : g_strdup(ChardevBackendKind_name(ops->kind));
    SocketAddress *address = ops->address ? ops->address(backend) : NULL;
    g_mutex_lock(&chr->lock);
    char *old_filename = chr->filename;
    SocketAddress *old_address = chr->address;
    bool changed = chr->connected != (backend->n_streams > 0);
    chr->filename = filename;
    chr->address = address;
    chr->connected = backend->n_streams > 0;
    g_mutex_unlock(&chr->lock);
    g_free(old_filename);
    io_address_free(old_address);
    if (changed) {
        chr_object_notify(chr);
    }
}

/* ----------------------------------------------------------------------------------- opening -- */

typedef struct Exchange {
    Chardev *chr;
    ChrBackend *incoming;
    bool refused;
} Exchange;

/* The frontend's consent, then the end of the old backend's streams. In the old backend's loop. */
static void exchange_out(void *opaque)
{
    Exchange *exchange = opaque;
    Chardev *chr = exchange->chr;
    if (chr->fe && (!chr->fe->change || !chr->fe->change(chr->frontend))) {
        exchange->refused = true;
        return;
    }
    backend_quiesce(chr->backend, true);
}

static bool install(Chardev *chr, ChrBackend *incoming, QomError **errp)
{
    Loop *loop = chr->backend ? chr->backend->loop : loop_main();
    if (!chr->backend) {
        chr->backend = incoming;
        if (!chr_object_add(chr, errp)) {
            chr->backend = NULL;
            return false;
        }
    } else {
        Exchange exchange = {.chr = chr};
        run_in(loop, exchange_out, &exchange);
        if (exchange.refused) {
            return qom_error_set(errp, "Chardev '%s' change failed", chr->id);
        }
        backend_free(chr->backend);
        chr->backend = incoming;
        chr_object_remove(chr);
        chr_object_add(chr, NULL);
    }
    chr_backend_changed(incoming);
    if (loop != incoming->loop) {
        if (incoming->ops->stop) {
            incoming->ops->stop(incoming);
        }
        for (ChrStream *s = TAILQ_FIRST(&incoming->streams); s; s = TAILQ_NEXT(s, link)) {
            chr_stream_stop(s);
        }
        incoming->loop = loop;
    }
    run_in(loop, backend_start, incoming);
    return true;
}

/* The outcome is there: tells it. Frees the backend and, if it was the first, the chardev when it
 * failed. */
static void settle(ChrBackend *backend)
{
    Chardev *chr = backend->chr;
    ChrPending pending = chr->pending;
    bool first = !chr->backend;
    QomError *error = g_steal_pointer(&backend->error);
    chr->pending = (ChrPending){0};
    bool ok = !error && install(chr, backend, &error);
    if (!ok) {
        backend_free(backend);
    }
    if (!ok && first) {
        chardev_free(chr);
    }
    pending.done(pending.opaque, ok ? chr : NULL, error);
    qom_error_free(error);
}

void chr_backend_ready(ChrBackend *backend)
{
    backend->ready = true;
    if (!backend->opening) {
        settle(backend);
    }
}

void chr_backend_failed(ChrBackend *backend, const QomError *error)
{
    backend->error = qom_error_copy(error);
    if (!backend->opening) {
        settle(backend);
    }
}

static void open_backend(Chardev *chr, const ChardevBackend *config, const ChrOpenHow *how,
                         ChardevDoneFn *done, void *opaque)
{
    ChrBackend *backend = backend_new(chr, config->type);
    qapi_copy(&qapi_type_ChardevBackend, &backend->config, config);
    chr->pending = (ChrPending){backend, done, opaque};
    backend->opening = true;
    QomError *error = NULL;
    if (!open_log(backend, chr_config_common(config), &error) ||
        !backend->ops->open(backend, config, how, &error)) {
        qom_error_free(backend->error);
        backend->error = error;
    }
    backend->opening = false;
    if (backend->ready || backend->error) {
        settle(backend);
    }
}

bool chr_check_id(const char *id, QomError **errp)
{
    if (!qom_id_wellformed(id)) {
        qom_error_set(errp, "Parameter 'id' expects an identifier");
        qom_error_hint(errp, "Identifiers consist of letters, digits, '-', '.', '_', "
                             "starting with a letter.");
        return false;
    }
    return true;
}

static bool check_new_id(const char *id, QomError **errp)
{
    if (!chr_check_id(id, errp)) {
        return false;
    }
    if (lookup(id)) {
        return qom_error_set(errp, "Chardev with id '%s' already exists", id);
    }
    return true;
}

typedef struct AddCall {
    char *id;
    ChardevDoneFn *done;
    void *opaque;
} AddCall;

static void add_done(void *opaque, Chardev *chr, const QomError *error)
{
    AddCall *call = opaque;
    if (chr) {
        call->done(call->opaque, chr, NULL);
    } else {
        QOM_AUTO_ERROR(prefixed);
        prefixed = qom_error_copy(error);
        qom_error_prefix(&prefixed, "Failed to add chardev '%s': ", call->id);
        call->done(call->opaque, NULL, prefixed);
    }
    g_free(call->id);
    g_free(call);
}

void chardev_add(const char *id, const ChardevBackend *backend, ChardevFdFn *take_fd,
                 void *fd_opaque, ChardevDoneFn *done, void *opaque)
{
    QOM_AUTO_ERROR(error);
    if (!check_new_id(id, &error) || !chr_config_check(backend, &error)) {
        done(opaque, NULL, error);
        return;
    }
    AddCall *call = g_new0(AddCall, 1);
    call->id = g_strdup(id);
    call->done = done;
    call->opaque = opaque;
    ChrOpenHow how = {.id = id, .take_fd = take_fd, .fd_opaque = fd_opaque};
    open_backend(chardev_new(id), backend, &how, add_done, call);
}

typedef struct WaitCall {
    bool over;
    Chardev *chr;
    QomError *error;
} WaitCall;

static void wait_done(void *opaque, Chardev *chr, const QomError *error)
{
    WaitCall *call = opaque;
    call->over = true;
    call->chr = chr;
    call->error = error ? qom_error_copy(error) : NULL;
}

Chardev *chardev_add_wait(const char *id, const ChardevBackend *backend, QomError **errp)
{
    if (lookup(id)) {
        qom_error_set(errp, "Duplicate ID '%s' for chardev", id);
        return NULL;
    }
    if (!check_new_id(id, errp)) {
        return NULL;
    }
    WaitCall call = {0};
    ChrOpenHow how = {.id = id};
    open_backend(chardev_new(id), backend, &how, wait_done, &call);
    while (!call.over) {
        loop_iterate(loop_main(), true);
    }
    if (!call.chr) {
        qom_error_propagate(errp, call.error);
    }
    return call.chr;
}

void chardev_change(const char *id, const ChardevBackend *backend, ChardevFdFn *take_fd,
                    void *fd_opaque, ChardevDoneFn *done, void *opaque)
{
    QOM_AUTO_ERROR(error);
    Chardev *chr = chardev_find(id);
    if (!chr) {
        qom_error_set(&error, "Chardev '%s' does not exist", id);
    } else if (chr->pending.backend || chr->holds) {
        qom_error_set(&error, "Chardev '%s' is busy", id);
    } else if (chr->fe && !chr->fe->change) {
        qom_error_set(&error, "Chardev user does not support chardev hotswap");
    }
    if (error || !chr_config_check(backend, &error)) {
        done(opaque, NULL, error);
        return;
    }
    ChrOpenHow how = {.id = id, .take_fd = take_fd, .fd_opaque = fd_opaque};
    open_backend(chr, backend, &how, done, opaque);
}

/* ---------------------------------------------------------------------------------- removing -- */

static void chardev_destroy(Chardev *chr)
{
    backend_free(chr->backend);
    chr->backend = NULL;
    chardev_free(chr);
}

bool chardev_can_be_removed(const char *id, QomError **errp)
{
    Chardev *chr = lookup(id);
    if (!chr) {
        return qom_error_set(errp, "Chardev '%s' not found", id);
    }
    if (chr->fe || chr->pending.backend || chr->holds) {
        return qom_error_set(errp, "Chardev '%s' is busy", id);
    }
    return true;
}

bool chardev_remove(const char *id, QomError **errp)
{
    if (!chardev_can_be_removed(id, errp)) {
        return false;
    }
    chardev_destroy(lookup(id));
    return true;
}

void chardev_hold(const char *id)
{
    Chardev *chr = lookup(id);
    if (chr) {
        chr->holds++;
    }
}

void chardev_release(const char *id)
{
    Chardev *chr = lookup(id);
    if (chr && chr->holds > 0) {
        chr->holds--;
    }
}

void chardev_cleanup(unsigned flush_ms)
{
    QOM_AUTO_ERROR(error);
    qom_error_set(&error, "The program is ending");
    Chardev *chr;
    while ((chr = TAILQ_FIRST(&chardevs)) != NULL) {
        if (chr->pending.backend) {
            chr_backend_failed(chr->pending.backend, error);
            continue;
        }
        chardev_detach(chr);
        chardev_destroy(chr);
    }
    g_clear_pointer(&by_id, g_hash_table_unref);
    chr_linger_finish(flush_ms);
}

/* ------------------------------------------------------------------------------------- asking --
 */

Chardev *chardev_find(const char *id)
{
    Chardev *chr = lookup(id);
    return chr && chr->backend ? chr : NULL;
}

void chardev_foreach(void (*fn)(void *opaque, Chardev *chr), void *opaque)
{
    Chardev *chr;
    TAILQ_FOREACH (chr, &chardevs, link) {
        if (chr->backend) {
            fn(opaque, chr);
        }
    }
}

const ChardevBackend *chardev_config(const Chardev *chr)
{
    return &chr->backend->config;
}

const char *chardev_id(const Chardev *chr)
{
    return chr->id;
}

char *chardev_filename(Chardev *chr)
{
    g_mutex_lock(&chr->lock);
    char *filename = g_strdup(chr->filename);
    g_mutex_unlock(&chr->lock);
    return filename;
}

bool chardev_connected(Chardev *chr)
{
    g_mutex_lock(&chr->lock);
    bool connected = chr->connected;
    g_mutex_unlock(&chr->lock);
    return connected;
}

bool chardev_frontend_open(const Chardev *chr)
{
    return chr->fe != NULL;
}

/* ---------------------------------------------------------------------------------- frontends --
 */

static void stop_all(ChrBackend *backend)
{
    if (backend->ops->stop) {
        backend->ops->stop(backend);
    }
    ChrStream *stream;
    TAILQ_FOREACH (stream, &backend->streams, link) {
        chr_stream_stop(stream);
    }
}

bool chardev_attach(Chardev *chr, const ChrFrontendOps *ops, void *frontend, Loop *loop,
                    unsigned max_streams, QomError **errp)
{
    if (chr->fe || chr->holds) {
        return qom_error_set(errp, "chardev '%s' is already in use", chr->id);
    }
    ChrBackend *backend = chr->backend;
    chr->fe = ops;
    chr->frontend = frontend;
    chr->max_streams = MAX(max_streams, 1);
    if (loop && loop != backend->loop) {
        stop_all(backend);
        backend->loop = loop;
    }
    run_in(backend->loop, backend_start, backend);
    return true;
}

/* The one stream of a socket, and those of other backends, stay for the next frontend. */
static void detach_here(void *opaque)
{
    Chardev *chr = opaque;
    ChrBackend *backend = chr->backend;
    ChrStream *stream = TAILQ_FIRST(&backend->streams);
    while (stream) {
        ChrStream *next = TAILQ_NEXT(stream, link);
        if (backend->ops->is_socket && (chr->max_streams > 1 || stream->in_over)) {
            chr_stream_end(stream, false);
        } else {
            chr_stream_stop(stream);
        }
        stream = next;
    }
    chr->fe = NULL;
    chr->frontend = NULL;
    if (backend->loop != loop_main()) {
        stop_all(backend);
    }
}

void chardev_detach(Chardev *chr)
{
    if (!chr->fe) {
        return;
    }
    run_in(chr->backend->loop, detach_here, chr);
    chr->backend->loop = loop_main();
    backend_start(chr->backend);
}
