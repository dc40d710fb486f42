/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory-backend-epc: memory of SGX enclaves for guests. Only enclaves see its bytes; whoever else
 * reads gets all ones, and touching it takes pages from a small pool. So nothing here or elsewhere
 * may read, merge, dump, preallocate or save it: it is mapped, and handed out.
 *
 * Each open of the device is memory of its own, so what is handed out is a duplicate of the
 * descriptor, and what the kernel empties when the last one is closed.
 *
 * Source: the sheet on memory, section 7; Documentation/arch/x86/sgx.rst of Linux, "Virtual EPC".
 */
#include "backend/memory/memory.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE "/dev/sgx_vepc"

/* Takes the pages out of all enclaves; returns how many could not be, because others hang on them.
 * From <asm/sgx.h>, which is x86's alone. */
#define VEPC_REMOVE_ALL _IO(0xA4, 0x04)

static bool refuse(QomObject *obj, const void *value, const char *property, QomError **errp)
{
    return !*(const bool *)value ||
           qom_error_set(errp, "'%s=on' is not possible for %s: enclave memory must not be touched",
                         property, qom_object_type_name(obj));
}

static bool check_prealloc(QomObject *obj, const void *value, QomError **errp)
{
    return refuse(obj, value, "prealloc", errp);
}

static bool check_merge(QomObject *obj, const void *value, QomError **errp)
{
    return refuse(obj, value, "merge", errp);
}

static bool check_dump(QomObject *obj, const void *value, QomError **errp)
{
    return refuse(obj, value, "dump", errp);
}

static bool cpu_has_sgx(void)
{
    g_autofree char *text = NULL;
    const char *flags =
        g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL) ? strstr(text, "\nflags") : NULL;
    const char *end = flags ? strchr(flags + 1, '\n') : NULL;
    const char *sgx = flags ? strstr(flags, " sgx ") : NULL;
    return sgx && end && sgx < end;
}

static bool epc_open(MemoryBackend *backend, MemoryOrigin *origin, QomError **errp)
{
    origin->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    if (!memory_check_size(memory_config(backend)->size, origin->page_bytes, errp)) {
        return false;
    }
    origin->enclave = true;
    /* syscalls: open openat ioctl -- memory-backend-epc */
    origin->fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (origin->fd >= 0) {
        return true;
    }
    int err = errno;
    if (err != ENOENT) {
        return qom_error_set_errno(errp, err, DEVICE);
    }
    return qom_error_set(errp, DEVICE ": %s (%s)", g_strerror(err),
                         cpu_has_sgx() ? "the kernel has no SGX for guests, CONFIG_X86_SGX_KVM"
                                       : "/proc/cpuinfo shows no sgx");
}

/* Nobody else has it: what enclaves left there is gone at once, not when the kernel gets to it. */
static void epc_closing(MemoryBackend *backend)
{
    if (backend->handed_out) {
        return;
    }
    /* Parents of enclaves go when their children have gone. */
    int left = ioctl(backend->origin.fd, VEPC_REMOVE_ALL);
    if (left > 0) {
        left = ioctl(backend->origin.fd, VEPC_REMOVE_ALL);
    }
    if (left > 0) {
        log_warn("%s: %d enclave pages are still in use", qom_object_name(&backend->obj), left);
    }
}

static void epc_class_init(QomClass *klass)
{
    MemoryBackendClass *backend_class = (MemoryBackendClass *)klass;
    backend_class->open = epc_open;
    backend_class->closing = epc_closing;
}

static const QomPropertyRule rules[] = {
    {.name = "share", .default_json = "true"},
    {.name = "merge", .flags = QOM_PROPERTY_LIVE, .default_json = "false", .check = check_merge},
    {.name = "dump", .flags = QOM_PROPERTY_LIVE, .default_json = "false", .check = check_dump},
    {.name = "prealloc", .flags = QOM_PROPERTY_LIVE, .check = check_prealloc},
};

static const QomTypeInfo epc_info = {
    .name = "memory-backend-epc",
    .parent = TYPE_MEMORY_BACKEND,
    .instance_size = sizeof(MemoryBackend) + sizeof(MemoryBackendEpcProperties),
    .class_init = epc_class_init,
    .config = &qapi_type_MemoryBackendEpcProperties,
    .config_offset = sizeof(MemoryBackend),
    .rules = rules,
    .n_rules = G_N_ELEMENTS(rules),
};

void memory_epc_register_type(void)
{
    qom_type_register(&epc_info);
}
