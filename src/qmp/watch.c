/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * qomd-watch: events about changes, for one session.
 *
 * A session's watches share one listener of the object room. A change is noted, not sent: when the
 * watch's interval is over each noted property is read once and all go out in one QOMD_CHANGED, so
 * that a property that changes a thousand times costs one value. Objects that come and go are
 * reported at once. A client that does not read (QMP_UNSENT_PAUSE bytes wait for it) gets nothing;
 * what it misses is counted, and the next event that is sent says how much it was.
 *
 *     clean --change: note it, start the timer--> noted --timer: read, send--> clean
 */
#include "qmp/event.h"
#include "qmp/session.h"

#include "qapi-commands.h"
#include "qapi-events.h"
#include "qom/object.h"

#include <string.h>

#define WATCHES_MAX         256   /* of a session */
#define NOTES_MAX           10000 /* of a watch, between two events */
#define INTERVAL_DEFAULT_MS 100

typedef struct Watches Watches;

/* A property that has changed since the last event. */
typedef struct Note {
    QomObject *obj; /* in the tree, so it lives; see watches_handle_removed() */
    char *property;
} Note;

typedef struct Watch {
    Watches *watches;
    int64_t id;
    QomObject *obj; /* NULL: it has gone */
    char *property; /* NULL: all */
    bool recurse;
    int64_t interval_ns;
    LoopTimer timer;
    GHashTable *notes; /* set of Note */
    GPtrArray *order;  /* the same, first come first */
    int64_t lost;
} Watch;

struct Watches {
    QomListener listener;
    QmpSession *session;
    GPtrArray *list; /* of Watch, by rising id */
    int64_t next_id;
};

static unsigned note_hash(const void *data)
{
    const Note *note = data;
    return g_str_hash(note->property) ^ g_direct_hash(note->obj);
}

static gboolean note_equal(const void *a, const void *b)
{
    const Note *x = a, *y = b;
    return x->obj == y->obj && strcmp(x->property, y->property) == 0;
}

static void note_free(void *data)
{
    Note *note = data;
    g_free(note->property);
    g_free(note);
}

static void watch_free(void *data)
{
    Watch *watch = data;
    loop_timer_cancel(&watch->timer);
    g_hash_table_unref(watch->notes);
    g_ptr_array_unref(watch->order);
    g_free(watch->property);
    g_free(watch);
}

/* --- Sending --------------------------------------------------------------------------------- */

/* Whether the client takes events now. */
static bool watch_may_send(const Watch *watch)
{
    return qmp_session_unsent(watch->watches->session) <= QMP_UNSENT_PAUSE;
}

static void watch_send(Watch *watch, const QapiEvent *event, const void *args)
{
    JSON_AUTO_WRITER(writer);
    size_t len;

    writer = json_writer_new(watch->watches->session->pretty);
    if (qmp_event_write(writer, event, args, NULL)) {
        const char *text = json_writer_text(writer, &len);
        qmp_session_event(watch->watches->session, text, len);
    }
}

static void watch_forget_notes(Watch *watch)
{
    g_hash_table_remove_all(watch->notes);
    g_ptr_array_set_size(watch->order, 0);
}

static void watch_handle_timer(void *opaque)
{
    Watch *watch = opaque;
    unsigned n = watch->order->len;

    if (!watch_may_send(watch)) {
        watch->lost += n;
        watch_forget_notes(watch);
        loop_timer_arm_in(&watch->timer, MAX(watch->interval_ns, 10000000));
        return;
    }
    if (n == 0 && watch->lost == 0) {
        return;
    }
    g_autofree QomdChange *changes = g_new0(QomdChange, n);
    for (unsigned i = 0; i < n; i++) {
        const Note *note = g_ptr_array_index(watch->order, i);
        changes[i] = (QomdChange){.path = qom_object_path(note->obj),
                                  .property = note->property,
                                  .value = qom_property_get_json(note->obj, note->property, NULL)};
    }
    q_obj_QOMD_CHANGED_arg args = {.watch = watch->id,
                                   .changes = {.n = n, .items = changes},
                                   .has_lost = watch->lost > 0,
                                   .lost = watch->lost};
    watch_send(watch, &qapi_event_QOMD_CHANGED, &args);
    for (unsigned i = 0; i < n; i++) {
        g_free(changes[i].path);
        g_free(changes[i].value);
    }
    watch->lost = 0;
    watch_forget_notes(watch);
}

static void watch_start_timer(Watch *watch)
{
    if (!loop_timer_armed(&watch->timer)) {
        loop_timer_arm_in(&watch->timer, watch->interval_ns);
    }
}

/* Counts what could not be sent; the timer tells the client when it reads again. */
static void watch_lose(Watch *watch)
{
    watch->lost++;
    watch_start_timer(watch);
}

static void watch_send_added(Watch *watch, QomObject *obj)
{
    if (!watch_may_send(watch)) {
        watch_lose(watch);
    } else {
        g_autofree char *path = qom_object_path(obj);
        q_obj_QOMD_ADDED_arg args = {
            .watch = watch->id, .path = path, .type = (char *)qom_object_type_name(obj)};
        watch_send(watch, &qapi_event_QOMD_ADDED, &args);
    }
    for (QomObject *child = qom_object_first_child(obj); child && watch->recurse;
         child = qom_object_next_sibling(child)) {
        watch_send_added(watch, child);
    }
}

static void watch_send_removed(Watch *watch, QomObject *obj)
{
    for (QomObject *child = qom_object_first_child(obj); child && watch->recurse;
         child = qom_object_next_sibling(child)) {
        watch_send_removed(watch, child);
    }
    if (!watch_may_send(watch)) {
        watch_lose(watch);
        return;
    }
    g_autofree char *path = qom_object_path(obj);
    q_obj_QOMD_REMOVED_arg args = {.watch = watch->id, .path = path};
    watch_send(watch, &qapi_event_QOMD_REMOVED, &args);
}

/* --- Listening ------------------------------------------------------------------------------- */

/* Whether @obj is @ancestor or below it. */
static bool is_within(QomObject *obj, const QomObject *ancestor)
{
    while (obj && obj != ancestor) {
        obj = qom_object_parent(obj);
    }
    return obj != NULL;
}

/* Whether @watch, which is not for one property, wants to know that @obj comes or goes. */
static bool watch_covers_member(const Watch *watch, QomObject *obj)
{
    QomObject *parent = qom_object_parent(obj);
    if (!watch->obj || watch->property || !parent) {
        return false;
    }
    return watch->recurse ? is_within(parent, watch->obj) : parent == watch->obj;
}

static void watches_handle_added(QomListener *listener, QomObject *obj)
{
    Watches *watches = (Watches *)listener;

    for (unsigned i = 0; i < watches->list->len; i++) {
        Watch *watch = g_ptr_array_index(watches->list, i);
        if (watch_covers_member(watch, obj)) {
            watch_send_added(watch, obj);
        }
    }
}

static void watch_forget_object(Watch *watch, const QomObject *gone)
{
    for (unsigned i = watch->order->len; i-- > 0;) {
        Note *note = g_ptr_array_index(watch->order, i);
        if (is_within(note->obj, gone)) {
            g_ptr_array_remove_index(watch->order, i);
            g_hash_table_remove(watch->notes, note);
        }
    }
}

static void watches_handle_removed(QomListener *listener, QomObject *obj)
{
    Watches *watches = (Watches *)listener;

    for (unsigned i = 0; i < watches->list->len; i++) {
        Watch *watch = g_ptr_array_index(watches->list, i);
        bool is_watched = watch->obj && is_within(watch->obj, obj);
        if (is_watched || watch_covers_member(watch, obj)) {
            watch_forget_object(watch, obj);
            watch_send_removed(watch, is_watched ? watch->obj : obj);
        }
        if (is_watched) {
            watch->obj = NULL;
        }
    }
}

static void watch_note(Watch *watch, QomObject *obj, const char *property)
{
    Note key = {.obj = obj, .property = (char *)property};

    if (g_hash_table_contains(watch->notes, &key)) {
        return;
    }
    if (watch->order->len >= NOTES_MAX) {
        watch_lose(watch);
        return;
    }
    Note *note = g_new(Note, 1);
    *note = (Note){.obj = obj, .property = g_strdup(property)};
    g_hash_table_add(watch->notes, note);
    g_ptr_array_add(watch->order, note);
    watch_start_timer(watch);
}

static void watches_handle_changed(QomListener *listener, QomObject *obj, const char *property)
{
    Watches *watches = (Watches *)listener;

    for (unsigned i = 0; i < watches->list->len; i++) {
        Watch *watch = g_ptr_array_index(watches->list, i);
        bool covers =
            watch->obj && (watch->recurse ? is_within(obj, watch->obj) : obj == watch->obj);
        if (covers && (!watch->property || strcmp(watch->property, property) == 0)) {
            watch_note(watch, obj, property);
        }
    }
}

/* --- Commands -------------------------------------------------------------------------------- */

static void watches_end(void *opaque)
{
    Watches *watches = opaque;
    qom_listener_remove(&watches->listener);
    g_ptr_array_unref(watches->list);
    g_free(watches);
}

static Watches *session_watches(QmpSession *session)
{
    if (!session->watches) {
        Watches *watches = g_new0(Watches, 1);
        watches->listener = (QomListener){.added = watches_handle_added,
                                          .removed = watches_handle_removed,
                                          .changed = watches_handle_changed};
        watches->session = session;
        watches->list = g_ptr_array_new_with_free_func(watch_free);
        qom_listener_add(&watches->listener);
        session->watches = watches;
        session->watches_end = watches_end;
    }
    return session->watches;
}

bool qmp_qomd_watch(const char *path, const char *property, bool has_recurse, bool recurse,
                    bool has_interval_ms, uint32_t interval_ms, QomdWatch *ret, QomError **errp)
{
    QomObject *obj = qom_resolve_path_or_error(path, true, errp);
    QomPropertyView view;

    if (!obj || (property && !(has_recurse && recurse) &&
                 !qom_object_find_property(obj, property, &view, errp))) {
        return false;
    }
    Watches *watches = session_watches(qmp_call_current()->session);
    if (watches->list->len >= WATCHES_MAX) {
        return qom_error_set(errp, "Too many watches (maximum is %d)", WATCHES_MAX);
    }
    Watch *watch = g_new0(Watch, 1);
    watch->watches = watches;
    watch->id = ++watches->next_id;
    watch->obj = obj;
    watch->property = g_strdup(property);
    watch->recurse = has_recurse && recurse;
    watch->interval_ns = (has_interval_ms ? interval_ms : INTERVAL_DEFAULT_MS) * INT64_C(1000000);
    watch->notes = g_hash_table_new_full(note_hash, note_equal, note_free, NULL);
    watch->order = g_ptr_array_new();
    loop_timer_init(&watch->timer, loop_main(), watch_handle_timer, watch);
    g_ptr_array_add(watches->list, watch);
    ret->watch = watch->id;
    return true;
}

bool qmp_qomd_unwatch(int64_t id, QomError **errp)
{
    Watches *watches = qmp_call_current()->session->watches;

    for (unsigned i = 0; watches && i < watches->list->len; i++) {
        if (((Watch *)g_ptr_array_index(watches->list, i))->id == id) {
            g_ptr_array_remove_index(watches->list, i);
            return true;
        }
    }
    return qom_error_set(errp, "Watch %lld not found", (long long)id);
}
