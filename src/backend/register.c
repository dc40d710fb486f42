/* SPDX-License-Identifier: BSD-3-Clause */
#include "qom/backend.h"

#include "backend/memory/memory.h"
#include "backend/rng/rng.h"
#include "backend/secret/secret.h"
#include "backend/thread/thread.h"

void qom_backend_register_types(void)
{
    memory_register_types();
    rng_register_types();
    secret_register_types();
    thread_register_types();
}
