/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory backends: regions of host memory with a name, an origin and rules of placement. First the
 * interface for those who use the memory, then the parts of which the room is made.
 */
#ifndef BACKEND_MEMORY_H
#define BACKEND_MEMORY_H

#include "qapi-qom.h"
#include "qom/object.h"

#include <stddef.h>
#include <stdint.h>

#define TYPE_MEMORY_BACKEND "memory-backend"
#define TYPE_MEMORY_REGION  "memory-region"

/* Registers the types of this room; the others are for the first only. */
void memory_register_types(void);
void memory_ram_register_type(void);
void memory_memfd_register_type(void);
void memory_file_register_type(void);
void memory_epc_register_type(void);
void memory_region_register_type(void);

/* Takes back what unfinished backends have done to the file system. Main thread, right before the
 * process ends without waiting for its workers: from here on no backend can be completed. */
void memory_abandon(void);

/* --- For users of the memory ---------------------------------------------------------------- */

/* Where a region's bytes come from. */
typedef struct MemoryOrigin {
    int fd;                /* the file that holds it; -1: anonymous */
    uint64_t offset_bytes; /* where in the file it starts */
    size_t page_bytes;     /* of the file or of anonymous memory; a power of two */
    size_t align_bytes;    /* of the address; a power of two */
    bool hugetlb;
    bool rom;     /* no writing, by anybody */
    bool sync;    /* persistent memory: map with MAP_SYNC */
    bool source;  /* a device like /dev/zero: what is mapped is in no file */
    bool enclave; /* must not be touched; opening the file again gives other memory */
} MemoryOrigin;

/* A region of mapped memory. Stable while the backend lives. */
typedef struct MemoryMap {
    void *ptr;
    size_t size_bytes; /* as configured, rounded up to the page */
    void *reserved;    /* the address space, a guard page behind the region included */
    size_t reserved_bytes;
    bool hugetlb;
} MemoryMap;

typedef struct MemoryPopulation MemoryPopulation; /* see prealloc.c */

typedef struct MemoryRoom {
    uint64_t free_bytes, total_bytes;
} MemoryRoom;

typedef struct MemoryUsage {
    uint64_t resident_bytes;
    uint64_t anonymous_bytes; /* of them, those that are in no file */
    uint64_t pss_bytes;       /* each page divided by the number of its users; no hugetlbfs */
} MemoryUsage;

typedef struct MemoryBackend {
    QomObject obj;
    MemoryMap map; /* ptr NULL before completion */
    MemoryOrigin origin;
    QomObject *prealloc_context;  /* link */
    MemoryPopulation *population; /* held while the program starts */
    uint64_t prealloc_done_bytes; /* atomic */
    bool preallocated;            /* atomic */
    bool cancelled;               /* atomic; whatever takes its time should end */
    bool handed_out;              /* others may have the descriptor */
    uint64_t measured_in;         /* the loop's iteration in which usage was measured; 0: none */
    MemoryUsage usage;
    /* the configuration follows: MemoryBackendProperties or a struct that begins with it */
} MemoryBackend;

typedef struct MemoryBackendClass {
    QomClass parent;
    /* Checks what only this kind of backend knows and fills in @origin (zeroed but for fd = -1).
     * May leave @origin->fd open on failure; undo is called then, too. */
    bool (*open)(MemoryBackend *backend, MemoryOrigin *origin, QomError **errp);
    /* Completion has failed: take back what open has done to the file system. May be NULL. */
    void (*undo)(MemoryBackend *backend);
    /* Completion has succeeded: undo will not be called. May be NULL. */
    void (*built)(MemoryBackend *backend);
    /* The mapping is about to go. May be NULL. */
    void (*closing)(MemoryBackend *backend);
} MemoryBackendClass;

static inline MemoryBackendProperties *memory_config(MemoryBackend *backend)
{
    return (MemoryBackendProperties *)qom_object_config(&backend->obj);
}

/* Whether all pages are there because prealloc was asked for. Any thread. */
static inline bool memory_is_preallocated(const MemoryBackend *backend)
{
    return __atomic_load_n(&backend->preallocated, __ATOMIC_ACQUIRE);
}

/* Whether memory is in a file that can be handed out. */
static inline bool memory_has_fd(MemoryBackend *backend)
{
    return memory_config(backend)->share && backend->origin.fd >= 0 && !backend->origin.source;
}

/* The region's name: the id, or the object's path if x-use-canonical-path-for-ramblock-id is set.
 * g_free() it. */
char *memory_backend_name(MemoryBackend *backend);

/* The memory backend called @id, or NULL and an error: DeviceNotFound, or that it is of another
 * type. Main thread. */
MemoryBackend *memory_find_backend(const char *id, QomError **errp);

/* --- backend.c: steps for other files of the room -------------------------------------------- */

/* What follows from the end of a population: @err is what memory_prealloc() returned. */
bool memory_prealloc_finish(MemoryBackend *backend, int err, const MemoryRoom *room,
                            QomError **errp);
/* Takes back what completion has done: in the file system, the mapping, the descriptor. */
void memory_backend_undo(MemoryBackend *backend);

/* --- map.c: address space ------------------------------------------------------------------- */

/* Maps @size_bytes of @origin. On failure nothing is mapped. Any thread. */
bool memory_map(MemoryMap *map, const MemoryOrigin *origin, uint64_t size_bytes, bool share,
                bool reserve, QomError **errp);
/* Unmaps; fine on a zeroed map. */
void memory_unmap(MemoryMap *map);

/* The page size, of the system or of hugetlbfs, for the file system that @fd (if not -1), or else
 * @path is on. 0 and an error on failure. */
size_t memory_file_page_bytes(int fd, const char *path, bool *hugetlb, QomError **errp);

/* How many huge pages of @page_bytes there are of a kind, "free" or "resv" (which no node alone
 * has), on all nodes if @node is -1. */
uint64_t memory_huge_pages(size_t page_bytes, int node, const char *which);

/* "memory size must be multiple of 4 KiB" and the like. */
bool memory_check_size(uint64_t size_bytes, size_t page_bytes, QomError **errp);

/* @bytes in the largest binary unit that divides it, such as "2 MiB". One of four static strings of
 * the thread, in turn. */
const char *memory_size_text(uint64_t bytes);

/* --- numa.c --------------------------------------------------------------------------------- */

/* Puts nodes in ascending order, each once. */
void memory_normalize_nodes(uint16List *nodes);
/* Whether policy and nodes fit each other. */
bool memory_check_policy(const MemoryBackendProperties *config, QomError **errp);
/* mbind(2) by the configured policy; nothing for the default one. Nodes must be normalized. */
bool memory_bind(void *ptr, size_t size_bytes, const MemoryBackendProperties *config,
                 QomError **errp);

/* --- prealloc.c ----------------------------------------------------------------------------- */

typedef struct MemoryPrealloc {
    void *ptr;
    size_t size_bytes;
    size_t page_bytes;
    bool rom;
    unsigned threads;        /* most threads to use */
    QomObject *context;      /* thread-context that creates them, or NULL */
    const uint16List *nodes; /* without @context: run them on these nodes' CPUs; may be empty */
    const bool *cancel;      /* atomic; once it is true the job ends soon, with ECANCELED */
    uint64_t *done_bytes;    /* atomic; grows by what is there */
} MemoryPrealloc;

/* Has all pages of a region there. Blocks; any thread but the context's. Content is not changed.
 * Returns 0 or an errno value: EFAULT and ENOMEM say that there are not enough pages. */
int memory_prealloc(const MemoryPrealloc *job);

/* The same in steps. prepare creates the threads, at least one if @background; go lets them work;
 * wait (which implies go) blocks until they have ended, frees, and returns as above. Between
 * prepare and go nothing happens, so that all threads of several regions exist before any starts.
 */
MemoryPopulation *memory_prealloc_prepare(const MemoryPrealloc *job, bool background);
void memory_prealloc_go(MemoryPopulation *population);
int memory_prealloc_wait(MemoryPopulation *population);

/* --- startup.c: the regions of the command line are populated at the same time -------------- */

/* From now on memory_prealloc_add_held() is used for new objects instead of memory_prealloc(). Main
 * thread. */
void memory_prealloc_hold(void);
bool memory_prealloc_holds(void);
void memory_prealloc_add_held(MemoryBackend *backend, const MemoryPrealloc *job);
/* The backend goes: so does what is held for it. */
void memory_prealloc_drop_held(MemoryBackend *backend);
/* Whether anything is held. */
bool memory_prealloc_release_blocks(void);
/* Ends the hold, has all pages there; blocks, any thread. The error is the first backend's that
 * failed; what those had made is undone, and they are good for being deleted only. */
bool memory_prealloc_release(QomError **errp);

/* --- room.c --------------------------------------------------------------------------------- */

/* How much room the file system of @fd (-1: none) has; zeroed if it is not limited. */
MemoryRoom memory_room(int fd);
/* The same for a region, or what the pool of huge pages on its nodes has; no total then. */
MemoryRoom memory_backend_room(MemoryBackend *backend);

/* "no room: tmpfs at /x has 2 MiB free of 8 MiB", the second being what was needed. g_free() it. */
char *memory_room_text(int fd, const MemoryRoom *room, uint64_t needed_bytes);

/* Sets the error that explains @err of memory_prealloc() with numbers; @room is what there was
 * before it. */
bool memory_prealloc_error(int err, const MemoryBackend *backend, const MemoryRoom *room,
                           QomError **errp);

/* --- usage.c -------------------------------------------------------------------------------- */

typedef struct MemoryExtent {
    uintptr_t start, end;
    MemoryUsage usage;
} MemoryExtent;

MemoryExtent memory_extent(const MemoryBackend *backend);
/* Sorts @n (> 0) extents by address and adds to each what is used of it now; false if the kernel
 * does not tell. */
bool memory_measure(MemoryExtent *extents, size_t n);
/* The same for one region, measured once an iteration of the loop; NULL if the kernel does not
 * tell. Main thread. */
const MemoryUsage *memory_backend_usage(MemoryBackend *backend);
/* Of @n sorted extents that which holds @address, or NULL. */
MemoryExtent *memory_find_extent(MemoryExtent *extents, size_t n, uintptr_t address);

/* --- sparse.c ------------------------------------------------------------------------------- */

/* The first stored bytes of @fd in [@from, @end); false if there are none. */
bool memory_next_data(int fd, uint64_t from, uint64_t end, uint64_t *start, uint64_t *stop);
/* Gives back the blocks in [@from, @end) that hold nothing but zeros. */
void memory_punch_zeros(int fd, uint64_t from, uint64_t end);
/* Whether @size_bytes (> 0) at @ptr are all zero. */
bool memory_is_zero(const void *ptr, size_t size_bytes);

/* --- sigbus.c ------------------------------------------------------------------------------- */

/* Calls @fn(@opaque); false if it touched memory that the kernel could not provide (SIGBUS). @fn is
 * then cut off where it was. Any thread; other SIGBUS go where they went before. */
bool memory_guarded(void (*fn)(void *opaque), void *opaque);

#endif
