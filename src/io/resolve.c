/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a SocketAddress to the kernel's addresses, by name servers where they are named.
 */
#include "io/socket.h"

#include <errno.h>
#include <glib.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

void io_sockaddrs_clear(IoSockaddrs *list)
{
    g_free(list->items);
    *list = (IoSockaddrs){0};
}

static void append(IoSockaddrs *list, const void *sa, socklen_t len)
{
    list->items = g_renew(IoSockaddr, list->items, list->n + 1);
    IoSockaddr *item = &list->items[list->n++];
    memset(item, 0, sizeof(*item));
    memcpy(&item->u, sa, len);
    item->len = len;
}

static int inet_family(const InetSocketAddress *inet)
{
    bool only_4 = (inet->has_ipv4 && inet->ipv4) || (inet->has_ipv6 && !inet->ipv6);
    bool only_6 = (inet->has_ipv6 && inet->ipv6) || (inet->has_ipv4 && !inet->ipv4);
    if (only_4 == only_6) {
        return AF_UNSPEC;
    }
    return only_4 ? AF_INET : AF_INET6;
}

static bool resolve_inet(const InetSocketAddress *inet, bool passive, IoSockaddrs *list,
                         QomError **errp)
{
    bool numeric = inet->has_numeric && inet->numeric;
    struct addrinfo hints = {
        .ai_family = inet_family(inet),
        .ai_socktype = SOCK_STREAM,
        .ai_protocol = IPPROTO_TCP,
        .ai_flags = (passive ? AI_PASSIVE : 0) | (numeric ? AI_NUMERICHOST | AI_NUMERICSERV : 0),
    };
    struct addrinfo *found = NULL;
    /* syscalls: socket connect bind getsockname sendto sendmmsg recvfrom recvmsg poll ioctl
     * openat newfstatat uname -- the C library asks name servers */
    int rc = getaddrinfo(*inet->host ? inet->host : NULL, inet->port, &hints, &found);
    if (rc) {
        return qom_error_set(errp, "address resolution failed for %s:%s: %s", inet->host,
                             inet->port, rc == EAI_SYSTEM ? g_strerror(errno) : gai_strerror(rc));
    }
    for (struct addrinfo *ai = found; ai; ai = ai->ai_next) {
        append(list, ai->ai_addr, ai->ai_addrlen);
    }
    freeaddrinfo(found);
    return true;
}

/* An abstract name has a null byte in front and counts by length; a tight one ends with its last
 * byte, else null bytes fill the address. */
static void resolve_unix(const UnixSocketAddress *local, IoSockaddrs *list)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t len = strlen(local->path);
    size_t total = sizeof(un);
    if (local->has_abstract && local->abstract) {
        memcpy(un.sun_path + 1, local->path, len);
        if (!local->has_tight || local->tight) {
            total = offsetof(struct sockaddr_un, sun_path) + 1 + len;
        }
    } else {
        memcpy(un.sun_path, local->path, len);
    }
    append(list, &un, (socklen_t)total);
}

bool io_resolve(const SocketAddress *address, bool passive, IoSockaddrs *list, QomError **errp)
{
    *list = (IoSockaddrs){0};
    if (!io_address_check(address, errp)) {
        return false;
    }
    switch (address->type) {
    case SOCKET_ADDRESS_TYPE_INET: return resolve_inet(&address->u.inet, passive, list, errp);
    case SOCKET_ADDRESS_TYPE_UNIX: resolve_unix(&address->u.q_unix, list); return true;
    case SOCKET_ADDRESS_TYPE_VSOCK: {
        struct sockaddr_vm vm = {
            .svm_family = AF_VSOCK,
            .svm_cid = (unsigned)g_ascii_strtoull(address->u.vsock.cid, NULL, 10),
            .svm_port = (unsigned)g_ascii_strtoull(address->u.vsock.port, NULL, 10),
        };
        append(list, &vm, sizeof(vm));
        return true;
    }
    default: return qom_error_set(errp, "File descriptor '%s' has no address", address->u.fd.str);
    }
}
