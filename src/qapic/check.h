/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the front end: what the checks of meaning share. */
#ifndef QAPIC_CHECK_H
#define QAPIC_CHECK_H

#include "qapic/ast.h"

typedef struct Checker {
    Parse *parse;
    Schema *schema;
    Diag *diag;
    SchemaDef *def;            /* the definition that is looked at */
    unsigned suggestions_left; /* looking for similar names is slow */
} Checker;

/* Reports an error in the definition; the token at fault is at @token. */
void check_error(Checker *checker, SchemaPlace token, DiagCode code, const char *fmt, ...)
    QOM_PRINTF(4, 5);

/* Makes ref->def point to the type, if there is one and it was not taken away because of a cycle.
 * Reports unknown types. False: there is no type to look at. */
bool check_type(Checker *checker, SchemaTypeRef *ref);

/* A set of names, for check_clash(): names are equal if they are in C. */
GHashTable *check_names_new(void);

/* Enters @name at *@place (which must live as long as @seen), unless it is there: then reports it
 * as the second @what of that name. */
void check_clash(Checker *checker, GHashTable *seen, const char *name, const SchemaPlace *place,
                 const char *what);

/* A struct's, union's or alternate's meaning, once what it consists of is checked. */
void check_struct(Checker *checker);
void check_union(Checker *checker);
void check_alternate(Checker *checker);

/* A command's or event's arguments. */
void check_arguments(Checker *checker);

/* A command's return value. */
void check_returns(Checker *checker);

/* Features: those of the definition and its parts. */
void check_features(Checker *checker);

/* Connects the doc comment of the definition with what it describes, and reports what it lacks. */
void check_doc_complete(Checker *checker);

/* Reports descriptions of what the definition does not have. */
void check_doc_unknown(Checker *checker);

#endif
