/* probe.h - the one packet that is sent to find out
 *
 * An ICMP echo request, a UDP datagram or a TCP connection attempt, made by a
 * socket of ours inside the node that asks, exactly as a program there would
 * make it: routing, the firewall's output chain and neighbour resolution see
 * nothing special.  What makes it ours is a random token in the payload (ICMP,
 * UDP), or the ports and the initial sequence number (TCP).
 *
 *	probe_open()   socket, binding, token; nothing is sent
 *	probe_send()   the packet leaves, or the kernel refuses: that is an answer too
 *	probe_answer() is there an answer
 *
 * Needs CAP_NET_RAW for ICMP, or a group in net.ipv4.ping_group_range.  One thread owns it.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "see/path_event.h"
#include "see/why.h"

/* The system call at which it ended. */
enum probe_stage {
	PROBE_SOCKET,
	PROBE_DEVICE,
	PROBE_SOURCE,
	PROBE_CONNECT,
	PROBE_SEND,
	PROBE_SENT
};

union probe_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct probe {
	int fd;
	enum probe_proto proto;
	uint8_t family; /* 4 or 6 */
	union probe_address source, destination;
	uint8_t token[PATH_TOKEN];
	uint16_t first, second; /* ports, or ICMP id and sequence */
	int32_t size;		/* payload */
	bool raw;		/* a raw socket: we see the replies of others, too */
	enum probe_stage stage; /* how far it came */
	int error;		/* errno at `stage`, 0 when all went well */
	int64_t sent;		/* CLOCK_MONOTONIC, ns; 0: not sent */
	int64_t received;	/* of the answer; 0: none */
};

/* What came back. */
enum probe_answer {
	ANSWER_NONE,
	ANSWER_GOOD,	/* echo reply, a datagram back, a connection */
	ANSWER_REFUSED, /* connection refused, port unreachable */
	ANSWER_ERROR,	/* another ICMP error: probe->error */
};

/* probe_open - make the socket in the namespace `netns` (descriptor) and choose the token
 *
 * q->destination has been parsed into `destination` and is not looked at.
 * Returns 0, also when the kernel refuses something (p->error, p->stage say so);
 * -errno when we cannot go there at all.  probe_close() in any case.
 */
int probe_open(struct probe *p, const struct question *q, int netns,
	const union probe_address *destination, struct error *e);

/* probe_send - send it; false when the kernel refused (p->stage, p->error) */
bool probe_send(struct probe *p);

/* probe_answer - look at what has arrived; never waits */
enum probe_answer probe_answer(struct probe *p);

void probe_close(struct probe *p);

/* probe_ip - the 4 or 16 bytes of an address */
const uint8_t *probe_ip(const union probe_address *a);

/* probe_device_index - ifindex of a device by name in the namespace `netns`; 0 when there is none
 */
uint32_t probe_device_index(int netns, const char *name);
