/* SPDX-License-Identifier: BSD-3-Clause */
/* qomd: objects of the QEMU Object Model, served over QMP. */
#include "daemon/daemon.h"

int main(int argc, char **argv)
{
    return daemon_main(argc, argv);
}
