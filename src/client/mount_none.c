/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom mount` in a build without libfuse3. */
#include "client/client.h"

int cmd_mount(Client *client, char **operands, size_t n)
{
    return client_usage(client, "this build has no 'mount': libfuse3 was not there (Meson's "
                                "feature 'fuse')");
}
