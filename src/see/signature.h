/* signature.h - what stays the same about a packet on its way
 *
 * A packet is rewritten at every hop: new Ethernet addresses, one less time to
 * live, another checksum, perhaps translated addresses, perhaps wrapped in a
 * VXLAN or GRE packet.  A signature is a hash over what nobody changes:
 *
 *	whole   protocol, addresses, ports, IP id, length, TCP sequence numbers or
 *	        ICMP id and sequence, and the first bytes of the payload
 *	loose   the same without addresses, ports and ICMP id: it survives NAT
 *
 * Of a packet in clear encapsulation (VXLAN, GRE, IP in IP) it is the innermost
 * packet's, so the inner packet keeps its signature while it travels inside.
 * Bytes are read from what was held of the packet, and nothing is trusted: a
 * packet cut short or malformed gets the signature of what can be read.
 *
 * Pure.  Two packets with one signature may still be two (an ARP request sent
 * again): identity.h tells them apart by where they were seen.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct signature {
	uint64_t whole, loose;
	uint32_t from, to; /* hashes of the addresses alone; 0 where there are none */
	uint8_t life;	   /* time to live, hop limit; 0 where there is none */
};

/* signature_read - link: DLT_EN10MB or DLT_RAW; held: bytes at hand */
struct signature signature_read(const uint8_t *bytes, uint32_t held, int link);
