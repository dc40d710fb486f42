/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom shell` in a build without libedit reads plain lines. */
#include "client/shell.h"

ShellReader *shell_edit_new(Client *client)
{
    return NULL;
}
