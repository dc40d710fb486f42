/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session: one connection to a monitor, from the greeting to the end of the connection.
 *
 * It has two halves. The front reads, frames and sends; the back runs commands and collects what
 * is to be sent. Both run in the main thread, and a command goes from the read to the reply without
 * a queue, until the client enables the capability `oob`: then the front moves to the reader
 * thread, runs out-of-band commands by itself and queues all others for the back (see oob.c).
 *
 * Fields say which half owns them. What both need is in `lock`'s care. A session is counted: the
 * monitor, a call that goes on, and each message between the threads hold a reference.
 */
#ifndef QMP_SESSION_H
#define QMP_SESSION_H

#include "qmp/server.h"

#include "io/channel.h"
#include "io/queue.h"
#include "json/parser.h"

#include <glib.h>
#include <pthread.h>

/* Read at once. */
#define QMP_READ_BYTES (64u << 10)
/* Commands and time that a session takes before others have their turn; the time is less when many
 * want one, so that all have had theirs in QMP_ROUND_NS. */
#define QMP_TURN_COMMANDS 64
#define QMP_TURN_NS       1000000
#define QMP_SHORT_TURN_NS 10000
#define QMP_ROUND_NS      2000000
/* Replies are gathered up to this size before they are sent. */
#define QMP_BATCH_BYTES (64u << 10)
/* Unsent output: from here on no more commands are read, */
#define QMP_UNSENT_PAUSE (1u << 20)
/* and from here on an event costs the client its connection. */
#define QMP_UNSENT_DROP (64u << 20)

typedef struct QmpSession QmpSession;
typedef struct QmpOob QmpOob;

/* A command on its way from the message to the reply. One a session in band, and one on the stack
 * of the reader thread. */
struct QmpCall {
    QmpSession *session;
    const QapiCommand *command; /* NULL until it is known and allowed */
    JsonTape *tape;             /* the message; NULL: no call is under way */
    JsonTok id;                 /* or JSON_NONE */
    QapiArena *arena;           /* for the decoded arguments */
    JsonWriter *writer;         /* for the reply */
    bool out_of_band;
    bool tape_is_queued; /* it came through the queue of oob.c; else it is the parser's */
    bool in_handler;
    bool ended;
    bool took_fd;         /* the descriptors of the message are this command's */
    bool replying;        /* the reply is being written, */
    JsonWriterMark start; /* from here on */
    IoFds attached;       /* to send with the reply */
};

struct QmpSession {
    gint refs; /* atomic */
    QmpServer *server;

    /* Back half: main thread. */
    QmpMonitor *monitor;      /* NULL: the session has ended */
    struct ChrStream *stream; /* that the channel is borrowed from; NULL: it is our own */
    TAILQ_ENTRY(QmpSession) link;
    bool negotiated;
    bool oob_wanted; /* move the front once the reply to qmp_capabilities is on its way */
    bool doomed;     /* to be closed by `flush_later` */
    bool in_turn;    /* the output is sent at the end of the turn */
    QmpCall call;
    QapiArena *arena;
    JsonWriter *writer; /* what is to be sent next */
    GString *late;      /* events that came while a reply was being written; NULL: none */
    LoopCall flush_later;
    void *watches; /* see watch.c; NULL: none */
    void (*watches_end)(void *watches);
    uint64_t commands; /* atomic */
    int64_t since_s;   /* realtime */
    pid_t pid;         /* -1: not known */
    uid_t uid;         /* (uid_t)-1: not known */

    /* Front half: the thread of `loop`. */
    Loop *loop;
    IoChannel *channel; /* NULL: closed */
    bool started;       /* the channel is served */
    bool borrowed;      /* constant: the channel is the stream's to close */
    bool pushed;        /* constant: input comes from the stream's callbacks, see stream.h */
    bool wants_input;   /* if pushed: it may come */
    LoopFd *read_watch, *write_watch; /* the same if the channel has one descriptor */
    unsigned read_events, write_events;
    bool hung_up; /* the peer will not send any more, and no more need be said about it */
    JsonParser *parser;
    char *held; /* input that waits for its turn; NULL: none */
    size_t held_start, held_end;
    LoopCall resume;
    unsigned turn_commands;
    int64_t turn_end_ns;
    size_t charged_bytes; /* of the server's memory_bytes */

    pthread_mutex_t lock; /* of the following */
    IoQueue queue;        /* output that the channel did not take yet */
    IoFds received;       /* descriptors that came last and were not taken */

    bool pretty;  /* constant */
    char *policy; /* constant; NULL: none */
    QmpOob *oob;  /* NULL: front and back are in the main thread. Set once, in the main thread */
};

/* Taken only where there are two threads: `oob` is set before the second one sees the session. */
static inline void qmp_session_lock(QmpSession *session)
{
    if (session->oob) {
        pthread_mutex_lock(&session->lock);
    }
}

static inline void qmp_session_unlock(QmpSession *session)
{
    if (session->oob) {
        pthread_mutex_unlock(&session->lock);
    }
}

/* A session of @monitor on @channel (taken over), which is greeted at once. NULL and *errp if the
 * kernel refuses to watch it; @channel is then closed. Main thread. */
QmpSession *qmp_session_new(QmpMonitor *monitor, IoChannel *channel, QomError **errp);
/* The same on a channel that was borrowed from @stream, or (@pushed) stands for it. The stream is
 * closed when the session ends; on failure it stays the caller's. */
QmpSession *qmp_session_new_on(QmpMonitor *monitor, IoChannel *channel, struct ChrStream *stream,
                               bool pushed, QomError **errp);
QmpSession *qmp_session_ref(QmpSession *session);
/* Main thread; others post it there. */
void qmp_session_unref(void *session);

/* Ends @session: the connection is closed, what is queued is dropped; a running command goes on and
 * its reply is dropped. Main thread, not while the session's own command runs: then doom it. */
void qmp_session_close(QmpSession *session);
/* The same, soon. */
void qmp_session_doom(QmpSession *session);

/* The same, because there is no memory for what the client is to get. Main thread. */
void qmp_session_lose(QmpSession *session);

/* Sends what has been written to session->writer, as far as the client takes it. Main thread. */
void qmp_session_flush(QmpSession *session);
/* The same if there is much. */
void qmp_session_flush_large(QmpSession *session);
/* The same at the end of the turn, or soon. */
void qmp_session_flush_soon(QmpSession *session);

/* Appends an event, one whole message with its line end. Main thread. */
void qmp_session_event(QmpSession *session, const char *text, size_t len);

/* Bytes that wait for the client to read them. */
size_t qmp_session_unsent(QmpSession *session);

/* Called when the call in band has ended after its handler returned. Main thread. */
void qmp_session_call_ended(QmpSession *session);

/* --- front.c --------------------------------------------------------------------------------- */

/* All in the front's thread, and fine after the channel was closed. */

/* Starts to serve the channel in session->loop. */
bool qmp_front_start(QmpSession *session, QomError **errp);
/* Stops, keeping the channel and what was read. */
void qmp_front_stop(QmpSession *session);
/* Stops and closes the channel. */
void qmp_front_close(QmpSession *session);
/* Wipes and frees the input that waits for its turn. */
void qmp_front_forget_held(QmpSession *session);
/* Sends @len bytes after what is queued, as far as the client takes them; the rest is queued. */
void qmp_front_send(QmpSession *session, const char *data, size_t len);
/* The channel is ready for what LOOP_* in @revents say. */
void qmp_front_events(QmpSession *session, unsigned revents);
/* Sees what can go on now, and waits for the events for it. */
void qmp_front_update(QmpSession *session);
/* The client is gone, or has to go: closes the channel and sees to the end of the session. */
void qmp_front_lost(QmpSession *session);

/* --- call.c ---------------------------------------------------------------------------------- */

/* Whether the message on @tape is to be run out of band. */
bool qmp_call_is_oob(const JsonTape *tape);
/* Runs the message on @tape. When it returns, the call has ended (the reply is in @call->writer)
 * or goes on: call->tape says. */
void qmp_call_run(QmpCall *call, JsonTape *tape);
/* Appends the error reply to a message that could not be parsed. */
void qmp_call_write_parse_error(JsonWriter *writer, const char *text);

/* For handlers of gen: false commands: the arguments at @node into @args, pieces from the call's
 * arena. */
bool qmp_call_decode(QmpCall *call, const JsonTape *tape, JsonTok node, void *args,
                     QomError **errp);
/* The same as qmp_call_return() for a result that the handler writes itself: exactly one value to
 * the writer that the first returns. Without going back to the loop in between. qmp_call_fail()
 * instead of the second takes back what was written. */
JsonWriter *qmp_call_begin_return(QmpCall *call);
void qmp_call_end_return(QmpCall *call);

/* --- oob.c ----------------------------------------------------------------------------------- */

/* Moves the front to the reader thread. Main thread, outside of a command. */
void qmp_oob_start(QmpSession *session);
/* Runs the parser's message or queues it. Reader thread. */
void qmp_oob_message(QmpSession *session);
/* Queues the reply to a text that was no message. Reader thread. */
void qmp_oob_error(QmpSession *session, const char *text);
/* Whether the queue is full. Any thread. */
bool qmp_oob_is_full(QmpSession *session);
/* Runs what is queued. Main thread. */
void qmp_oob_pump(QmpSession *session);
/* Hands the bytes in session->writer to the front. Main thread. */
void qmp_oob_flush(QmpSession *session);
/* Drops what is queued, after the front has stopped. Main thread. */
void qmp_oob_end(QmpSession *session);
void qmp_oob_free(QmpOob *oob);
/* Wipes and frees a tape from the queue. */
void qmp_oob_free_tape(QmpSession *session, JsonTape *tape);
/* Bytes of the messages in the queue and the one that runs. Under the session's lock. */
size_t qmp_oob_memory(const QmpSession *session);

/* --- fds.c ----------------------------------------------------------------------------------- */

/* Descriptors came with input: they replace what was there. Front. */
void qmp_fds_received(QmpSession *session, IoFds *fds);
/* Closes those that nobody took. */
void qmp_fds_drop(QmpSession *session);

#endif
