/* SPDX-License-Identifier: BSD-3-Clause */
/* What the room shares of events; qmp_event_send() is in qom/qmp.h. */
#ifndef QMP_EVENT_H
#define QMP_EVENT_H

#include "qom/qmp.h"

/* Appends @event as one message with its line end. On failure the writer is to be reset. */
bool qmp_event_write(JsonWriter *w, const QapiEvent *event, const void *args, QomError **errp);

/* Drops the events that are kept for later. Main thread. */
void qmp_events_cleanup(void);

#endif
