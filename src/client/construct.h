/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments of object-add for an object that is there, for servers without qomd-dump-config. */
#ifndef CLIENT_CONSTRUCT_H
#define CLIENT_CONSTRUCT_H

#include "client/schema.h"
#include "client/snapshot.h"

/*
 * Writes the arguments as a JSON object: the properties that object-add takes for this type and
 * that can be read, but for those that have their defaults or are empty. False, with *missing (the
 * tape's or a constant), if something is not known without which there can be no such object.
 */
bool construct_object(const Schema *schema, const Object *object, JsonWriter *w,
                      const char **missing);

#endif
