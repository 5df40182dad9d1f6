/* noise.h - Noise_IKpsk2: two messages, after which both ends have the same two keys
 *
 *	initiator                                           responder
 *	    ephemeral, {our public key}, {timestamp}  ----->
 *	    <-----------------------  ephemeral, {nothing, but the preshared key went in}
 *	    session keys                                    session keys
 *
 * {..} is sealed under a key mixed from all Diffie-Hellman results so far.  The
 * initiator knows the responder's public key beforehand; the responder reads
 * the initiator's from the first message, looks the peer up, and goes on.
 *
 * Only cryptography lives here: no peers, indices, MACs, policy or time.  Each
 * function is one message, one way; each wipes what it no longer needs on every
 * exit, and leaves its outputs untouched when it returns false.
 *
 * Source: WireGuard whitepaper section 5.4; Noise specification, revision 34.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/curve.h"
#include "tunnel/wire.h"

enum { NOISE_BATCH = CURVE_LANES };

/* Our static key.  Zeroed: none.  noise_identity_done() wipes it. */
struct noise_identity {
	bool known;
	uint8_t private_key[WIRE_KEY];
	uint8_t public_key[WIRE_KEY];
	uint8_t greeting[WIRE_KEY]; /* hash of names and public key: how a message to us begins */
};

/* A handshake under way: both messages mix into it. */
struct noise_handshake {
	uint8_t hash[WIRE_KEY];
	uint8_t chain[WIRE_KEY];
	uint8_t ephemeral[WIRE_KEY];	    /* initiator: our private one */
	uint8_t remote_ephemeral[WIRE_KEY]; /* responder: theirs */
};

/* The first message, at the responder. */
struct noise_opening {
	const struct wire_initiation *in;
	bool ok; /* out of each half: it may go on */
	struct noise_handshake state;
	uint8_t key[WIRE_KEY]; /* the initiator's public key, not yet proven */
};

struct noise_keys {
	uint8_t send[WIRE_KEY];
	uint8_t receive[WIRE_KEY];
};

/* noise_identity_set - clamp the private key and compute the rest; noise_identity_done - wipe */
void noise_identity_set(struct noise_identity *me, const uint8_t private_key[WIRE_KEY]);
void noise_identity_done(struct noise_identity *me);

/* noise_precompute - the secret of both static keys; false: the peer's key is of low order */
bool noise_precompute(
	const struct noise_identity *me, const uint8_t peer[WIRE_KEY], uint8_t secret[WIRE_KEY]);

/* noise_initiate - write the first message: ephemeral, identity, timestamp
 *
 * peer, secret  the responder's public key; noise_precompute() of it
 * ephemeral     32 fresh random bytes
 * stamp         TAI64N of now
 * out           type, indices and MACs are the caller's
 */
bool noise_initiate(struct noise_handshake *h, const struct noise_identity *me,
	const uint8_t peer[WIRE_KEY], const uint8_t secret[WIRE_KEY],
	const uint8_t ephemeral[WIRE_KEY], const uint8_t stamp[WIRE_STAMP],
	struct wire_initiation *out);

/* noise_open - responder, first half: who sends this?  n at most NOISE_BATCH, with `in` set
 *
 * Several at a time, since that is how their Diffie-Hellmans are cheap (curve.h).
 */
void noise_open(const struct noise_identity *me, struct noise_opening *o, size_t n);

/* noise_open_stamp - second half, with the secret of that peer: it is who it says, and when
 *
 * stamp  out, when o->ok
 */
void noise_open_stamp(
	struct noise_opening *o, const uint8_t secret[WIRE_KEY], uint8_t stamp[WIRE_STAMP]);

/* The second message, at the responder. */
struct noise_answer {
	struct noise_handshake *state; /* of the opening; wiped */
	const uint8_t *peer;	       /* its public key */
	const uint8_t *preshared;
	uint8_t ephemeral[WIRE_KEY]; /* fresh random bytes; wiped */
	struct wire_response out;    /* type, indices and MACs are the caller's */
	struct noise_keys keys;
	bool ok;
};

/* noise_respond - write n answers, at most NOISE_BATCH, and their keys */
void noise_respond(struct noise_answer *a, size_t n);

/* noise_finish - initiator: read the second message; h stays, as a forged answer must not end it
 *
 * Returns false when it does not decrypt: forged, damaged, or another preshared key.
 */
bool noise_finish(const struct noise_handshake *h, const struct noise_identity *me,
	const uint8_t preshared[WIRE_KEY], const struct wire_response *in, struct noise_keys *keys);
