/* trouble.h - why there is no handshake
 *
 * WireGuard is silent towards strangers, and so a handshake that does not come
 * about leaves its user with nothing.  But one end or the other always knows
 * something: each such fact is recorded with the time, at the peer it belongs
 * to, or, where no peer could be told, with the address it came from.
 * `warren tunnel status` and the log say it in the words below.
 */
#pragma once

/* TROUBLE_..., name in status, sentence */
#define TROUBLE_LIST(X)                                                                             \
	X(NO_KEY, "no-private-key", "this device has no private key yet")                           \
	X(NO_ENDPOINT, "no-endpoint", "no endpoint is set, and the peer has not called")            \
	X(NO_REPLY, "no-reply",                                                                     \
		"no reply: the peer is not there, a firewall drops the datagrams, or the peer has " \
		"another public key than the one set here")                                         \
	X(PATH, "path-error", "the network answered with an error")                                 \
	X(SEND, "send-error", "the host refused to send")                                           \
	X(COOKIE, "cookie",                                                                         \
		"the peer is under load and asked to prove our address; the next attempt does")     \
	X(PSK, "preshared-key", "the answer does not decrypt: the preshared keys differ")           \
	X(UNCONFIRMED, "unconfirmed",                                                               \
		"the peer's handshake was answered, but it never used the session: the answer was " \
		"lost on the way back, or the preshared keys differ")                               \
	X(STALE, "stale-timestamp",                                                                 \
		"the peer's handshake is not newer than its last one: its clock was set back, or "  \
		"somebody replays")                                                                 \
	X(FLOOD, "flood", "the peer's handshakes follow too closely")                               \
	X(BAD_KEY, "bad-key",                                                                       \
		"the peer's public key is a point of low order: no secret comes of it")             \
	X(THEIR_MAC1, "wrong-public-key",                                                           \
		"its handshake was made for another public key than ours")                          \
	X(UNKNOWN_KEY, "unknown-key", "its handshake came with a public key that is no peer here")  \
	X(INVALID, "invalid", "its handshake does not decrypt")                                     \
	X(RATE, "rate-limit", "more handshakes from its address than the limit")                    \
	X(ADDRESS_UNPROVEN, "address-unproven",                                                     \
		"we are under load and asked it to prove its address")                              \
	X(MEMORY, "no-memory", "there was no memory for the session")

enum trouble {
	TROUBLE_NONE,
#define TROUBLE_ENUM(id, name, text) TROUBLE_##id,
	TROUBLE_LIST(TROUBLE_ENUM)
#undef TROUBLE_ENUM
		TROUBLES
};

/* trouble_name - "no-reply"; trouble_text - the sentence */
const char *trouble_name(enum trouble t);
const char *trouble_text(enum trouble t);
