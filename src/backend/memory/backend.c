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

static MemoryPrealloc prealloc_job(MemoryBackend *self)
{
    const MemoryBackendProperties *config = memory_config(self);
    return (MemoryPrealloc){
        .ptr = self->map.ptr,
        .size_bytes = self->map.size_bytes,
        .page_bytes = self->origin.page_bytes,
        .rom = self->origin.rom,
        .threads = config->prealloc_threads,
        .context = self->prealloc_context,
        .nodes = &config->host_nodes,
        .cancel = &self->cancelled,
        .done_bytes = &self->prealloc_done_bytes,
    };
}

bool memory_prealloc_finish(MemoryBackend *self, int err, const MemoryRoom *room, QomError **errp)
{
    if (err) {
        return memory_prealloc_error(err, self, room, errp);
    }
    __atomic_store_n(&self->preallocated, true, __ATOMIC_RELEASE);
    return true;
}

static bool populate(MemoryBackend *self, QomError **errp)
{
    MemoryPrealloc job = prealloc_job(self);
    MemoryRoom room = memory_backend_room(self);
    __atomic_store_n(&self->prealloc_done_bytes, 0, __ATOMIC_RELAXED);
    return memory_prealloc_finish(self, memory_prealloc(&job), &room, errp);
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
    return !config->prealloc || (check_prealloc_fits(config, errp) && populate(self, errp));
}

static bool first_prealloc(MemoryBackend *self, QomError **errp)
{
    if (!memory_config(self)->prealloc) {
        return true;
    }
    if (memory_prealloc_holds()) {
        MemoryPrealloc job = prealloc_job(self);
        memory_prealloc_add_held(self, &job);
        return true;
    }
    return populate(self, errp);
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
           first_prealloc(self, errp);
}

void memory_backend_undo(MemoryBackend *self)
{
    if (class_of(self)->undo) {
        class_of(self)->undo(self);
    }
    give_back(self);
}

static bool backend_complete(QomObject *obj, QomError **errp)
{
    MemoryBackend *self = (MemoryBackend *)obj;
    if (build(self, errp)) {
        if (class_of(self)->built) {
            class_of(self)->built(self);
        }
        return true;
    }
    memory_backend_undo(self);
    return false;
}

static bool backend_complete_blocks(QomObject *obj)
{
    return memory_config((MemoryBackend *)obj)->prealloc && !memory_prealloc_holds();
}

static void backend_cancel(QomObject *obj)
{
    __atomic_store_n(&((MemoryBackend *)obj)->cancelled, true, __ATOMIC_RELAXED);
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

static bool get_prealloc_done(QomObject *obj, const QomProperty *prop, JsonWriter *writer,
                              QomError **errp)
{
    const MemoryBackend *self = (const MemoryBackend *)obj;
    json_writer_uint64(writer, __atomic_load_n(&self->prealloc_done_bytes, __ATOMIC_RELAXED));
    return true;
}

static bool get_usage(QomObject *obj, size_t offset, JsonWriter *writer, QomError **errp)
{
    const MemoryUsage *usage = memory_backend_usage((MemoryBackend *)obj);
    if (!usage) {
        return qom_error_set(errp, "/proc/self/smaps can not be read");
    }
    json_writer_uint64(writer, *(const uint64_t *)((const char *)usage + offset));
    return true;
}

static bool get_resident(QomObject *obj, const QomProperty *prop, JsonWriter *writer,
                         QomError **errp)
{
    return get_usage(obj, offsetof(MemoryUsage, resident_bytes), writer, errp);
}

static bool get_anonymous(QomObject *obj, const QomProperty *prop, JsonWriter *writer,
                          QomError **errp)
{
    return get_usage(obj, offsetof(MemoryUsage, anonymous_bytes), writer, errp);
}

static bool get_pss(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp)
{
    return get_usage(obj, offsetof(MemoryUsage, pss_bytes), writer, errp);
}

static void backend_init(QomObject *obj)
{
    ((MemoryBackend *)obj)->origin.fd = -1;
}

static void backend_finalize(QomObject *obj)
{
    MemoryBackend *self = (MemoryBackend *)obj;
    if (self->population) {
        backend_cancel(obj);
        memory_prealloc_drop_held(self);
    }
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

static const QomProperty properties[] = {
    {.name = "anonymous",
     .type = "int",
     .description = "bytes in memory that belong to this region alone and to no file",
     .get = get_anonymous},
    {.name = "prealloc-done",
     .type = "int",
     .description = "how many bytes the last preallocation has fetched so far",
     .get = get_prealloc_done},
    {.name = "pss",
     .type = "int",
     .description = "bytes in memory, each page divided by the number of those that map it",
     .get = get_pss},
    {.name = "resident",
     .type = "int",
     .description = "bytes that this process has in memory now",
     .get = get_resident},
};

static const QomUserCreatable creatable = {
    .complete = backend_complete,
    .complete_blocks = backend_complete_blocks,
    .published = backend_published,
    .cancel = backend_cancel,
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
    .properties = properties,
    .n_properties = G_N_ELEMENTS(properties),
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
