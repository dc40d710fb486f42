/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stream sockets by SocketAddress: names, listening, connecting.
 *
 * Nothing here blocks but io_resolve(), which asks name servers and belongs into a worker thread
 * (io_address_is_numeric() tells when it does not). Source: the sheet on character devices, 3.
 */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

#include "qapi-sockets.h"
#include "qom/error.h"

#include <sys/socket.h>
#include <sys/un.h>

/* --- Addresses ------------------------------------------------------------------------------- */

/* A copy of @legacy in the flat form; for io_address_free(). */
SocketAddress *io_address_flatten(const SocketAddressLegacy *legacy);
SocketAddress *io_address_copy(const SocketAddress *address);
/* NULL is fine. */
void io_address_free(SocketAddress *address);

/* The address in errors: `HOST:PORT`, a path, `CID:PORT`, a descriptor's name. New memory. */
char *io_address_text(const SocketAddress *address);

/* The address of a bound or connected socket, @remote: of its peer. NULL if the kernel does not say
 * or the family is none of ours. */
SocketAddress *io_address_of_fd(int fd, bool remote);

/* --- From an address to what the kernel wants ------------------------------------------------ */

typedef struct IoSockaddr {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un un;
    } u;
} IoSockaddr;

typedef struct IoSockaddrs {
    size_t n;
    IoSockaddr *items;
} IoSockaddrs;

void io_sockaddrs_clear(IoSockaddrs *list);

/* Refuses what can not be right, without asking anybody: ports, lengths of paths, numbers. */
bool io_address_check(const SocketAddress *address, QomError **errp);

/* Resolving @address asks no name server. */
bool io_address_is_numeric(const SocketAddress *address);

/* The kernel's addresses of @address (not of type fd), to listen on (@passive) or connect to. May
 * block for as long as name servers do. Any thread.
 * `address resolution failed for H:P: E`, `Cannot disable IPv4 and IPv6 at same time` */
bool io_resolve(const SocketAddress *address, bool passive, IoSockaddrs *list, QomError **errp);

/* A stream socket for @address, non-blocking and close-on-exec; -1 and errno. */
int io_socket_new(const SocketAddress *address, int family);

/* --- Listening ------------------------------------------------------------------------------- */

#define IO_LISTEN_MAX 8

typedef struct IoListener {
    size_t n;
    int fd[IO_LISTEN_MAX];  /* non-blocking */
    SocketAddress *address; /* with the real port */
    char *unlink_path;      /* file to remove at the end, or NULL */
    dev_t dev;              /* of that file, */
    ino_t ino;              /* so that no other one is removed */
} IoListener;

/*
 * Listens on @list, which is what @address resolved to. A Unix socket's file that nobody listens on
 * any more is replaced; one that is in use, or is no socket, is not. *@listener is filled on
 * success only. Errors: `Failed to bind socket to PATH: E`, `Failed to find an available port: E`,
 * `UNIX socket path 'P' is too long`.
 */
bool io_listen(const SocketAddress *address, const IoSockaddrs *list, int backlog,
               IoListener *listener, QomError **errp);

/* Listens on the socket @fd, which is taken over: bound before, maybe listening already (systemd's
 * socket activation). `File descriptor 'NAME' is not a socket` */
bool io_listen_fd(int fd, const char *name, int backlog, IoListener *listener, QomError **errp);

/* Closes the sockets and unlinks the file, if it is still ours. */
void io_listener_close(IoListener *listener);

/* Changes how many clients the kernel keeps waiting. */
void io_listener_set_backlog(const IoListener *listener, int backlog);

/* Accepts a connection on @fd, one of the listener's: a descriptor, non-blocking and close-on-exec,
 * or a negative errno value: -EAGAIN, there is none. */
int io_accept(int fd);

/* --- Connecting ------------------------------------------------------------------------------ */

/* Starts to connect to @to: a non-blocking socket, with *@pending set if the connection is not
 * there yet (it is, or has failed, when the socket is writable; see io_connect_result()). A
 * negative errno value on failure. */
int io_connect_start(const SocketAddress *address, const IoSockaddr *to, bool *pending);

/* The outcome of a pending connection: 0 or a negative errno value. */
int io_connect_result(int fd);

/* Refuses what is no connected stream socket. `File descriptor 'NAME' is not a socket` */
bool io_check_socket(int fd, const char *name, QomError **errp);

/* Settings of a connection; nothing where they do not apply. */
void io_socket_set_nodelay(int fd, bool on);
void io_socket_set_keep_alive(int fd);

#endif
