/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include "qapi-cli.h"
#include "qom/error.h"

#include <stdbool.h>

/* Gives up system calls for good, in all threads of the process. Main thread. */
bool sandbox_enter(const SandboxOptions *options, QomError **errp);

#endif
