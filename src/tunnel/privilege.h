/* privilege.h - the words between the packet process and its parent
 *
 * A tunnel is two processes.  The one that touches packets and keys may do
 * nothing else (sandbox.h); the small one that started it keeps the rights and
 * touches neither.  Between them are two sockets that keep message boundaries:
 *
 *	parent (root)                            packet process (nobody)
 *	  PRIVILEGE_SOCKETS  <------- ask ------   "open these for me"  (waits for the answer)
 *	  opened sockets     ------- answer ---->
 *	  READY, SETTLED, UNANSWERED <-- ask ---   (no answer)
 *	  SETTINGS, ENDPOINT, LINK, WHERE, STOP -- tell -->
 *
 * Every message has the same size and a kind, and is checked by who receives
 * it; descriptors travel beside it.  When either process ends, however, the
 * other reads the end of its socket and ends as well.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tunnel/address.h"
#include "tunnel/settings.h"

enum privilege_kind {
	/* the packet process asks or tells */
	PRIVILEGE_SOCKETS = 1, /* open UDP sockets for socket.port and .mark; answered */
	PRIVILEGE_MARK,	       /* put socket.mark on the sockets that come with this; answered */
	PRIVILEGE_READY,       /* it listens */
	PRIVILEGE_SETTLED,     /* SETTINGS was applied, or why not: error, text */
	PRIVILEGE_UNANSWERED,  /* the handshake with peer.key goes unanswered */
	PRIVILEGE_HERE,	       /* after WHERE: the device's name, is it up, a descriptor of it */

	/* the parent answers or tells */
	PRIVILEGE_ANSWER,   /* error; of SOCKETS: socket.port and the sockets */
	PRIVILEGE_SETTINGS, /* a memfd with settings (privilege_settings_send()) */
	PRIVILEGE_ENDPOINT, /* peer.key is at peer.address: a name was looked up */
	PRIVILEGE_LINK,	    /* the device is up or down, with this MTU */
	PRIVILEGE_WHERE,    /* is the device still there?  HERE, or the end */
	PRIVILEGE_STOP,	    /* wipe and end */
};

enum { PRIVILEGE_FDS = 16, PRIVILEGE_TEXT = 160 };

struct privilege_message {
	enum privilege_kind kind;
	int32_t error; /* 0 or -errno */
	union {
		struct {
			uint16_t port;
			uint32_t mark;
			bool in4, in6; /* which sockets come with it, in this order */
		} socket;
		struct {
			uint8_t key[SETTINGS_KEY];
			union address address;
		} peer;
		struct {
			bool up;
			uint32_t mtu;
		} link;
		struct {
			bool up;
			char name[16];
		} here;
		char text[PRIVILEGE_TEXT];
	};
	unsigned fds;
	int fd[PRIVILEGE_FDS]; /* the receiver owns them */
};

/* privilege_pair - one channel; [0] for the parent, [1] for the packet process */
int privilege_pair(int pair[2]);

/* privilege_send - 0 or -errno; -EPIPE when the other process has ended.  The descriptors stay open
 * here.  Waits while the channel is full. */
int privilege_send(int channel, const struct privilege_message *m);

/* privilege_receive - the next message; waits for it
 *
 * Returns 0; -EPIPE when the other process has ended; -EAGAIN on a channel that
 * does not wait; -EBADMSG for what is no message.
 */
int privilege_receive(int channel, struct privilege_message *m);

/* privilege_close - the descriptors that came with a message */
void privilege_close(struct privilege_message *m);

/* privilege_settings_send - hand over settings of any size, in memory that no file system sees
 * privilege_settings_read - what came, checked; the descriptor is closed and the memory wiped */
int privilege_settings_send(int channel, const struct settings *s);
int privilege_settings_read(int fd, struct settings *out);
