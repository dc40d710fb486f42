/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting for events; see client.h. */
#include "client/client.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* Waits for the server, or for the reader of the output to go: without that, `qom events | head`
 * would stay until one event too many. False: the reader has gone. */
static bool wait_for_either(Client *client, int64_t timeout_ms)
{
    struct pollfd fds[] = {{connection_fd(client->connection), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
    int wait_ms = timeout_ms < 0 ? -1 : (int)MIN(timeout_ms, G_MAXINT);

    return poll(fds, 2, wait_ms) <= 0 || !(fds[1].revents & (POLLERR | POLLHUP));
}

bool client_follow(Client *client, int64_t timeout_ms, const bool *done, int *status)
{
    QOM_AUTO_ERROR(err);

    /* The first call takes what came with the last answer, which no poll() shows. */
    if (!connection_wait(client->connection, 0, &err)) {
        *status = client_fail(client, NULL, g_steal_pointer(&err));
        return false;
    }
    bool reader = fflush(stdout) == 0 && !ferror(stdout);
    *status = CLIENT_OK;
    return !*done && reader && wait_for_either(client, timeout_ms);
}
