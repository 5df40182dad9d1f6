/* drop.h - how a packet ends: carried, or dropped for a reason with a name
 *
 * One list of reasons, with a sentence each, shared by the counters of the
 * device and of each peer, `warren tunnel status`, the metrics and `trace`.
 * No packet disappears without being counted under one of them.
 *
 *	tun0 ---> OUTBOUND reasons ---> socket        CONTROL reasons: handshakes
 *	tun0 <--- INBOUND reasons  <--- socket
 *
 * The first column says on which journey it is counted.  Any thread may count,
 * and read, at any time.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

/* who counts it, DROP_..., name in status and metrics, sentence */
#define DROP_LIST(X)                                                                               \
	X(OUTBOUND, OUT_NOT_IP, "out-not-ip",                                                      \
		"what was read from the device is no whole IP packet")                             \
	X(OUTBOUND, OUT_FRAME, "out-frame", "the device's frame could not be cut into packets")    \
	X(OUTBOUND, NO_PEER, "no-peer", "no peer's allowed-ips contain the destination")           \
	X(OUTBOUND, NO_ENDPOINT, "no-endpoint", "the peer has no endpoint address yet")            \
	X(OUTBOUND, STAGING_FULL, "staging-full",                                                  \
		"waited for a session until newer packets took its place")                         \
	X(CONTROL, STAGING_GIVEN_UP, "staging-given-up",                                           \
		"waited for a session, and the handshake was given up")                            \
	X(OUTBOUND, SESSION_SPENT, "session-spent",                                                \
		"the session may not send any more; a new one is due")                             \
	X(OUTBOUND, SEND_UNREACHABLE, "send-unreachable",                                          \
		"the host has no route to the peer's endpoint")                                    \
	X(OUTBOUND, SEND_REFUSED, "send-refused",                                                  \
		"the host's own rules forbid the datagram (EPERM)")                                \
	X(OUTBOUND, SEND_TOO_BIG, "send-too-big",                                                  \
		"the datagram is larger than the path to the endpoint allows")                     \
	X(OUTBOUND, SEND_FULL, "send-full",                                                        \
		"the socket's or the device's queue stayed full (EAGAIN, ENOBUFS)")                \
	X(OUTBOUND, SEND_FAILED, "send-failed",                                                    \
		"the kernel refused the datagram for another reason")                              \
	X(INBOUND, NOT_A_MESSAGE, "not-a-message",                                                 \
		"the datagram is no message of the protocol, or cut off")                          \
	X(INBOUND, UNKNOWN_SESSION, "unknown-session",                                             \
		"the receiver index belongs to no session of ours")                                \
	X(INBOUND, SESSION_EXPIRED, "session-expired", "the session it was sealed for is too old") \
	X(INBOUND, NOT_AUTHENTIC, "not-authentic", "the authentication tag is wrong")              \
	X(INBOUND, REPLAYED, "replayed", "its counter was accepted before, or is too old to tell") \
	X(INBOUND, IN_NOT_IP, "in-not-ip", "what was inside is no whole IP packet")                \
	X(INBOUND, SOURCE_NOT_ALLOWED, "source-not-allowed",                                       \
		"the inner source is not within the peer's allowed-ips")                           \
	X(INBOUND, ECN_INVALID, "ecn-invalid",                                                     \
		"congestion was marked on a packet that does not understand it (RFC 6040)")        \
	X(INBOUND, DEVICE_DOWN, "device-down", "the device is down (EIO)")                         \
	X(INBOUND, DEVICE_FULL, "device-full",                                                     \
		"the kernel had no memory for the packet (ENOMEM, ENOBUFS, EAGAIN)")               \
	X(INBOUND, DEVICE_REFUSED, "device-refused", "the device refused the packet")              \
	X(INBOUND, HANDSHAKE_FULL, "handshake-full",                                               \
		"more handshake messages arrived than could wait")                                 \
	X(CONTROL, HANDSHAKE_MAC1, "handshake-mac1",                                               \
		"a handshake message whose MAC1 is wrong: sent for another public key")            \
	X(CONTROL, HANDSHAKE_COOKIE, "handshake-cookie",                                           \
		"a handshake under load without a valid cookie; one was sent back")                \
	X(CONTROL, HANDSHAKE_RATE, "handshake-rate",                                               \
		"more handshakes from one address than the limit")                                 \
	X(CONTROL, HANDSHAKE_UNKNOWN, "handshake-unknown",                                         \
		"a handshake of a public key that is no peer of ours")                             \
	X(CONTROL, HANDSHAKE_INVALID, "handshake-invalid",                                         \
		"a handshake message that does not decrypt")                                       \
	X(CONTROL, HANDSHAKE_STALE, "handshake-stale",                                             \
		"a handshake whose timestamp is not newer than the last one")                      \
	X(CONTROL, HANDSHAKE_FLOOD, "handshake-flood",                                             \
		"handshakes of one peer that follow too closely")                                  \
	X(CONTROL, HANDSHAKE_MEMORY, "handshake-memory",                                           \
		"handshakes that ended for want of memory; the next attempt is as good as any")

enum drop {
	DROP_NONE, /* carried */
#define DROP_ENUM(who, id, name, text) DROP_##id,
	DROP_LIST(DROP_ENUM)
#undef DROP_ENUM
		DROP_REASONS /* how many, with DROP_NONE */
};

enum drop_counter { DROP_BY_OUTBOUND = 1, DROP_BY_INBOUND, DROP_BY_CONTROL };

/* drop_name - "no-peer"; drop_text - the sentence; drop_counter - who counts it (0 for DROP_NONE)
 */
const char *drop_name(enum drop why);
const char *drop_text(enum drop why);
enum drop_counter drop_counter(enum drop why);

/* Packets lost, by reason.  A zeroed struct is none. */
struct drops {
	_Atomic uint64_t by[DROP_REASONS];
};

/* drop_count - n packets ended for this reason */
static inline void drop_count(struct drops *d, enum drop why, uint64_t n)
{
	atomic_fetch_add_explicit(&d->by[why], n, memory_order_relaxed);
}

/* drop_read - how many so far */
static inline uint64_t drop_read(const struct drops *d, enum drop why)
{
	return atomic_load_explicit(&d->by[why], memory_order_relaxed);
}

/* drops_total - over all reasons */
uint64_t drops_total(const struct drops *d);
