/* uapi_socket.h - /var/run/wireguard/IFNAME.sock
 *
 * The directory is root's alone, 0700, and so is the socket, 0600.  A socket
 * left behind by a process that was killed refuses connections and is
 * replaced; one that answers belongs to a tunnel that runs.
 */
#pragma once
#include "base/error.h"

#define UAPI_DIRECTORY "/var/run/wireguard"

enum { UAPI_PATH = 64 };

void uapi_socket_path(char out[UAPI_PATH], const char *name);

/* uapi_socket_listen - returns the listening socket, or -errno; -EADDRINUSE: a tunnel runs
 *
 * A tunnel whose device was just deleted may answer a moment longer: waits two
 * seconds for it to go.
 */
int uapi_socket_listen(const char *name, struct error *e);

/* uapi_socket_connect - to a tunnel that runs; a socket that waits, or -errno */
int uapi_socket_connect(const char *name, struct error *e);

/* uapi_socket_remove - but not one that another tunnel has put in the place of ours */
void uapi_socket_remove(const char *name);
