/* identity.h - one packet, one number, wherever it is seen
 *
 *	a0 out   r1 in    r2 out       b0 in
 *	 41  ---> 41  NAT  41  ------>  41        one packet on four devices
 *	 77  ---> 77       77  ------>  77        the same bytes, sent again
 *
 * Sightings come in the order of their time, from every device.  A packet is
 * known again by its signature.  When the same signature appears once more
 * where it was seen first, with its time to live as it was, then it is a new
 * packet with the same bytes (an ARP request sent again) and gets a new number.
 *
 * Across NAT the addresses change, but inside one namespace: a packet that
 * leaves a node with a signature never seen is the one that came in shortly
 * before with the same loose signature, one more hop to live, and one of its
 * two addresses.
 *
 * Remembers some 65,000 packets; what was not seen for longer than that much
 * traffic gets a new number.  The numbers come from the bytes: two captures of
 * one packet give it the same.  A packet through an encrypted tunnel is another
 * one inside it: trace.h follows it there.
 *
 * Pure: time is an argument.  One thread owns a struct identity.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "see/signature.h"

struct identity;

struct sighting {
	int64_t time;	/* nanoseconds; never goes back by much */
	uint32_t node;	/* which namespace */
	uint32_t place; /* which device and direction: a number of the caller's */
	bool leaves;	/* the namespace, out of a device */
	struct signature signature;
};

/* identity_new - NULL when memory ran out; identity_free(NULL) does nothing */
struct identity *identity_new(void);
void identity_free(struct identity *t);

/* identity_see - the packet's number, never 0 */
uint64_t identity_see(struct identity *t, const struct sighting *s);

/* identity_find - the number of a packet seen before, or 0; changes nothing */
uint64_t identity_find(const struct identity *t, const struct signature *signature);
