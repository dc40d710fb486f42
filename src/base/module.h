/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Modules: shared objects that are loaded when something in them is first used, so that a program
 * does not map heavy libraries that it may never need.
 *
 * Our own modules are found by name in one place only: the module folder that was configured. A
 * program or library of the build folder finds those of the build folder: it is linked with a run
 * path that says where they are, which Meson takes out when it installs (see module_rpath in
 * meson.build). Never in the working directory, and no environment variable moves it.
 */
#ifndef BASE_MODULE_H
#define BASE_MODULE_H

#include "qom/error.h"

/* Loads our module @name ("cipher" for qom-cipher.so) once; later calls return the same handle. The
 * module stays loaded. If it is not installed the error names @package. Any thread. */
void *module_open(const char *name, const char *package, QomError **errp);

/* Loads all of our modules that are installed, for a process that is about to lose sight of their
 * folder: module_open() finds them from then on without it. Main thread. */
void module_load_all(void);

/* Loads somebody's module from the file @path. Any thread. */
void *module_open_file(const char *path, QomError **errp);

/* The address of @symbol in the module; an error if it is not there. */
void *module_symbol(void *module, const char *symbol, QomError **errp);

#endif
