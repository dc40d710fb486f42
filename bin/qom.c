/* SPDX-License-Identifier: BSD-3-Clause */
/* qom: the command line client. */
#include "client/client.h"

int main(int argc, char **argv)
{
    return client_main(argc, argv);
}
