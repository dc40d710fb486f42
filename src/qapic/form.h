/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the front end: the checks of form that several kinds of definitions share. */
#ifndef QAPIC_FORM_H
#define QAPIC_FORM_H

#include "qapic/ast.h"

/* The definition that is looked at. */
typedef struct Form {
    Parse *parse;
    SchemaDef *def;
} Form;

/* The keys that an object must and may have; both end in NULL. */
typedef struct FormKeys {
    const char *required[4];
    const char *optional[10];
} FormKeys;

/* Which names are allowed, see names.h. */
typedef enum NameRule {
    NAME_CAMEL,
    NAME_UPPER,
    NAME_LOWER,            /* no upper case, no `_` */
    NAME_LOWER_UNDERSCORE, /* no upper case */
    NAME_MIXED,            /* both are fine */
} NameRule;

/* Reports an error in the definition; the token at fault is at @token. */
void form_error(Form *form, SchemaPlace token, DiagCode code, const char *fmt, ...)
    QOM_PRINTF(4, 5);

/* Checks the keys of @object, which is called @what in messages. False: one is missing. */
bool form_keys(Form *form, const Value *object, const char *what, const FormKeys *keys);

/* Checks @name, that of @what ("member" ...). With @digit_first it may begin with a digit. */
bool form_name(Form *form, const char *name, SchemaPlace place, const char *what, NameRule rule,
               bool digit_first);

/* @value as a name; NULL if it is no string, which is reported. */
const char *form_name_string(Form *form, const Value *value, const char *what);

/* The condition under the key `if` of @object, if there is one. */
const SchemaCond *form_cond(Form *form, const Value *object);

/* The features under the key `features` of @object, if there are any. */
SchemaFeatures form_features(Form *form, const Value *object);

/* A type: 'T', with @array also ['T']. */
SchemaTypeRef form_type(Form *form, const Value *value, bool array, const char *expected);

/* Members: fills members and n_members of the definition. */
void form_members(Form *form, const Value *object, NameRule rule);

/* Branches of a union or alternatives: fills branches and n_branches of the definition. */
void form_branches(Form *form, const Value *object, bool alternate);

#endif
