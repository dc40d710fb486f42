/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A module for qomd that brings a type of object and a command of its own:
 *
 *     qomd -module dice.so -object dice,id=d,sides=20 ...
 *     {"execute": "dice-throw", "arguments": {"id": "d"}}
 *
 * Everything about its options and the command is said in dice.json.
 */
#include "dice-commands.h"
#include "dice-dice.h"
#include "dice-schema.h"
#include "qom/module.h"
#include "qom/object.h"
#include "qom/qmp.h"

#include <stdlib.h>
#include <sys/random.h>

typedef struct Dice {
    QomObject obj;
    DiceProperties config; /* filled in from object-add */
} Dice;

static bool dice_complete(QomObject *obj, QomError **errp)
{
    if (((Dice *)obj)->config.sides < 2) {
        return qom_error_set(errp, "Parameter 'sides' must be 2 or more");
    }
    return true;
}

static const QomUserCreatable creatable = {.complete = dice_complete};
static const QomInterfaceInfo interfaces[] = {{QOM_TYPE_USER_CREATABLE, &creatable}};

static const QomTypeInfo dice_info = {
    .name = "dice",
    .parent = QOM_TYPE_OBJECT,
    .instance_size = sizeof(Dice),
    .interfaces = interfaces,
    .n_interfaces = 1,
    .config = &qapi_type_DiceProperties,
    .config_offset = offsetof(Dice, config),
    .description = "dice to throw",
};

bool qmp_dice_throw(const char *id, DiceThrow *ret, QomError **errp)
{
    QomObject *obj = qom_object_child(qom_objects(), id);
    if (!qom_object_is_a(obj, "dice")) {
        return qom_error_set(errp, "Parameter 'id' expects dice, not '%s'", id);
    }
    const DiceProperties *config = &((Dice *)obj)->config;
    ret->eyes.items = calloc(config->dice, sizeof(*ret->eyes.items));
    for (; ret->eyes.items && ret->eyes.n < config->dice; ret->eyes.n++) {
        uint64_t bits = 0;
        if (getrandom(&bits, sizeof(bits), 0) < 0) {
            return qom_error_set(errp, "No random numbers");
        }
        ret->eyes.items[ret->eyes.n] = (int64_t)(bits % config->sides) + 1;
    }
    return true;
}

static bool dice_init(QomError **errp)
{
    qmp_add_schema(&dice_schema);
    return qom_type_register_dynamic(&dice_info, errp);
}

QOM_MODULE("dice", dice_init);
