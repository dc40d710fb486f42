/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Character devices as objects: /chardevs/ID, of type chardev-KIND, to look at only.
 */
#ifndef CHARDEV_OBJECT_H
#define CHARDEV_OBJECT_H

#include "qom/chardev.h"

/* Shows @chr in the tree. Fails if /chardevs has something else of its id. Main thread. */
bool chr_object_add(Chardev *chr, QomError **errp);

/* Takes it out of the tree; nothing if it is not there. Main thread. */
void chr_object_remove(Chardev *chr);

/* Its connection came or went. The backend's loop's thread. */
void chr_object_notify(Chardev *chr);

#endif
