/* pcapng.h - the blocks of a capture file, as bytes
 *
 *	section header                       once, first
 *	interface description                one for each device, before its first packet;
 *	  "veth0@site-a", Ethernet, 1e-9 s   numbered 0, 1, 2 ... in this order
 *	enhanced packet, enhanced packet ... each names its interface
 *	interface statistics                 one for each, last
 *
 * Each function appends one block to a growing buffer; the caller writes the
 * buffer out and empties it.  The buffer remembers that memory ran out
 * (`failed`), and appends nothing more.  A zeroed buffer is an empty one.
 *
 * Integers are in the byte order of this machine, which the section header
 * tells the reader.
 * Source: draft-ietf-opsawg-pcapng; the flags word is its section 4.3.1.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pcapng {
	uint8_t *bytes;
	size_t size, room;
	bool failed;
};

enum pcapng_direction { PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 };
enum pcapng_reception { /* bits 2..4 of the flags: how the device received it */
	PCAPNG_UNICAST = 1 << 2,
	PCAPNG_MULTICAST = 2 << 2,
	PCAPNG_BROADCAST = 3 << 2,
	PCAPNG_PROMISCUOUS = 4 << 2, /* for another host */
};
enum pcapng_offload {
	PCAPNG_CHECKSUM_NOT_READY = 1 << 9, /* the device, or the peer, would have filled it in */
	PCAPNG_CHECKSUM_VALID = 1 << 10,
	PCAPNG_SEGMENTS = 1 << 11, /* a superframe that the device would have cut */
};

struct pcapng_packet {
	uint32_t interface;
	int64_t time; /* nanoseconds since 1970 */
	const void *bytes;
	uint32_t held, length; /* bytes at hand, and bytes of the whole frame */
	uint32_t flags;	       /* of the three enums above */
	uint64_t id;	       /* the same on every hop; 0: none */
	const char *comment;   /* or NULL */
};

struct pcapng_statistics {
	uint32_t interface;
	int64_t time, began, ended;
	uint64_t accepted; /* frames that the filter let through and that are in the file */
	bool lost_known;   /* else only the comment tells */
	uint64_t lost;
	const char *comment; /* or NULL */
};

void pcapng_section(struct pcapng *p, const char *os, const char *program);

/* pcapng_interface - name: "veth0@site-a"; link: LINKTYPE_*, here the same as DLT_*; filter: or
 * NULL */
void pcapng_interface(
	struct pcapng *p, const char *name, uint16_t link, uint32_t snaplen, const char *filter);
void pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet);
void pcapng_statistics(struct pcapng *p, const struct pcapng_statistics *s);

/* pcapng_packet_size - how many bytes pcapng_packet() will append */
size_t pcapng_packet_size(const struct pcapng_packet *packet);

void pcapng_done(struct pcapng *p);
