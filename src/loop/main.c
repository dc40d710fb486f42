/* SPDX-License-Identifier: BSD-3-Clause */
#include "qom/loop.h"

static Loop *main_loop;

Loop *loop_main(void)
{
    return main_loop;
}

void loop_set_main(Loop *loop)
{
    main_loop = loop;
}
