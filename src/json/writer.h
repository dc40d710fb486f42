/* SPDX-License-Identifier: BSD-3-Clause */
/* The JsonWriter is public: all of it is in qom/json.h. */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include "qom/json.h"

#endif
