/* SPDX-License-Identifier: BSD-3-Clause */
/* The register behind yank and query-yank. */
#include "qmp/yank.h"

#include "qapi-commands.h"

#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef struct Connection {
    char *id;
    int fd;
} Connection;

static struct {
    pthread_mutex_t lock;
    GHashTable *chardevs; /* id -> how many, as a pointer; NULL until first used */
    GArray *connections;  /* of Connection */
} yanks = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void yanks_unlock(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}

#define YANKS_LOCKED()                                                                 \
    __attribute__((cleanup(yanks_unlock))) pthread_mutex_t *yanks_held = &yanks.lock;  \
    pthread_mutex_lock(yanks_held);                                                    \
    if (!yanks.chardevs) {                                                             \
        yanks.chardevs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL); \
        yanks.connections = g_array_new(FALSE, FALSE, sizeof(Connection));             \
    }

void yank_add_chardev(const char *id)
{
    YANKS_LOCKED();
    size_t count = GPOINTER_TO_SIZE(g_hash_table_lookup(yanks.chardevs, id));
    g_hash_table_replace(yanks.chardevs, g_strdup(id), GSIZE_TO_POINTER(count + 1));
}

void yank_remove_chardev(const char *id)
{
    YANKS_LOCKED();
    size_t count = GPOINTER_TO_SIZE(g_hash_table_lookup(yanks.chardevs, id));
    if (count > 1) {
        g_hash_table_replace(yanks.chardevs, g_strdup(id), GSIZE_TO_POINTER(count - 1));
    } else {
        g_hash_table_remove(yanks.chardevs, id);
    }
}

void yank_add_fd(const char *id, int fd)
{
    YANKS_LOCKED();
    Connection connection = {.id = g_strdup(id), .fd = fd};
    g_array_append_val(yanks.connections, connection);
}

void yank_remove_fd(int fd)
{
    YANKS_LOCKED();
    for (unsigned i = 0; i < yanks.connections->len; i++) {
        Connection *connection = &g_array_index(yanks.connections, Connection, i);
        if (connection->fd == fd) {
            g_free(connection->id);
            g_array_remove_index_fast(yanks.connections, i);
            return;
        }
    }
}

/* Under the lock, so that no descriptor is closed meanwhile. */
static void yank_chardev(const char *id)
{
    for (unsigned i = 0; i < yanks.connections->len; i++) {
        const Connection *connection = &g_array_index(yanks.connections, Connection, i);
        if (strcmp(connection->id, id) == 0) {
            shutdown(connection->fd, SHUT_RDWR);
        }
    }
}

bool qmp_yank(const YankInstanceList *instances, QomError **errp)
{
    YANKS_LOCKED();
    for (size_t i = 0; i < instances->n; i++) {
        if (!g_hash_table_contains(yanks.chardevs, instances->items[i].u.chardev.id)) {
            return qom_error_set_class(errp, QOM_ERROR_DEVICE_NOT_FOUND, "Instance not found");
        }
    }
    for (size_t i = 0; i < instances->n; i++) {
        yank_chardev(instances->items[i].u.chardev.id);
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const YankInstance *)a)->u.chardev.id, ((const YankInstance *)b)->u.chardev.id);
}

bool qmp_query_yank(YankInstanceList *ret, QomError **errp)
{
    GHashTableIter iter;
    void *id;

    YANKS_LOCKED();
    ret->items = g_new0(YankInstance, g_hash_table_size(yanks.chardevs));
    g_hash_table_iter_init(&iter, yanks.chardevs);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        YankInstance *instance = &ret->items[ret->n++];
        instance->type = YANK_INSTANCE_TYPE_CHARDEV;
        instance->u.chardev.id = g_strdup(id);
    }
    if (ret->n > 1) {
        qsort(ret->items, ret->n, sizeof(*ret->items), compare_ids);
    }
    return true;
}
