/* server.h - the connections of the UAPI socket
 *
 * Any number of requests on a connection, several connections at once, and
 * none of them can make control wait: what a client does not read stays in the
 * connection's buffer, and until it has read that nothing more is read from it.
 *
 *	wg --bytes--> uapi_request_feed() --request--> answer() --reply--> wg
 *
 * One thread, the loop's, calls everything here.  Requests and replies hold
 * keys; both are wiped.
 */
#pragma once
#include "base/loop.h"
#include "tunnel/device.h"
#include "tunnel/uapi.h"

enum { SERVER_CONNECTIONS = 64 }; /* further ones wait to be accepted */

struct connection;

/* Answers a request whose error is 0: fills the reply, and returns the errno for its end; or
 * SERVER_MORE, to be called again with the same `walk` when the client has read so far. */
enum { SERVER_MORE = 1 };
typedef int server_answer(
	void *arg, const struct uapi_request *q, struct uapi_reply *r, struct device_walk *walk);

struct server {
	struct loop *loop;
	struct watch watch; /* the listening socket */
	server_answer *answer;
	void *arg;
	struct connection *first;
	unsigned count;
};

/* server_open - serve a listening socket, which it owns from here on; 0 or -errno */
int server_open(struct server *s, struct loop *loop, int socket, server_answer *answer, void *arg);

/* server_close - end all connections, wipe what they hold */
void server_close(struct server *s);
