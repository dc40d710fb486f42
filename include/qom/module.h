/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Modules of third parties: types and commands that a daemon loads at start (`qomd -module FILE`).
 *
 * A module is a shared object, compiled against these headers, that has one constant:
 *
 *     static bool my_init(QomError **errp)
 *     {
 *         qmp_add_schema(&my_schema);                     // commands and events, if any
 *         return qom_type_register_dynamic(&my_type, errp);
 *     }
 *     QOM_MODULE("my", my_init);
 *
 * It links with nothing of ours: what it uses of qom/... it finds in the program that loads it. Its
 * types can be created like any other; descriptors of their configuration are made with `qapic gen`
 * from a schema of its own. A module stays loaded to the end of the program.
 */
#ifndef QOM_MODULE_H
#define QOM_MODULE_H

#include "qom/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when a struct or function of qom/... changes so that modules must be compiled anew. */
#define QOM_MODULE_ABI 1

typedef struct QomModule {
    uint32_t abi; /* QOM_MODULE_ABI */
    const char *name;
    /* Called once, in the main thread, before options are checked. On failure, with *errp set, the
     * program ends. */
    bool (*init)(QomError **errp);
} QomModule;

#define QOM_MODULE(module_name, init_function)    \
    QOM_PUBLIC extern const QomModule qom_module; \
    const QomModule qom_module = {.abi = QOM_MODULE_ABI, .name = module_name, .init = init_function}

#ifdef __cplusplus
}
#endif
#endif
