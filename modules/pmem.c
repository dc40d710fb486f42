/* SPDX-License-Identifier: BSD-3-Clause */
/* The module "pmem": persistent memory, by way of libpmem, which takes 3 ms and 2 MB to load. */
#include "qom/error.h"

#include <libpmem.h>
#include <stddef.h>

void qom_pmem_persist(const void *ptr, size_t size_bytes);

/* Has what was written to the memory reach its medium. */
QOM_PUBLIC void qom_pmem_persist(const void *ptr, size_t size_bytes)
{
    pmem_persist(ptr, size_bytes);
}
