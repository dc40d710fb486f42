/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events: one message to all sessions that have negotiated.
 *
 * An event is written once, in the thread that sends it, with the time of that moment. Other
 * threads post it to the main loop. Some events come in floods; of those one a second is sent for
 * each key, the first at once and then the last one of each second (see QEMU's docs on rate
 * limiting):
 *
 *     idle --event: send--> holding --timer, nothing came--> idle
 *                              | event: keep it, forget the one kept before
 *                              '--timer, one is kept: send it--> holding
 */
#include "qmp/event.h"
#include "qmp/monitor.h"

#include "base/log.h"
#include "json/tape.h"

#include <string.h>
#include <time.h>

#define RATE_INTERVAL_NS INT64_C(1000000000)

/* Events with a limited rate, and the member that tells their sources apart. */
static const struct RateLimit {
    const char *event;
    const char *key; /* NULL: all are one */
} rate_limits[] = {
    {"RTC_CHANGE", NULL},
    {"BLOCK_IO_ERROR", NULL},
    {"WATCHDOG", NULL},
    {"BALLOON_CHANGE", NULL},
    {"QUORUM_REPORT_BAD", NULL},
    {"QUORUM_FAILURE", NULL},
    {"VSERPORT_CHANGE", "id"},
    {"MEMORY_DEVICE_SIZE_CHANGE", "qom-path"},
    {"HV_BALLOON_STATUS_REPORT", NULL},
};

/* An event on its way. */
typedef struct Event {
    char *source; /* event and key, if the rate is limited; else NULL */
    char *text;   /* one line with its end */
    size_t len;
} Event;

/* A source in the state `holding`. */
typedef struct RateState {
    LoopTimer timer;
    char *source;
    Event *kept; /* or NULL */
} RateState;

static GHashTable *rate_states; /* source -> RateState; main thread */

static void event_free(Event *event)
{
    if (event) {
        g_free(event->source);
        g_free(event->text);
        g_free(event);
    }
}

/* --- Sending. Main thread. ------------------------------------------------------------------- */

/* @text indented; NULL: there is no memory for it. */
static char *event_pretty(const Event *event, size_t *len)
{
    JSON_AUTO_TAPE(tape);
    JSON_AUTO_WRITER(writer);

    tape = json_parse_text(event->text, event->len, NULL);
    if (!tape) {
        return NULL;
    }
    writer = json_writer_new(true);
    json_writer_soften(writer);
    json_writer_subtree(writer, tape, JSON_ROOT);
    json_writer_append(writer, "\r\n", 2);
    return json_writer_steal(writer, len);
}

static void event_deliver(const Event *event)
{
    g_autofree char *pretty = NULL;
    size_t pretty_len = 0;
    QmpMonitor *monitor;
    QmpSession *session;

    TAILQ_FOREACH (monitor, &qmp_server()->monitors, link) {
        if (monitor->pretty && !pretty) {
            pretty = event_pretty(event, &pretty_len);
        }
        TAILQ_FOREACH (session, &monitor->sessions, link) {
            if (pretty && monitor->pretty) {
                qmp_session_event(session, pretty, pretty_len);
            } else {
                qmp_session_event(session, event->text, event->len);
            }
        }
    }
}

static void rate_handle_timer(void *opaque)
{
    RateState *state = opaque;

    if (state->kept) {
        event_deliver(state->kept);
        event_free(state->kept);
        state->kept = NULL;
        loop_timer_arm_in(&state->timer, RATE_INTERVAL_NS);
    } else {
        g_hash_table_remove(rate_states, state->source);
    }
}

static void rate_state_free(void *data)
{
    RateState *state = data;
    loop_timer_cancel(&state->timer);
    event_free(state->kept);
    g_free(state->source);
    g_free(state);
}

static void event_deliver_limited(Event *event)
{
    if (!rate_states) {
        rate_states = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, rate_state_free);
    }
    RateState *state = g_hash_table_lookup(rate_states, event->source);
    if (state) {
        event_free(state->kept);
        state->kept = event;
        return;
    }
    state = g_new0(RateState, 1);
    state->source = g_strdup(event->source);
    loop_timer_init(&state->timer, loop_main(), rate_handle_timer, state);
    loop_timer_arm_in(&state->timer, RATE_INTERVAL_NS);
    g_hash_table_insert(rate_states, state->source, state);
    event_deliver(event);
    event_free(event);
}

static void event_handle(void *opaque)
{
    Event *event = opaque;
    if (event->source) {
        event_deliver_limited(event);
        return;
    }
    event_deliver(event);
    event_free(event);
}

void qmp_events_cleanup(void)
{
    g_clear_pointer(&rate_states, g_hash_table_unref);
}

/* --- Making. Any thread. --------------------------------------------------------------------- */

/* The source of an event with a limited rate, new memory; else NULL. */
static char *rate_source(const QapiEvent *event, const void *args)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rate_limits); i++) {
        if (strcmp(rate_limits[i].event, event->name) != 0) {
            continue;
        }
        const QapiMember *member = rate_limits[i].key && event->args
                                       ? qapi_find_member(event->args, rate_limits[i].key)
                                       : NULL;
        const char *key = "";
        if (member && member->type->kind == QAPI_KIND_STR) {
            key = *(char *const *)((const char *)args + member->offset);
        }
        return g_strconcat(event->name, " ", key, NULL);
    }
    return NULL;
}

bool qmp_event_write(JsonWriter *w, const QapiEvent *event, const void *args, QomError **errp)
{
    struct timespec now;

    /* syscalls: clock_gettime -- the times of events */
    clock_gettime(CLOCK_REALTIME, &now);
    json_writer_begin_object(w);
    json_writer_key(w, "event");
    json_writer_string(w, event->name);
    if (event->args) {
        json_writer_key(w, "data");
        if (!qapi_encode(event->args, args, &qmp_server()->compat, w, errp)) {
            return false;
        }
    }
    json_writer_key(w, "timestamp");
    json_writer_begin_object(w);
    json_writer_key(w, "seconds");
    json_writer_int64(w, now.tv_sec);
    json_writer_key(w, "microseconds");
    json_writer_int64(w, now.tv_nsec / 1000);
    json_writer_end_object(w);
    json_writer_end_object(w);
    json_writer_append(w, "\r\n", 2);
    return true;
}

void qmp_event_send(const QapiEvent *event, const void *args)
{
    JSON_AUTO_WRITER(writer);
    QOM_AUTO_ERROR(error);

    if (!loop_main() || qapi_policy_hides(&qmp_server()->compat, event->features)) {
        return;
    }
    writer = json_writer_new(false);
    json_writer_soften(writer);
    if (!qmp_event_write(writer, event, args, &error)) {
        g_warning("event %s: %s", event->name, qom_error_message(error));
        return;
    }
    size_t len;
    char *text = json_writer_steal(writer, &len);
    if (!text) {
        log_warn("no memory for an event %s: nobody is told", event->name);
        return;
    }
    Event *made = g_new0(Event, 1);
    made->source = rate_source(event, args);
    made->text = text;
    made->len = len;
    if (loop_current() == loop_main()) {
        event_handle(made);
    } else {
        loop_post(loop_main(), event_handle, made);
    }
}
