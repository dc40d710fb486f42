/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/module.h"

#include "config.h"

#include <dlfcn.h>
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The folder of modules that belongs to the file that this code was loaded from. */
static char *module_folder(void)
{
    Dl_info info;
    g_autofree char *file = NULL;
    if (dladdr((const void *)(uintptr_t)&module_open, &info)) {
        file = g_file_read_link("/proc/self/exe", NULL);
        /* In a shared library dladdr names it; in a program it repeats argv[0], which may lie. */
        if (g_str_has_suffix(info.dli_fname, ".so") || strstr(info.dli_fname, ".so.")) {
            g_free(file);
            file = realpath(info.dli_fname, NULL);
        }
    }
    if (!file) {
        return NULL;
    }
    g_autofree char *folder = g_path_get_dirname(file);
    if (strcmp(folder, QOM_BINDIR) == 0 || strcmp(folder, QOM_LIBDIR) == 0) {
        return g_strdup(QOM_MODULEDIR);
    }
    return g_build_filename(folder, "..", "modules", NULL);
}

static void *open_file(const char *path, QomError **errp)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        qom_error_set(errp, "Could not load module '%s': %s", path, dlerror());
    }
    return module;
}

void *module_open(const char *name, const char *package, QomError **errp)
{
    g_autofree char *folder = module_folder();
    g_autofree char *file = g_strdup_printf("qom-%s.so", name);
    g_autofree char *path = folder ? g_build_filename(folder, file, NULL) : NULL;
    if (!path || !g_file_test(path, G_FILE_TEST_EXISTS)) {
        qom_error_set(errp, "Module '%s' is not installed; it is in package %s", file, package);
        return NULL;
    }
    return open_file(path, errp);
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
