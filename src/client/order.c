/* SPDX-License-Identifier: BSD-3-Clause */
/* The order in which properties and objects are shown. QEMU tells them in the order of a hash
 * table; a person looks for names, and a program that compares two outputs wants them equal. */
#include "client/snapshot.h"

#include <string.h>

int compare_names(const char *a, const char *b)
{
    while (*a && *b) {
        if (g_ascii_isdigit(*a) && g_ascii_isdigit(*b)) {
            size_t a_len = strspn(a, "0123456789");
            size_t b_len = strspn(b, "0123456789");
            int order = a_len != b_len ? (a_len < b_len ? -1 : 1) : strncmp(a, b, a_len);
            if (order != 0) {
                return order;
            }
            a += a_len;
            b += b_len;
        } else if (*a != *b) {
            break;
        } else {
            a++;
            b++;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

/* `type` first, then what the object has, then its children. */
static int rank(const Property *p)
{
    if (!strcmp(p->name, "type")) {
        return 0;
    }
    return property_is_child(p->type) ? 2 : 1;
}

static gint compare_properties(gconstpointer a, gconstpointer b)
{
    const Property *p = a;
    const Property *q = b;
    int order = rank(p) - rank(q);
    return order ? order : compare_names(p->name, q->name);
}

static gint compare_objects(gconstpointer a, gconstpointer b)
{
    return compare_names((*(Object *const *)a)->path, (*(Object *const *)b)->path);
}

void object_sort(Object *o)
{
    g_array_sort(o->properties, compare_properties);
    g_ptr_array_sort(o->children, compare_objects);
    for (guint i = 0; i < o->children->len; i++) {
        object_sort(o->children->pdata[i]);
    }
}
