/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory-backend, the parent of all memory backends: the properties that they share, and the order
 * in which a region comes to be.
 *
 *     check what does not fit together -> open the origin -> map -> advise -> bind to nodes
 *       -> preallocate -> visible
 *
 * Nothing is touched before it is bound. Whatever fails undoes all that was done before it:
 * mapping, descriptor, file. Deletion has given everything back when object-del answers.
 *
 * Source: the sheet on memory, sections 1 and 2.
 */
#include "backend/memory/memory.h"
#include "backend/thread/thread.h"
#include "qom/json.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_NODE = 127 };

static MemoryBackendClass *class_of(MemoryBackend *self)
{
    return (MemoryBackendClass *)self->obj.klass;
}

char *memory_backend_name(MemoryBackend *self)
{
    const char *id = qom_object_name(&self->obj);
    return memory_config(self)->x_use_canonical_path_for_ramblock_id
               ? g_strdup_printf("/objects/%s", id)
               : g_strdup(id);
}

/* --- checks of single properties ------------------------------------------------------------ */

static bool refuse_zero(QomObject *obj, const char *name, QomError **errp)
{
    return qom_error_set(errp, "property '%s' of %s doesn't take value '0'", name,
                         qom_object_type_name(obj));
}

static bool check_size(QomObject *obj, const void *value, QomError **errp)
{
    uint64_t size = *(const uint64_t *)value;
    return size || refuse_zero(obj, "size", errp);
}

static bool check_threads(QomObject *obj, const void *value, QomError **errp)
{
    uint32_t threads = *(const uint32_t *)value;
    return threads || refuse_zero(obj, "prealloc-threads", errp);
}

static bool check_nodes(QomObject *obj, const void *value, QomError **errp)
{
    const uint16List *nodes = value;
    for (size_t i = 0; i < nodes->n; i++) {
        if (nodes->items[i] > MAX_NODE) {
            return qom_error_set(errp, "Invalid host-nodes value: %u", nodes->items[i]);
        }
    }
    return true;
}

/* --- what follows from changes -------------------------------------------------------------- */

static bool apply_merge(QomObject *obj, QomError **errp)
{
    MemoryBackend *self = (MemoryBackend *)obj;
    bool merge = memory_config(self)->merge;
    /* EINVAL: a kernel without KSM, which then merges nothing. */
    if (madvise(self->map.ptr, self->map.size_bytes, merge ? MADV_MERGEABLE : MADV_UNMERGEABLE) <
            0 &&
        errno != EINVAL) {
        return qom_error_set_errno(errp, errno, "cannot set merge=%s", merge ? "on" : "off");
    }
    return true;
}

static bool apply_dump(QomObject *obj, QomError **errp)
{
    MemoryBackend *self = (MemoryBackend *)obj;
    bool dump = memory_config(self)->dump;
    if (madvise(self->map.ptr, self->map.size_bytes, dump ? MADV_DODUMP : MADV_DONTDUMP) < 0 &&
        errno != EINVAL) {
        return qom_error_set_errno(errp, errno, "cannot set dump=%s", dump ? "on" : "off");
    }
    return true;
}

static bool check_prealloc_fits(const MemoryBackendProperties *config, QomError **errp)
{
    if (config->prealloc && !config->reserve) {
        return qom_error_set(errp, "'prealloc=on' and 'reserve=off' are incompatible");
    }
    return true;
}

/* May run in a worker thread. */
static bool apply_prealloc(QomObject *obj, QomError **errp)
{
    MemoryBackend *self = (MemoryBackend *)obj;
    MemoryBackendProperties *config = memory_config(self);
    if (memory_is_preallocated(self)) {
        config->prealloc = true; /* there is no way back */
        return true;
    }
    if (!config->prealloc) {
        return true;
    }
    if (!check_prealloc_fits(config, errp)) {
        return false;
    }
    MemoryPrealloc job = {
        .ptr = self->map.ptr,
        .size_bytes = self->map.size_bytes,
        .page_bytes = self->origin.page_bytes,
        .rom = self->origin.rom,
        .threads = config->prealloc_threads,
        .context = self->prealloc_context,
        .nodes = &config->host_nodes,
    };
    MemoryRoom room = memory_room(&self->origin);
    int err = memory_prealloc(&job);
    if (err) {
        return memory_prealloc_error(err, self, &room, errp);
    }
    __atomic_store_n(&self->preallocated, true, __ATOMIC_RELEASE);
    return true;
}

/* True only once the pages are there, not while a worker fetches them. */
static bool get_prealloc(QomObject *obj, const QomProperty *prop, JsonWriter *writer,
                         QomError **errp)
{
    json_writer_bool(writer, memory_is_preallocated((MemoryBackend *)obj));
    return true;
}

/* --- life cycle ----------------------------------------------------------------------------- */

/* Strict accounting ignores MAP_NORESERVE: say so rather than reserve after all. */
static bool check_reserve(MemoryBackend *self, QomError **errp)
{
    const MemoryBackendProperties *config = memory_config(self);
    if (config->reserve || config->share || self->origin.rom || self->origin.hugetlb) {
        return true;
    }
    g_autofree char *mode = NULL;
    if (g_file_get_contents("/proc/sys/vm/overcommit_memory", &mode, NULL, NULL) &&
        atoi(mode) == 2) {
        return qom_error_set(errp, "reserve=off is not possible for private memory while "
                                   "/proc/sys/vm/overcommit_memory is 2");
    }
    return true;
}

static void give_back(MemoryBackend *self)
{
    memory_unmap(&self->map);
    if (self->origin.fd >= 0) {
        close(self->origin.fd);
        self->origin.fd = -1;
    }
}

static bool build(MemoryBackend *self, QomError **errp)
{
    MemoryBackendProperties *config = memory_config(self);
    memory_normalize_nodes(&config->host_nodes);
    if (!check_prealloc_fits(config, errp) || !memory_check_policy(config, errp)) {
        return false;
    }
    if (!class_of(self)->open(self, &self->origin, errp) || !check_reserve(self, errp) ||
        !memory_map(&self->map, &self->origin, config->size, config->share, config->reserve,
                    errp)) {
        return false;
    }
    if (config->merge) {
        madvise(self->map.ptr, self->map.size_bytes, MADV_MERGEABLE);
    }
    if (!config->dump) {
        madvise(self->map.ptr, self->map.size_bytes, MADV_DONTDUMP);
    }
    return memory_bind(self->map.ptr, self->map.size_bytes, config, errp) &&
           apply_prealloc(&self->obj, errp);
}

static bool backend_complete(QomObject *obj, QomError **errp)
{
    MemoryBackend *self = (MemoryBackend *)obj;
    if (build(self, errp)) {
        return true;
    }
    if (class_of(self)->undo) {
        class_of(self)->undo(self);
    }
    give_back(self);
    return false;
}

static bool backend_complete_blocks(QomObject *obj)
{
    return memory_config((MemoryBackend *)obj)->prealloc;
}

static void backend_published(QomObject *obj)
{
    MemoryBackend *self = (MemoryBackend *)obj;
    g_autofree char *name = memory_backend_name(self);
    g_autoptr(GString) child = g_string_new(NULL);
    for (const char *c = name; *c; c++) {
        /* The characters that mean something in paths and names. */
        if (strchr("/[]\\", *c)) {
            g_string_append_printf(child, "\\x%02x", (unsigned char)*c);
        } else {
            g_string_append_c(child, *c);
        }
    }
    g_string_append(child, "[*]");
    QOM_AUTO_UNREF QomObject *region = qom_object_new(TYPE_MEMORY_REGION);
    qom_object_add_child(obj, child->str, region, NULL);
}

static void backend_init(QomObject *obj)
{
    ((MemoryBackend *)obj)->origin.fd = -1;
}

static void backend_finalize(QomObject *obj)
{
    MemoryBackend *self = (MemoryBackend *)obj;
    if (self->map.ptr && class_of(self)->closing) {
        class_of(self)->closing(self);
    }
    give_back(self);
}

static void backend_class_init(QomClass *klass)
{
    klass->not_live_text = "cannot change property %s of %s ";
}

static const QomPropertyRule rules[] = {
    {.name = "dump", .flags = QOM_PROPERTY_LIVE, .apply = apply_dump},
    {.name = "host-nodes", .check = check_nodes},
    {.name = "merge", .flags = QOM_PROPERTY_LIVE, .apply = apply_merge},
    {.name = "prealloc",
     .flags = QOM_PROPERTY_LIVE | QOM_PROPERTY_BLOCKS,
     .get = get_prealloc,
     .apply = apply_prealloc},
    {.name = "prealloc-threads", .flags = QOM_PROPERTY_LIVE, .type = "int", .check = check_threads},
    {.name = "prealloc-context",
     .flags = QOM_PROPERTY_LIVE,
     .link = TYPE_THREAD_CONTEXT,
     .link_offset = offsetof(MemoryBackend, prealloc_context)},
    {.name = "size", .check = check_size},
    {.name = "x-use-canonical-path-for-ramblock-id", .flags = QOM_PROPERTY_LIVE},
};

static const QomUserCreatable creatable = {
    .complete = backend_complete,
    .complete_blocks = backend_complete_blocks,
    .published = backend_published,
};
static const QomInterfaceInfo interfaces[] = {{QOM_TYPE_USER_CREATABLE, &creatable}};

static const QomTypeInfo backend_info = {
    .name = TYPE_MEMORY_BACKEND,
    .parent = QOM_TYPE_OBJECT,
    .abstract = true,
    .instance_size = sizeof(MemoryBackend) + sizeof(MemoryBackendProperties),
    .class_size = sizeof(MemoryBackendClass),
    .class_init = backend_class_init,
    .instance_init = backend_init,
    .instance_finalize = backend_finalize,
    .interfaces = interfaces,
    .n_interfaces = G_N_ELEMENTS(interfaces),
    .config = &qapi_type_MemoryBackendProperties,
    .config_offset = sizeof(MemoryBackend),
    .rules = rules,
    .n_rules = G_N_ELEMENTS(rules),
};

void memory_register_types(void)
{
    qom_type_register(&backend_info);
    memory_region_register_type();
    memory_ram_register_type();
    memory_memfd_register_type();
    memory_file_register_type();
    memory_epc_register_type();
}
