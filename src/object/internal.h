/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the object room share. Everything here belongs to the main thread, but for the
 * fields of QomType that never change after the class was made.
 */
#ifndef OBJECT_INTERNAL_H
#define OBJECT_INTERNAL_H

#include "qom/json.h"
#include "qom/object.h"

#include <glib.h>

/* --- Types ----------------------------------------------------------------------------------- */

typedef struct TypeInterface {
    const QomType *type;
    const void *vtable;
} TypeInterface;

/* The class properties of a type, inherited ones first. */
typedef struct PropertyTable {
    GPtrArray *list;     /* of QomProperty *; inherited ones are the ancestor's */
    GHashTable *by_name; /* const char * -> QomProperty * */
    GPtrArray *links;    /* those of `list` that are links */
    GPtrArray *owned;    /* those of `list` that this type made */
    GPtrArray *strings;  /* type strings made for them */
    bool rule_defaults;  /* some rule has a default of its own */
} PropertyTable;

typedef enum TypeState { TYPE_UNRESOLVED, TYPE_RESOLVING, TYPE_RESOLVED } TypeState;

struct QomType {
    const QomTypeInfo *info;
    const char *package; /* of a type that was declared, else NULL */
    bool loaded;         /* its code is registered */
    TypeState state;
    /* From here on: known once resolved. */
    QomType *parent;
    size_t instance_size, class_size;
    const QapiType *config; /* own or inherited, or NULL */
    uint32_t config_offset;
    GArray *interfaces; /* of TypeInterface, inherited first */
    char *child_type;   /* "child<NAME>" */
    PropertyTable *table;
    QomClass *klass;
};

/* Prints "type 'NAME': text" and aborts: a programming error. */
G_NORETURN void type_fatal(const char *name, const char *fmt, ...) QOM_PRINTF(2, 3);

/* Looks @name or alias up. */
QomType *type_lookup(const char *name);
/* Calls @fn for every type. */
void type_foreach(void (*fn)(QomType *type, void *opaque), void *opaque);
/* The first alias of @name, or NULL. */
const char *type_alias_of(const char *name);
/* Finds parent, sizes, config and interfaces. */
bool type_resolve(QomType *type, QomError **errp);
/* The same for what must be right: ends the program if it is not. */
void type_must_resolve(QomType *type);
/* Whether @type is @base or descends from it. */
bool type_descends(const QomType *type, const QomType *base);
/* As qom_type_is_a() with a type that was looked up. */
bool type_is_a(const QomType *type, const QomType *wanted);
/* Registers object, interface, container and the other types of the room itself; once. */
void type_register_builtin(void);

/* Makes the table of class properties. Errors: names that are not unique, rules for members that
 * are not there. */
bool type_make_table(QomType *type, QomError **errp);
/* The class properties, complete: makes the class if the code is there. */
PropertyTable *type_table(QomType *type);
void property_table_free(PropertyTable *table);
/* The class of a type whose code is there. */
QomClass *type_class(QomType *type);

/* --- Objects --------------------------------------------------------------------------------- */

enum {
    OBJECT_COMPLETED = 1 << 0,
    OBJECT_CHANGING = 1 << 1, /* a blocking change is under way */
    OBJECT_DYING = 1 << 2,    /* finalization has begun */
};

/* What most objects do not have. */
typedef struct QomExtras {
    QomObject *first_child, *last_child;
    size_t n_children;
    GHashTable *children;    /* set of QomObject by name; NULL while they are few */
    GHashTable *array_hints; /* "name" -> lowest N for which name[N] may be free */
    GHashTable *reserved;  /* names of children to come (object-add under way) -> child, if known */
    GPtrArray *dynamic;    /* of QomProperty *, in order; few */
    GHashTable *backlinks; /* set of Backlink: links that lead here */
    GQueue aliases;        /* of QomAlias: aliases of properties of this object */
    GQueue uses;           /* of QomUse: who uses this object */
    GQueue uses_made;      /* of QomUse: what this object uses */
} QomExtras;

QomExtras *object_extras(QomObject *obj);

/* Stands for (target, name); `target` is cleared when it dies. */
typedef struct QomAlias {
    QomObject *target;
    char *name;
    GList node; /* in the target's extras */
} QomAlias;

/* Objects that wait to be finalized, linked by `next`; see object.c. */
typedef struct Graveyard {
    QomObject *top;
} Graveyard;

/* Drops a reference; an object that dies of it waits in @graves. */
void object_unref_into(QomObject *obj, Graveyard *graves);
/* Finalizes all that wait. */
void graves_drain(Graveyard *graves);

/* --- Names: names.c -------------------------------------------------------------------------- */

/* A hash of @name that a peer cannot foresee. */
uint32_t name_hash(const char *name);
/* A set of QomObject by name. */
GHashTable *name_set_new(void);
QomObject *name_set_find(GHashTable *set, const char *name);

/* --- The tree -------------------------------------------------------------------------------- */

typedef struct QomTree {
    QomObject *root, *objects, *chardevs;
    GHashTable *names;    /* one object of each name that a child has; its namesakes are chained */
    GHashTable *links;    /* name -> set of objects that have a set link or an alias of that name */
    GPtrArray *listeners; /* of QomListener *; NULL where one was removed while they are told */
    unsigned telling;     /* how many rounds through `listeners` are under way */
    size_t alive;         /* objects; atomic */
    size_t died;          /* objects since free memory went back to the system; atomic */
} QomTree;

/* The only one. */
QomTree *qom_tree(void);

bool object_is_connected(const QomObject *obj);
/* Takes @obj out of its parent without hooks; the parent's reference is the caller's then. */
void object_detach(QomObject *obj);
/* The hook and the listeners, then object_detach(). */
void object_leave(QomObject *obj);
/* Whether a property, child or reservation has the name. */
bool object_name_taken(const QomObject *obj, const char *name);
/* Sets the error for that; returns false. */
bool object_duplicate_error(const QomObject *obj, const char *name, QomError **errp);
/* The object after @obj in a walk from @top through all children, parents first; NULL at the end.
 */
QomObject *tree_walk_next(const QomObject *top, QomObject *obj);

/* The index of links: @obj has (or no longer has) something called @name that leads on. */
void tree_link_index_add(const char *name, QomObject *obj);
void tree_link_index_remove(const char *name, QomObject *obj);

void listeners_added(QomObject *obj);
void listeners_removed(QomObject *obj);

/* --- Links and aliases: link.c -----------------------------------------------------------------
 */

/* The target of a link property, or NULL. */
QomObject *link_target(QomObject *obj, const QomProperty *prop);
/* Stores the target (may be NULL): references, back links, index. */
void link_store(QomObject *obj, const QomProperty *prop, QomObject *target);
/* Finds what the text @path means for the link; NULL in *target for "". */
bool link_resolve(const QomProperty *prop, const char *path, QomObject **target, QomError **errp);
/* Writes the target's path, or "". */
void link_write(QomObject *obj, const QomProperty *prop, JsonWriter *writer);
/* Decodes a path and follows it. */
bool link_set(QomObject *obj, const QomProperty *prop, const JsonTape *tape, uint32_t node,
              QomError **errp);
/* The property behind an alias (of an alias ...) and whose it is; false if it is gone. */
bool alias_follow(QomObject **obj, QomPropertyView *view);
void alias_free(QomAlias *alias);
/* The target dies: weak links to it and aliases of it are cleared. */
void link_target_dies(QomObject *target);
/* Clears the link; a target that dies of it waits in @graves. */
void link_drop(QomObject *obj, const QomProperty *prop, Graveyard *graves);
/* Fills @users (of QomUser) from the back links of @obj. */
void link_append_users(const QomObject *obj, GArray *users);
/* @top has left its place: links to it and to what is below read differently now. */
void link_notify_users(QomObject *top);

/* --- Properties ------------------------------------------------------------------------------ */

QomProperty *object_dynamic_find(const QomObject *obj, const char *name);
/* Adds a copy of @def, which may be a link or an alias, to @obj. */
bool property_add(QomObject *obj, const QomProperty *def, QomError **errp);
/* Ends a dynamic property that is in no table any more; a link's target that dies of it waits in
 * @graves. */
void property_release(QomObject *obj, QomProperty *prop, Graveyard *graves);

/* A value decoded for one member of a config struct, and its presence. */
typedef struct ConfigValue {
    union {
        void *pointer;
        int64_t number;
        struct {
            size_t n;
            void *items;
        } list;
    } u;
    bool present;
    QomObject *target; /* of a link; holds a reference */
} ConfigValue;

/* The type string of a config member. */
const char *config_type_string(const QapiType *type);
bool config_get(QomObject *obj, const QomProperty *prop, JsonWriter *writer, QomError **errp);
/* Decodes and checks a value for @prop. */
bool config_value_decode(QomObject *obj, const QomProperty *prop, const JsonTape *tape,
                         uint32_t node, ConfigValue *value, QomError **errp);
/* Exchanges @value and what the object has. */
void config_value_swap(QomObject *obj, const QomProperty *prop, ConfigValue *value);
void config_value_clear(const QomProperty *prop, ConfigValue *value);
/* Defaults of the schema and of the rules, into a zeroed object. */
void config_init(QomObject *obj);
void config_clear(QomObject *obj);
/* Moves what @decoded (a struct of the type's config) has into the object, checks the values and
 * resolves the links. Empties @decoded. */
bool config_adopt(QomObject *obj, void *decoded, QomError **errp);
/* "Parameter 'P' is missing" for the first mandatory member that is not there. */
bool config_check_mandatory(QomObject *obj, QomError **errp);

/* --- Users, creation ------------------------------------------------------------------------- */

/* A user of @obj dies, or @obj itself does: its uses do not point to it any more. */
void users_object_dies(QomObject *obj);
/* Appends ": used by /a (x), /b (y)" to @text if anybody is known. */
void users_describe(const QomObject *obj, GString *text);

/* The enum given to qom_creatable_set_names(), or NULL. */
const QapiType *creatable_names(void);

#endif
