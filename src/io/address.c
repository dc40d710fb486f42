/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SocketAddress values: made from the nested form and from the kernel's, checked, printed.
 */
#include "io/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

SocketAddress *io_address_flatten(const SocketAddressLegacy *legacy)
{
    SocketAddress shallow = {.type = legacy->type};
    switch (legacy->type) {
    case SOCKET_ADDRESS_TYPE_INET: shallow.u.inet = *legacy->u.inet.data; break;
    case SOCKET_ADDRESS_TYPE_UNIX: shallow.u.q_unix = *legacy->u.q_unix.data; break;
    case SOCKET_ADDRESS_TYPE_VSOCK: shallow.u.vsock = *legacy->u.vsock.data; break;
    default: shallow.u.fd = *legacy->u.fd.data; break;
    }
    return io_address_copy(&shallow);
}

SocketAddress *io_address_copy(const SocketAddress *address)
{
    SocketAddress *copy = g_new0(SocketAddress, 1);
    SocketAddress_copy(copy, address);
    return copy;
}

void io_address_free(SocketAddress *address)
{
    if (address) {
        SocketAddress_clear(address);
        g_free(address);
    }
}

char *io_address_text(const SocketAddress *address)
{
    switch (address->type) {
    case SOCKET_ADDRESS_TYPE_INET:
        return g_strdup_printf("%s:%s", address->u.inet.host, address->u.inet.port);
    case SOCKET_ADDRESS_TYPE_UNIX: return g_strdup(address->u.q_unix.path);
    case SOCKET_ADDRESS_TYPE_VSOCK:
        return g_strdup_printf("%s:%s", address->u.vsock.cid, address->u.vsock.port);
    default: return g_strdup(address->u.fd.str);
    }
}

/* --------------------------------------------------------------------- from the kernel's form --
 */

static SocketAddress *from_inet(const IoSockaddr *sa)
{
    char host[INET6_ADDRSTRLEN + 1 + 16];
    char port[8];
    if (getnameinfo(&sa->u.any, sa->len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return NULL;
    }
    SocketAddress *address = g_new0(SocketAddress, 1);
    InetSocketAddress *inet = &address->u.inet;
    address->type = SOCKET_ADDRESS_TYPE_INET;
    inet->host = g_strdup(host);
    inet->port = g_strdup(port);
    if (sa->u.any.sa_family == AF_INET) {
        inet->has_ipv4 = inet->ipv4 = true;
    } else {
        inet->has_ipv6 = inet->ipv6 = true;
    }
    return address;
}

/* An abstract name that fills the address was padded, as far as one can see. */
static SocketAddress *from_unix(const IoSockaddr *sa)
{
    const struct sockaddr_un *un = &sa->u.un;
    size_t len = sa->len - offsetof(struct sockaddr_un, sun_path);
    SocketAddress *address = g_new0(SocketAddress, 1);
    UnixSocketAddress *local = &address->u.q_unix;
    address->type = SOCKET_ADDRESS_TYPE_UNIX;
    if (len == 0) {
        local->path = g_strdup("");
    } else if (un->sun_path[0]) {
        local->path = g_strndup(un->sun_path, len);
    } else {
        local->path = g_strndup(un->sun_path + 1, len - 1);
        local->has_abstract = local->abstract = true;
        local->has_tight = true;
        local->tight = len < sizeof(un->sun_path);
    }
    return address;
}

static SocketAddress *from_vsock(const IoSockaddr *sa)
{
    struct sockaddr_vm vm;
    memcpy(&vm, &sa->u.storage, sizeof(vm));
    SocketAddress *address = g_new0(SocketAddress, 1);
    address->type = SOCKET_ADDRESS_TYPE_VSOCK;
    address->u.vsock.cid = g_strdup_printf("%u", vm.svm_cid);
    address->u.vsock.port = g_strdup_printf("%u", vm.svm_port);
    return address;
}

SocketAddress *io_address_of_fd(int fd, bool remote)
{
    IoSockaddr sa = {.len = sizeof(sa.u)};
    /* syscalls: getsockname getpeername -- the addresses that a socket connects */
    if ((remote ? getpeername : getsockname)(fd, &sa.u.any, &sa.len) < 0) {
        return NULL;
    }
    sa.len = MIN(sa.len, sizeof(sa.u));
    switch (sa.u.any.sa_family) {
    case AF_INET:
    case AF_INET6: return from_inet(&sa);
    case AF_UNIX: return from_unix(&sa);
    case AF_VSOCK: return from_vsock(&sa);
    default: errno = EAFNOSUPPORT; return NULL;
    }
}

/* ------------------------------------------------------------------------------------ checks -- */

/* Decimal digits only, at most @max; stores the value in *@value. */
static bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
    char *end;
    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    *value = g_ascii_strtoull(text, &end, 10);
    return *end == 0 && *value <= max;
}

/* Service names hold a letter; what is all digits is a number, and must be one of a port. */
static bool check_inet(const InetSocketAddress *inet, QomError **errp)
{
    uint64_t port;
    bool is_number = parse_number(inet->port, UINT16_MAX, &port);
    bool is_name = strspn(inet->port, "0123456789+- ") < strlen(inet->port);
    if (!is_number && (!is_name || (inet->has_numeric && inet->numeric))) {
        return qom_error_set(errp, "Port '%s' is not a number from 0 to 65535%s", inet->port,
                             inet->has_numeric && inet->numeric ? "" : " nor a service name");
    }
    if (inet->has_to && is_number && inet->to < port) {
        return qom_error_set(errp, "Parameter 'to' is %u, below port %s", inet->to, inet->port);
    }
    if (inet->has_ipv4 && !inet->ipv4 && inet->has_ipv6 && !inet->ipv6) {
        return qom_error_set(errp, "Cannot disable IPv4 and IPv6 at same time");
    }
    return true;
}

bool io_address_check(const SocketAddress *address, QomError **errp)
{
    uint64_t value;
    switch (address->type) {
    case SOCKET_ADDRESS_TYPE_INET: return check_inet(&address->u.inet, errp);
    case SOCKET_ADDRESS_TYPE_UNIX:
        if (strlen(address->u.q_unix.path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
            qom_error_set(errp, "UNIX socket path '%s' is too long", address->u.q_unix.path);
            qom_error_hint(errp, "A path or abstract name is at most 107 bytes long.");
            return false;
        }
        return true;
    case SOCKET_ADDRESS_TYPE_VSOCK:
        if (!parse_number(address->u.vsock.cid, UINT32_MAX, &value)) {
            return qom_error_set(errp, "Failed to parse cid '%s'", address->u.vsock.cid);
        }
        if (!parse_number(address->u.vsock.port, UINT32_MAX, &value)) {
            return qom_error_set(errp, "Failed to parse port '%s'", address->u.vsock.port);
        }
        return true;
    default: return true;
    }
}

bool io_address_is_numeric(const SocketAddress *address)
{
    if (address->type != SOCKET_ADDRESS_TYPE_INET) {
        return true;
    }
    const InetSocketAddress *inet = &address->u.inet;
    unsigned char binary[sizeof(struct in6_addr)];
    uint64_t port;
    return parse_number(inet->port, UINT16_MAX, &port) &&
           (!*inet->host || (inet->has_numeric && inet->numeric) ||
            inet_pton(AF_INET, inet->host, binary) == 1 ||
            inet_pton(AF_INET6, inet->host, binary) == 1);
}
