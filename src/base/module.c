/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/module.h"

#include "config.h"

#include <dlfcn.h>
#include <glib.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "qom-"
#define SUFFIX ".so"
#define ORIGIN "$ORIGIN/"

/* Our modules that are loaded, by name. */
static struct {
    GMutex lock;
    GHashTable *handles;
} loaded;

/* --- Where they are -------------------------------------------------------------------------- */

/* The file that this code was loaded from: the shared library, or else the program. */
static char *own_file(void)
{
    Dl_info info;
    if (dladdr((const void *)(uintptr_t)&module_open, &info) &&
        (g_str_has_suffix(info.dli_fname, ".so") || strstr(info.dli_fname, ".so."))) {
        return realpath(info.dli_fname, NULL);
    }
    /* In a program dladdr repeats argv[0], which may lie. */
    return realpath("/proc/self/exe", NULL);
}

/* The run path that this program or library was linked with; NULL: none. */
static const char *own_run_path(void)
{
    const char *strings = NULL;
    size_t offset = 0;
    Dl_info info;
    struct link_map *map = NULL;
    if (!dladdr1((const void *)(uintptr_t)&module_open, &info, (void **)&map, RTLD_DL_LINKMAP)) {
        return NULL;
    }
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_STRTAB) {
            strings = (const char *)entry->d_un.d_ptr;
        } else if (entry->d_tag == DT_RUNPATH || entry->d_tag == DT_RPATH) {
            offset = entry->d_un.d_val;
        }
    }
    /* Some architectures leave the address as it is in the file. */
    if ((uintptr_t)strings < map->l_addr) {
        strings += map->l_addr;
    }
    return offset ? strings + offset : NULL;
}

/* The part of the run path that is the folder of the modules: "$ORIGIN/.../modules". Only what was
 * never installed has it. */
static char *build_folder(void)
{
    const char *path = own_run_path();
    g_auto(GStrv) parts = path ? g_strsplit(path, ":", 0) : NULL;
    for (char **part = parts; part && *part; part++) {
        g_autofree char *file = NULL;
        if (g_str_has_prefix(*part, ORIGIN) && g_str_has_suffix(*part, "/modules") &&
            (file = own_file())) {
            g_autofree char *origin = g_path_get_dirname(file);
            return g_build_filename(origin, *part + strlen(ORIGIN), NULL);
        }
    }
    return NULL;
}

static char *module_folder(void)
{
    char *folder = build_folder();
    return folder ? folder : g_strdup(QOM_MODULEDIR);
}

/* --- Loading --------------------------------------------------------------------------------- */

static void *open_file(const char *path, QomError **errp)
{
    /* syscalls: openat pread64 mmap mprotect -- modules that are loaded on first use */
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        qom_error_set(errp, "Could not load module '%s': %s", path, dlerror());
    }
    return module;
}

/* NULL without an error: it is not installed. */
static void *open_ours(const char *folder, const char *name, QomError **errp)
{
    g_autofree char *path = g_strdup_printf("%s/" PREFIX "%s" SUFFIX, folder, name);
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        return NULL;
    }
    void *handle = open_file(path, errp);
    if (handle) {
        g_hash_table_insert(loaded.handles, g_strdup(name), handle);
    }
    return handle;
}

/* To be unlocked by the caller. */
static void lock_loaded(void)
{
    g_mutex_lock(&loaded.lock);
    if (!loaded.handles) {
        loaded.handles = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
}

void *module_open(const char *name, const char *package, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    lock_loaded();
    void *handle = g_hash_table_lookup(loaded.handles, name);
    g_autofree char *folder = handle ? NULL : module_folder();
    if (!handle) {
        handle = open_ours(folder, name, &err);
    }
    g_mutex_unlock(&loaded.lock);
    if (!handle && err) {
        qom_error_propagate(errp, g_steal_pointer(&err));
    } else if (!handle) {
        qom_error_set(errp, "Module 'qom-%s.so' is not installed in '%s'; it is in package %s",
                      name, folder, package);
    }
    return handle;
}

void module_load_all(void)
{
    g_autofree char *folder = module_folder();
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *file;
    lock_loaded();
    while (dir && (file = g_dir_read_name(dir))) {
        if (g_str_has_prefix(file, PREFIX) && g_str_has_suffix(file, SUFFIX)) {
            size_t len = strlen(file) - strlen(PREFIX SUFFIX);
            g_autofree char *name = g_strndup(file + strlen(PREFIX), len);
            open_ours(folder, name, NULL); /* one that can not be loaded is told when it is used */
        }
    }
    g_mutex_unlock(&loaded.lock);
}

void *module_open_file(const char *path, QomError **errp)
{
    /* A bare name would be looked up along the library path. */
    g_autofree char *whole = g_canonicalize_filename(path, NULL);
    return open_file(whole, errp);
}

void *module_symbol(void *module, const char *symbol, QomError **errp)
{
    void *address = dlsym(module, symbol);
    if (!address) {
        qom_error_set(errp, "Module has no symbol '%s'", symbol);
    }
    return address;
}
