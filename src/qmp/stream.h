/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions on the streams of a character device.
 *
 * A stream that lends its channel (sockets, files, terminals) is served like any channel. The
 * others (with a log, shared by a multiplexer) call us with their input; a channel without
 * descriptors stands for them, and their session never leaves the main thread.
 */
#ifndef QMP_STREAM_H
#define QMP_STREAM_H

#include "qmp/session.h"

#include "qom/chardev.h"

/* What a monitor is to its character device; the frontend is the QmpMonitor. */
extern const ChrFrontendOps qmp_stream_ops;

/* Input goes on, if it was paused. */
void qmp_stream_resume(QmpSession *session);

#endif
