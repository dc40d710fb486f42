/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/module.h"

#include "config.h"

#include <dlfcn.h>
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

/* Both folders are constants, and only a file inside the build folder uses the one there: whoever
 * can put a file there has control of what is built, too. */
static const char *module_folder(void)
{
    g_autofree char *file = own_file();
    g_autofree char *build = realpath(QOM_BUILDDIR, NULL);
    size_t len = build ? strlen(build) : 0;
    if (file && len && strncmp(file, build, len) == 0 && file[len] == '/') {
        return QOM_BUILDDIR "/modules";
    }
    return QOM_MODULEDIR;
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
    g_autofree char *path = g_strdup_printf("%s/qom-%s.so", module_folder(), name);
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        qom_error_set(errp, "Module 'qom-%s.so' is not installed in '%s'; it is in package %s",
                      name, module_folder(), package);
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
