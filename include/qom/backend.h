/* SPDX-License-Identifier: BSD-3-Clause */
/* The object types of qomd: memory, threads, random numbers, secrets. */
#ifndef QOM_BACKEND_H
#define QOM_BACKEND_H

#include "qom/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Registers them all. Once, in the main thread, before objects are created; see also
 * qmp_add_core_schema(). Registering costs next to nothing: what a type needs is made when it is
 * first used. */
QOM_PUBLIC void qom_backend_register_types(void);

#ifdef __cplusplus
}
#endif
#endif
