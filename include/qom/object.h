/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The object model: types, objects, their properties, the tree they hang in, and the life of those
 * that a user creates.
 *
 * An object type is a constant QomTypeInfo. What a user may configure is not said in C: the type
 * names the descriptor of its `...Properties` struct (`config`) and where the decoded struct lives
 * in the instance (`config_offset`); every member becomes a property. C adds the rules that a
 * schema cannot express (QomPropertyRule: may it change later, is it a link, what follows from a
 * change), properties that are measured rather than configured (QomProperty with get and set), and
 * the life cycle:
 *
 *     instance_init -> config decoded, checked -> complete -> in use -> can_be_deleted -> finalize
 *
 * Finalize must cope with an object that never completed.
 *
 * Threads: types, the tree and all properties belong to the main thread. Any thread may count
 * references and read an object's class and type name. The last reference to an object must be
 * dropped in the main thread.
 *
 * Source: the sheet on the core, sections 1 to 5, 12 and 13.
 */
#ifndef QOM_OBJECT_H
#define QOM_OBJECT_H

#include "qom/error.h"
#include "qom/qapi.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct QomObject QomObject;
typedef struct QomClass QomClass;
typedef struct QomType QomType; /* a registered or declared type; lives as long as the program */
typedef struct QomProperty QomProperty;

/* The header of every instance; a type's instance struct starts with its parent's. Fields are
 * private to the object room: the functions below are the interface. */
struct QomObject {
    QomClass *klass;
    QomObject *parent;
    char *name; /* in the parent, or reserved for it; owned */
    QomObject *prev, *next;
    QomObject *namesake_prev, *namesake_next; /* other objects whose name is the same */
    struct QomExtras *extras; /* children, dynamic properties, users; NULL if none */
    int refcount;
    uint32_t flags;
    uint32_t name_hash;
};

/* The header of every class struct, which starts as a byte copy of the parent's. class_init sets
 * what differs. */
struct QomClass {
    const QomType *type;
    /* Called while the object is still in the tree, before it leaves it; may be NULL. */
    void (*unparent)(QomObject *obj);
    /* Answer to setting a property after completion that is not LIVE. The first "%s" stands for the
     * property, the second for the type; NULL: "Property '%s' can no longer be set". */
    const char *not_live_text;
};

/* --- Properties ------------------------------------------------------------------------------ */

typedef enum QomPropertyFlags {
    QOM_PROPERTY_LIVE = 1 << 0,      /* settable after completion */
    QOM_PROPERTY_READONLY = 1 << 1,  /* "is not writable", also when given at creation */
    QOM_PROPERTY_WRITEONLY = 1 << 2, /* "is not readable" */
    QOM_PROPERTY_SENSITIVE = 1 << 3, /* reads back as "", never shown or logged */
    QOM_PROPERTY_BLOCKS = 1 << 4,    /* apply may block: see qom_property_change_begin() */
    QOM_PROPERTY_WEAK = 1 << 5,      /* link: holds no reference, is cleared when the target dies */
} QomPropertyFlags;

/* Writes the value, exactly one JSON value. On failure the engine takes back what was written. */
typedef bool QomPropertyGet(QomObject *obj, const QomProperty *prop, JsonWriter *writer,
                            QomError **errp);
/* Takes the value at @node. Must decode fully and validate before it changes anything. */
typedef bool QomPropertySet(QomObject *obj, const QomProperty *prop, const JsonTape *tape,
                            uint32_t node, QomError **errp);

/* Validates a new value, at creation (if given or mandatory) and later, before anything else
 * happens. @new_value points to the value as the member's C type (for struct, union and alternate
 * to the struct itself; for a link to a QomObject *, which may be NULL). At creation other members
 * may not have been checked: rules about several belong into complete. */
typedef bool QomPropertyCheck(QomObject *obj, const void *new_value, QomError **errp);

/*
 * What C knows about a member of the config struct. Names a member of the type's own config struct,
 * or of an ancestor's, whose rule it then replaces for this type and those derived from it.
 */
typedef struct QomPropertyRule {
    const char *name;
    uint32_t flags; /* QomPropertyFlags */
    const char
        *type; /* shown as the property's type instead of the one that follows from the kind */
    /* A `str` member that names an object: the type that the object must have. The value is a path
     * or partial path, "" for none; it is resolved when it is set. The target is kept at
     * @link_offset (of a QomObject *) in the instance, which only the engine may write. */
    const char *link;
    uint32_t link_offset;
    /* The default where it is not the schema's; JSON. Shown, and stored at creation. */
    const char *default_json;
    /* Reads the property instead of the config struct; NULL: as usual. */
    QomPropertyGet *get;
    QomPropertyCheck *check; /* or NULL */
    /* After a change of a completed object's member has been stored. On failure the old value is
     * put back, and nothing may have changed. In a worker thread if BLOCKS is set. */
    bool (*apply)(QomObject *obj, QomError **errp);
} QomPropertyRule;

/*
 * A property as the engine and introspection see it. C code fills in the first part for run-time
 * properties; the engine makes them for members of the config struct, links and aliases.
 */
struct QomProperty {
    const char *name;
    const char *type;         /* as shown, such as "int" or "link<iothread>" */
    const char *description;  /* or NULL */
    const char *default_json; /* or NULL */
    uint32_t flags;           /* QomPropertyFlags; C properties are always live */
    QomPropertyGet *get;      /* NULL: not readable */
    QomPropertySet *set;      /* NULL: not writable */
    void *opaque;             /* for get, set and release */
    /* Dynamic properties: called when the property goes away; may be NULL. */
    void (*release)(QomObject *obj, const QomProperty *prop);

    /* Set by the engine. */
    const QapiMember *member;    /* of the config struct, or NULL */
    const QomPropertyRule *rule; /* for that member, or NULL */
    const QomType *owner;        /* the type that introduced a class property */
    const char *link_type;       /* links: wanted type, else NULL */
    QomPropertyCheck *link_check;
    uint32_t link_offset;  /* class links: of the QomObject * in the instance */
    QomObject **link_slot; /* dynamic links */
    struct QomAlias *alias;
};

QOM_PUBLIC bool qom_property_is_readable(const QomProperty *prop);
QOM_PUBLIC bool qom_property_is_writable(const QomProperty *prop);
/* Whether it may be set after completion. */
QOM_PUBLIC bool qom_property_is_live(const QomProperty *prop);
/* Whether an object cannot be created without giving it. */
QOM_PUBLIC bool qom_property_is_mandatory(const QomProperty *prop);

/* --- Types ----------------------------------------------------------------------------------- */

#define QOM_TYPE_OBJECT         "object"
#define QOM_TYPE_INTERFACE      "interface"
#define QOM_TYPE_CONTAINER      "container"
#define QOM_TYPE_USER_CREATABLE "user-creatable"

/* An interface that a type implements. @vtable is a constant struct of functions as the interface
 * defines it; it starts with that of the interface's parent. A type derived from one that names the
 * same interface overrides it. */
typedef struct QomInterfaceInfo {
    const char *name;
    const void *vtable;
} QomInterfaceInfo;

typedef struct QomTypeInfo {
    const char *name;
    const char *parent;
    size_t instance_size; /* bytes; 0: the parent's */
    size_t class_size;    /* bytes; 0: the parent's */
    bool abstract;
    const QomInterfaceInfo *interfaces;
    uint32_t n_interfaces;

    void (*class_init)(QomClass *klass);
    void (*instance_init)(QomObject *obj);      /* root to leaf; memory is zero, defaults are set */
    void (*instance_post_init)(QomObject *obj); /* leaf to root */
    void (*instance_finalize)(QomObject *obj);  /* leaf to root; config still there */

    /* The struct of the type's configuration; NULL: the parent's. Must be the parent's or have it
     * as a base, and lie at the same offset; so a type whose descendants have more configuration
     * has its own at the very end of the instance. */
    const QapiType *config;
    uint32_t config_offset; /* bytes, in the instance */
    const QomPropertyRule *rules;
    uint32_t n_rules;
    const QomProperty *properties; /* properties that are not configuration */
    uint32_t n_properties;

    const char *description; /* or NULL */
} QomTypeInfo;

/*
 * Registers a type. @info must stay. Parents and interfaces may be registered later, but before the
 * first use. Mistakes (illegal name, double registration) end the program, naming the type.
 */
QOM_PUBLIC void qom_type_register(const QomTypeInfo *info);

/* The same for code that is not ours: parent, interfaces and config are checked at once, mistakes
 * are errors and leave nothing registered. */
QOM_PUBLIC bool qom_type_register_dynamic(const QomTypeInfo *info, QomError **errp);

/* Lets @alias be used wherever the name of a type is taken, for @name. Both must stay. */
QOM_PUBLIC void qom_type_register_alias(const char *alias, const char *name);

/*
 * Makes a type known whose code is in a module: all that introspection shows. In @info only name,
 * parent, abstract, interfaces (names), config, rules, properties (without functions; `flags` say
 * READONLY or WRITEONLY) and description count. @package is what a person has to install. The
 * module registers the same name, with the same config, later. @info must stay.
 */
QOM_PUBLIC void qom_type_declare(const QomTypeInfo *info, const char *package);

/* Loads the code of the declared type @name. Fails with a reason, or without setting @errp when no
 * module is installed (the error then names the package). */
typedef bool QomTypeLoader(const char *name, const char *package, void *opaque, QomError **errp);
QOM_PUBLIC void qom_type_set_loader(QomTypeLoader *loader, void *opaque);

/* Ends the program, naming the type, if any registered type has no parent or a wrong config. Once
 * at start, after all types are registered. */
QOM_PUBLIC void qom_type_check_all(void);

/* The type called @name or having that alias, or NULL. Loads nothing. */
QOM_PUBLIC const QomType *qom_type_find(const char *name);
QOM_PUBLIC const char *qom_type_name(const QomType *type);
/* NULL for roots. */
QOM_PUBLIC const QomType *qom_type_parent(const QomType *type);
QOM_PUBLIC const char *qom_type_description(const QomType *type);
QOM_PUBLIC bool qom_type_is_abstract(const QomType *type);
QOM_PUBLIC bool qom_type_is_interface(const QomType *type);
/* Whether @type is @name, descends from it, or implements exactly one interface that does. */
QOM_PUBLIC bool qom_type_is_a(const QomType *type, const char *name);
/* Concrete and implementing `user-creatable`. */
QOM_PUBLIC bool qom_type_is_creatable(const QomType *type);
/* The config struct, the nearest ancestor's if it has none of its own, or NULL. */
QOM_PUBLIC const QapiType *qom_type_config(const QomType *type);
/* Loads the type's module if it is only declared. */
QOM_PUBLIC bool qom_type_load(const QomType *type, QomError **errp);
/* The class, made on first use; NULL (with error) if the type's code cannot be loaded. */
QOM_PUBLIC QomClass *qom_type_class(const QomType *type, QomError **errp);

/* Adds a run-time property to all instances; only from class_init. @def is copied, its strings must
 * stay. A duplicate name ends the program. */
QOM_PUBLIC void qom_class_property_add(QomClass *klass, const QomProperty *def);
/* Adds a link kept at @offset in the instance. @check as in QomPropertyRule; NULL: read-only.
 * @flags: WEAK. */
QOM_PUBLIC void qom_class_property_add_link(QomClass *klass, const char *name, const char *type,
                                            uint32_t offset, QomPropertyCheck *check,
                                            uint32_t flags, const char *description);

/* --- Introspection: from types, never from instances -------------------------------------------
 */

/* Types that are @implements (NULL: any), with the abstract ones and interfaces only if
 * @with_abstract; sorted by name. Free the array (not its elements) with g_free(). */
QOM_PUBLIC const QomType **qom_type_list(const char *implements, bool with_abstract, size_t *n);

/* The class properties of @type, `type` first, then in the order of declaration, ancestors' first.
 * The array belongs to the type and is valid until a module is loaded. */
QOM_PUBLIC const QomProperty *const *qom_type_properties(const QomType *type, size_t *n);
QOM_PUBLIC const QomProperty *qom_type_find_property(const QomType *type, const char *name);

/* The interfaces of @type, inherited ones included, in order. Free the array with g_free(). */
QOM_PUBLIC const QomType **qom_type_interfaces(const QomType *type, size_t *n);

/* The type whose properties qom-list-properties shows. Errors: DeviceNotFound if there is none, and
 * that interfaces have no properties. */
QOM_PUBLIC const QomType *qom_type_find_for_properties(const char *name, QomError **errp);

/* The schema's features of the type's name in ObjectType, see qom_creatable_set_names(). */
QOM_PUBLIC uint64_t qom_type_features(const QomType *type);

/* --- Objects -----------------------------------------------------------------------------------
 */

/* A new object of a concrete, loaded type; the caller owns one reference. Anything else ends the
 * program: check what users say before. */
QOM_PUBLIC QomObject *qom_object_new(const char *type);

/* Any thread. Returns @obj. */
QOM_PUBLIC void *qom_object_ref(void *obj);
/* Drops a reference; the last one finalizes (main thread). NULL is fine. */
QOM_PUBLIC void qom_object_unref(void *obj);

static inline void qom_object_unrefp(void *slot)
{
    qom_object_unref(*(QomObject **)slot);
}

/* `QOM_AUTO_UNREF QomObject *obj = ...;` drops the reference at the end of the scope. */
#define QOM_AUTO_UNREF __attribute__((cleanup(qom_object_unrefp), unused))

QOM_PUBLIC const QomType *qom_object_type(const QomObject *obj);
QOM_PUBLIC const char *qom_object_type_name(const QomObject *obj);
/* The name in the parent (from the beginning of object-add on, so that complete may use it), or
 * NULL. */
QOM_PUBLIC const char *qom_object_name(const QomObject *obj);
QOM_PUBLIC QomObject *qom_object_parent(const QomObject *obj);
/* Whether complete has succeeded. */
QOM_PUBLIC bool qom_object_is_completed(const QomObject *obj);
/* Whether @obj (may be NULL) is of type @type: as qom_type_is_a(). */
QOM_PUBLIC bool qom_object_is_a(const QomObject *obj, const char *type);
/* @obj if it is of type @type, else ends the program: for what can only be a programming error. */
QOM_PUBLIC void *qom_object_cast(QomObject *obj, const char *type);
/* The vtable with which the object's class implements interface @name, or NULL. */
QOM_PUBLIC const void *qom_object_interface(const QomObject *obj, const char *name);
/* The config struct inside the object, or NULL if the type has none. */
QOM_PUBLIC void *qom_object_config(QomObject *obj);

/* --- The tree ----------------------------------------------------------------------------------
 */

/* The root; made on first use with `objects`, `chardevs`, `backend` and `machine`. */
QOM_PUBLIC QomObject *qom_root(void);
/* The containers /objects and /chardevs. */
QOM_PUBLIC QomObject *qom_objects(void);
QOM_PUBLIC QomObject *qom_chardevs(void);

/* Removes everything from /objects, the youngest first, users before what they use. Deletion is not
 * refused. */
QOM_PUBLIC void qom_objects_clear(void);
/* Removes the whole tree and the root, which the next qom_root() makes anew. Program end;
 * object-adds under way must have been finished or aborted. */
QOM_PUBLIC void qom_tree_destroy(void);

/*
 * Puts @obj (without parent) into @parent under @name, which is unique over the parent's properties
 * and children; a name that ends in `[*]` takes the first free number. The parent takes a reference
 * of its own. Error: "attempt to add duplicate property 'NAME' to object (type 'TYPE')".
 */
QOM_PUBLIC bool qom_object_add_child(QomObject *parent, const char *name, QomObject *obj,
                                     QomError **errp);
/* Takes @obj out of the tree and drops the parent's reference; nothing if it has no parent. */
QOM_PUBLIC void qom_object_unparent(QomObject *obj);

/* The child called @name, or NULL. Properties of other kinds do not count. */
QOM_PUBLIC QomObject *qom_object_child(const QomObject *obj, const char *name);
QOM_PUBLIC size_t qom_object_child_count(const QomObject *obj);
/* Children in order of addition; the tree must not change between the calls. NULL at the end. */
QOM_PUBLIC QomObject *qom_object_first_child(const QomObject *obj);
QOM_PUBLIC QomObject *qom_object_next_sibling(const QomObject *obj);

/* "/objects/id", or NULL if @obj is not connected to the root. g_free() it. */
QOM_PUBLIC char *qom_object_path(const QomObject *obj);

/*
 * The object that @path leads to, if it is of type @type (NULL: any), or NULL. Absolute paths cost
 * their depth, partial ones the number of their matches. *@ambiguous (may be NULL) says whether a
 * partial path had more than one.
 */
QOM_PUBLIC QomObject *qom_resolve_path(const char *path, const char *type, bool *ambiguous);
/* The same with the errors of qom-list (tell = true: "Path '%s' is ambiguous") or of qom-get and
 * qom-set (DeviceNotFound for ambiguous ones too). */
QOM_PUBLIC QomObject *qom_resolve_path_or_error(const char *path, bool tell_ambiguous,
                                                QomError **errp);
/* Follows one path component from @obj: a child, a link, an alias of one; or NULL. */
QOM_PUBLIC QomObject *qom_object_resolve_component(QomObject *obj, const char *name);

/* --- Properties of objects ---------------------------------------------------------------------
 */

/* Adds a run-time property to one object; @def is copied with its strings. Names as for children.
 */
QOM_PUBLIC bool qom_object_property_add(QomObject *obj, const QomProperty *def, QomError **errp);
/* Adds a link whose target is kept at @slot, which must live as long as the object (NULL: the
 * property keeps it); what the slot holds already becomes the target, with a new reference. @check
 * as in QomPropertyRule; NULL: read-only. @flags: WEAK. */
QOM_PUBLIC bool qom_object_property_add_link(QomObject *obj, const char *name, const char *type,
                                             QomObject **slot, QomPropertyCheck *check,
                                             uint32_t flags, QomError **errp);
/* Adds @name that stands for @target's property @target_name, as long as @target lives. */
QOM_PUBLIC bool qom_object_property_add_alias(QomObject *obj, const char *name, QomObject *target,
                                              const char *target_name, QomError **errp);
/* Removes a dynamic property; false if there is none of the name. */
QOM_PUBLIC bool qom_object_property_remove(QomObject *obj, const char *name);
/* Stores a link's target from C: no check, no error. @name must be a link of @obj. */
QOM_PUBLIC void qom_object_set_link(QomObject *obj, const char *name, QomObject *target);

/* What an object shows: a property, or a child. */
typedef struct QomPropertyView {
    const char *name;
    const char *type;
    const QomProperty *prop; /* NULL for a child */
    QomObject *child;        /* NULL for the others */
} QomPropertyView;

/* Finds a property or child of @obj; GenericError "Property 'TYPE.NAME' not found". */
QOM_PUBLIC bool qom_object_find_property(QomObject *obj, const char *name, QomPropertyView *view,
                                         QomError **errp);
/* Calls @fn for all: `type`, the class's, dynamic ones, children. Stops when it returns false. @fn
 * must not change the object. */
QOM_PUBLIC void qom_object_foreach_property(QomObject *obj,
                                            bool (*fn)(const QomPropertyView *view, void *opaque),
                                            void *opaque);

/* Appends the value of @name; on failure @writer is as before. */
QOM_PUBLIC bool qom_property_get(QomObject *obj, const char *name, JsonWriter *writer,
                                 QomError **errp);
/* Sets @name from the value at @node: decode, check, swap, apply; a failure leaves the old value.
 * Blocks where apply does. */
QOM_PUBLIC bool qom_property_set(QomObject *obj, const char *name, const JsonTape *tape,
                                 uint32_t node, QomError **errp);

/*
 * The same in three steps, for properties whose apply may block. begin (main thread) decodes,
 * checks and stores; apply runs in any thread if qom_property_change_blocks(); end (main thread)
 * tells the listeners, or puts the old value back if apply failed, and frees @change. In between
 * @obj is referenced, in use, and no other change to it can begin.
 */
typedef struct QomPropertyChange QomPropertyChange;
QOM_PUBLIC QomPropertyChange *qom_property_change_begin(QomObject *obj, const char *name,
                                                        const JsonTape *tape, uint32_t node,
                                                        QomError **errp);
QOM_PUBLIC bool qom_property_change_blocks(const QomPropertyChange *change);
QOM_PUBLIC bool qom_property_change_apply(QomPropertyChange *change, QomError **errp);
QOM_PUBLIC void qom_property_change_end(QomPropertyChange *change);

/* For C callers. The JSON text is g_free()d by the caller; the typed ones fail with "Invalid
 * parameter type" if the value is of another kind. */
QOM_PUBLIC char *qom_property_get_json(QomObject *obj, const char *name, QomError **errp);
QOM_PUBLIC bool qom_property_set_json(QomObject *obj, const char *name, const char *json,
                                      QomError **errp);
QOM_PUBLIC char *qom_property_get_str(QomObject *obj, const char *name, QomError **errp);
QOM_PUBLIC bool qom_property_get_bool(QomObject *obj, const char *name, bool *value,
                                      QomError **errp);
QOM_PUBLIC bool qom_property_get_int(QomObject *obj, const char *name, int64_t *value,
                                     QomError **errp);
QOM_PUBLIC bool qom_property_get_uint(QomObject *obj, const char *name, uint64_t *value,
                                      QomError **errp);
QOM_PUBLIC bool qom_property_set_str(QomObject *obj, const char *name, const char *value,
                                     QomError **errp);
QOM_PUBLIC bool qom_property_set_bool(QomObject *obj, const char *name, bool value,
                                      QomError **errp);
QOM_PUBLIC bool qom_property_set_int(QomObject *obj, const char *name, int64_t value,
                                     QomError **errp);
QOM_PUBLIC bool qom_property_set_uint(QomObject *obj, const char *name, uint64_t value,
                                      QomError **errp);

/* --- Users: who needs an object ----------------------------------------------------------------
 */

/* A use: holds a reference, and object-del is refused as long as it lasts. */
typedef struct QomUse QomUse;

/* @user (may be NULL) uses @obj through its property @property (may be NULL) as @role, such as
 * "netdev" or "export". */
QOM_PUBLIC QomUse *qom_object_use(QomObject *obj, QomObject *user, const char *property,
                                  const char *role);
/* The same for a user that is no object: @path names it, such as "export e0". */
QOM_PUBLIC QomUse *qom_object_use_by(QomObject *obj, const char *path, const char *property,
                                     const char *role);
/* Ends a use and frees it; NULL is fine. */
QOM_PUBLIC void qom_object_unuse(QomUse *use);
QOM_PUBLIC bool qom_object_in_use(const QomObject *obj);

typedef struct QomUser {
    char *path;           /* "" if the user has none any more */
    const char *property; /* or NULL */
    const char *role;     /* "link" for links */
    bool blocks;          /* whether it keeps the object from being deleted; links do not */
} QomUser;

/* All users of @obj, links to it included. Free with qom_users_free(). */
QOM_PUBLIC QomUser *qom_object_users(const QomObject *obj, size_t *n);
QOM_PUBLIC void qom_users_free(QomUser *users, size_t n);

/* --- Objects that users create -----------------------------------------------------------------
 */

/* The vtable of interface `user-creatable`; all functions may be NULL. */
typedef struct QomUserCreatable {
    /* All properties are set: do the real work. In a worker thread if complete_blocks says so, and
     * then without touching the tree. */
    bool (*complete)(QomObject *obj, QomError **errp);
    /* Whether complete might block, as configured. NULL: never. */
    bool (*complete_blocks)(QomObject *obj);
    /* The object has completed and is in the tree: add children, start serving. Main thread. */
    void (*published)(QomObject *obj);
    /* Whether the object may be deleted. May leave *errp alone: the usual text is used then. */
    bool (*can_be_deleted)(QomObject *obj, QomError **errp);
    /* The program ends: what works for the object in other threads, complete among it, should come
     * to an end soon, with success or failure. Main thread; must not wait for it. */
    void (*cancel)(QomObject *obj);
} QomUserCreatable;

/* Tells the schema's enum of type names (ObjectType), for policy and for the error about names that
 * the schema has but this build has not. Once at start. */
QOM_PUBLIC void qom_creatable_set_names(const QapiType *object_type);

/* An object on its way into /objects. */
typedef struct QomCreation QomCreation;

/*
 * object-add in steps. begin (main thread) checks the object at @node (`qom-type`, `id` and the
 * type's config), makes the instance, decodes the config into it, checks values, resolves links and
 * reserves the id: a second begin with it fails, look-ups do not see it, and object-del does not
 * find it. @policy may be NULL. Nothing remains on failure.
 */
QOM_PUBLIC QomCreation *qom_object_add_begin(const JsonTape *tape, uint32_t node,
                                             const QapiPolicy *policy, QomError **errp);
/* Only the checks of begin that need no instance: what the schema says, the form of the id, whether
 * the type can be had. Loads the type's code. */
QOM_PUBLIC bool qom_object_add_check(const JsonTape *tape, uint32_t node, const QapiPolicy *policy,
                                     QomError **errp);
/* The object; borrowed. */
QOM_PUBLIC QomObject *qom_creation_object(const QomCreation *creation);
/* Whether complete should run in a worker. */
QOM_PUBLIC bool qom_object_add_blocks(const QomCreation *creation);
/* Runs complete; any thread. After a failure only abort is allowed. */
QOM_PUBLIC bool qom_object_add_complete(QomCreation *creation, QomError **errp);
/* Makes a completed object visible and frees @creation. Main thread. The object is borrowed from
 * the tree. */
QOM_PUBLIC QomObject *qom_object_add_finish(QomCreation *creation);
/* Gives up at any point before finish: finalizes the object, frees @creation and the id. */
QOM_PUBLIC void qom_object_add_abort(QomCreation *creation);

/* Keeps @id free: until qom_objects_unreserve() nobody can add an object to /objects under it.
 * false: it is taken, or reserved already. Main thread. */
QOM_PUBLIC bool qom_objects_reserve(const char *id);
/* Undoes a qom_objects_reserve() that returned true. */
QOM_PUBLIC void qom_objects_unreserve(const char *id);

/* The program ends: calls cancel of all that is in /objects or on its way there. Main thread. */
QOM_PUBLIC void qom_objects_cancel(void);

/* All of it at once; returns the object (borrowed from the tree) or NULL. */
QOM_PUBLIC QomObject *qom_object_add(const JsonTape *tape, uint32_t node, const QapiPolicy *policy,
                                     QomError **errp);
/* The same from JSON text, for C callers. */
QOM_PUBLIC QomObject *qom_object_add_json(const char *json, const QapiPolicy *policy,
                                          QomError **errp);
/* Completes an object made with qom_object_new() that is not for /objects (its type need not be
 * creatable): checks its config, runs complete. Not twice. */
QOM_PUBLIC bool qom_object_complete(QomObject *obj, QomError **errp);
/* object-del. Errors: "object 'ID' not found", "object 'ID' is in use, can not be deleted". */
QOM_PUBLIC bool qom_object_del(const char *id, QomError **errp);
/* Whether @id is letters, digits, '-', '.', '_', starting with a letter. */
QOM_PUBLIC bool qom_id_wellformed(const char *id);

/* --- Changes -----------------------------------------------------------------------------------
 */

/* Somebody who wants to know of changes. All functions may be NULL; they run in the main thread and
 * must not change the tree, but may add and remove listeners. */
typedef struct QomListener QomListener;
struct QomListener {
    /* @obj, with all that is below it, has become connected to the root. */
    void (*added)(QomListener *self, QomObject *obj);
    /* @obj, with all that is below it, is about to leave its place; its path is still valid. */
    void (*removed)(QomListener *self, QomObject *obj);
    void (*changed)(QomListener *self, QomObject *obj, const char *property);
};
QOM_PUBLIC void qom_listener_add(QomListener *listener);
QOM_PUBLIC void qom_listener_remove(QomListener *listener);
/* Tells the listeners that a run-time property has another value now. */
QOM_PUBLIC void qom_object_notify(QomObject *obj, const char *property);

#ifdef __cplusplus
}
#endif
#endif
