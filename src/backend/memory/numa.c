/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Placement of memory on NUMA nodes, by mbind(2) itself: libnuma would be one library more for one
 * call.
 *
 * Source: the sheet on memory, section 6.
 */
#include "backend/memory/memory.h"

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_NODES = 128, WORD_BITS = sizeof(unsigned long) * CHAR_BIT };

static int compare_nodes(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

void memory_normalize_nodes(uint16List *nodes)
{
    if (!nodes->n) {
        return;
    }
    qsort(nodes->items, nodes->n, sizeof(*nodes->items), compare_nodes);
    size_t n = 1;
    for (size_t i = 1; i < nodes->n; i++) {
        if (nodes->items[i] != nodes->items[n - 1]) {
            nodes->items[n++] = nodes->items[i];
        }
    }
    nodes->n = n;
}

bool memory_check_policy(const MemoryBackendProperties *config, QomError **errp)
{
    if (config->policy == HOST_MEM_POLICY_DEFAULT && config->host_nodes.n) {
        return qom_error_set(errp, "host-nodes must be empty for policy default,"
                                   " or you should explicitly specify a policy other than default");
    }
    if (config->policy != HOST_MEM_POLICY_DEFAULT && !config->host_nodes.n) {
        return qom_error_set(errp, "host-nodes must be set for policy %s",
                             qapi_enum_name(&qapi_type_HostMemPolicy, (int)config->policy));
    }
    return true;
}

static long mbind_call(void *ptr, size_t size_bytes, int mode, const unsigned long *mask,
                       unsigned long max_node)
{
    /* syscalls: mbind -- memory on the host nodes that were asked for */
    return syscall(SYS_mbind, ptr, size_bytes, mode, mask, max_node, MPOL_MF_STRICT | MPOL_MF_MOVE);
}

bool memory_bind(void *ptr, size_t size_bytes, const MemoryBackendProperties *config,
                 QomError **errp)
{
    static const int modes[] = {
        [HOST_MEM_POLICY_DEFAULT] = MPOL_DEFAULT,
        [HOST_MEM_POLICY_PREFERRED] = MPOL_PREFERRED_MANY,
        [HOST_MEM_POLICY_BIND] = MPOL_BIND,
        [HOST_MEM_POLICY_INTERLEAVE] = MPOL_INTERLEAVE,
    };
    if (config->policy == HOST_MEM_POLICY_DEFAULT) {
        return true;
    }
    unsigned long mask[MAX_NODES / WORD_BITS + 1] = {0};
    for (size_t i = 0; i < config->host_nodes.n; i++) {
        unsigned node = config->host_nodes.items[i];
        mask[node / WORD_BITS] |= 1UL << node % WORD_BITS;
    }
    /* The kernel leaves out the last bit of what it is told. */
    unsigned long max_node = config->host_nodes.items[config->host_nodes.n - 1] + 2UL;

    long ret = mbind_call(ptr, size_bytes, modes[config->policy], mask, max_node);
    if (ret < 0 && errno == EINVAL && config->policy == HOST_MEM_POLICY_PREFERRED) {
        /* Before Linux 5.15 only one node can be preferred. */
        ret = mbind_call(ptr, size_bytes, MPOL_PREFERRED, mask, max_node);
    }
    if (ret == 0) {
        return true;
    }
    int err = errno;
    const char *why = err == EINVAL ? ", none of host-nodes is online"
                      : err == EIO  ? ", some pages are on others already and can not be moved"
                                    : "";
    return qom_error_set_errno(errp, err, "cannot bind memory to host NUMA nodes%s", why);
}
