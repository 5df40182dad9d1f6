/* grant.h - what the parent does for the packet process when it asks (privilege.h)
 *
 * Each takes the message that asked and turns it into its answer.
 */
#pragma once
#include "tunnel/privilege.h"

/* grant_sockets - UDP sockets on m->socket.port with m->socket.mark; they are closed here once the
 * answer was sent (privilege_close()) */
void grant_sockets(struct privilege_message *m);

/* grant_mark - another mark on the sockets that came with the message */
void grant_mark(struct privilege_message *m);
