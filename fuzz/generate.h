/* SPDX-License-Identifier: BSD-3-Clause */
/* Values that a schema allows, at random: what a mutator of bytes would hardly find. */
#ifndef FUZZ_GENERATE_H
#define FUZZ_GENERATE_H

#include "qom/qapi.h"

#include <glib.h>

/* A source of numbers that a seed decides. */
typedef struct Dice {
    uint64_t state;
} Dice;

Dice dice_new(unsigned seed);
/* From 0 to @n - 1; 0 if @n is 0. */
uint32_t dice_roll(Dice *dice, uint32_t n);

/* Appends a value of @type as JSON; one in 30 or so is of a wrong type. */
void generate_value(Dice *dice, const QapiType *type, GString *out);

/* Appends a QMP message with a command of @schema, most often one that changes something. */
void generate_command(Dice *dice, const QapiSchema *schema, GString *out);

#endif
