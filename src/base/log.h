/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages to the person who started the program, on stderr: "PROGRAM: text". Never pass a secret
 * value or a whole request. All functions may be called from any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "qom/error.h"

/* The name in front of each message; @argv0's last path component is kept. Call once at start. */
void log_set_program(const char *argv0);
const char *log_program(void);

/* Puts the local time in front of each message (`-msg timestamp=on`). */
void log_set_timestamp(bool on);

/* Writes "PROGRAM: text\n". */
void log_error(const char *fmt, ...) QOM_PRINTF(1, 2);

/* Writes "PROGRAM: warning: text\n". */
void log_warn(const char *fmt, ...) QOM_PRINTF(1, 2);

/* Writes "PROGRAM: CONTEXT: message\n" (no context if it is NULL) and the hint lines. */
void log_report(const char *context, const QomError *error);

#endif
