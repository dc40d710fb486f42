/* SPDX-License-Identifier: BSD-3-Clause */
/* What types of objects say of their properties, asked once for each type. */
#ifndef CLIENT_MOUNT_CLASS_H
#define CLIENT_MOUNT_CLASS_H

#include "client/connection.h"

typedef struct MountClasses MountClasses;

typedef struct MountProperty {
    char *type; /* as qom-list tells it */
    bool readable, writable;
} MountProperty;

MountClasses *mount_classes_new(void);
/* NULL is fine. */
void mount_classes_free(MountClasses *classes);

/* The property @name of the type @type; NULL: the type does not tell of it, as it belongs to the
 * object alone, or the server knows nothing of types. Lives as long as @classes. */
const MountProperty *mount_classes_find(MountClasses *classes, Connection *c, const char *type,
                                        const char *name);

#endif
