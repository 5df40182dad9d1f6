#include "see/pcapng.h"

#include <stdlib.h>
#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
};

enum {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_OS = 3,
	SECTION_PROGRAM = 4,
	INTERFACE_NAME = 2,
	INTERFACE_RESOLUTION = 9,
	INTERFACE_FILTER = 11,
	PACKET_FLAGS = 2,
	PACKET_ID = 5,
	STATISTICS_BEGAN = 2,
	STATISTICS_ENDED = 3,
	STATISTICS_ACCEPTED = 6,
	STATISTICS_LOST = 7,
};

enum { NANOSECONDS = 9, BYTE_ORDER_MAGIC = 0x1a2b3c4d, TEXT_LIMIT = 65000 };

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static bool grow(struct pcapng *p, size_t more)
{
	size_t room = p->room ? p->room : 65536;
	uint8_t *bytes;

	if (p->failed)
		return false;
	if (p->room - p->size >= more)
		return true;
	while (room - p->size < more)
		room *= 2;
	bytes = realloc(p->bytes, room);
	if (!bytes) {
		p->failed = true;
		return false;
	}
	p->bytes = bytes;
	p->room = room;
	return true;
}

static void put(struct pcapng *p, const void *bytes, size_t n)
{
	size_t whole = padded(n);

	if (!grow(p, whole))
		return;
	if (n)
		memcpy(p->bytes + p->size, bytes, n);
	memset(p->bytes + p->size + n, 0, whole - n);
	p->size += whole;
}

static void put_u16_pair(struct pcapng *p, uint16_t a, uint16_t b)
{
	uint16_t pair[2] = {a, b};

	put(p, pair, sizeof(pair));
}

static void put_u32(struct pcapng *p, uint32_t v)
{
	put(p, &v, sizeof(v));
}

/* Times go in two halves, the upper first, whatever the byte order. */
static void put_time(struct pcapng *p, int64_t time)
{
	put_u32(p, (uint32_t)((uint64_t)time >> 32));
	put_u32(p, (uint32_t)(uint64_t)time);
}

static void option(struct pcapng *p, uint16_t code, const void *value, size_t n)
{
	put_u16_pair(p, code, (uint16_t)n);
	put(p, value, n);
}

static void option_text(struct pcapng *p, uint16_t code, const char *text)
{
	if (text && text[0])
		option(p, code, text, strnlen(text, TEXT_LIMIT));
}

static void option_time(struct pcapng *p, uint16_t code, int64_t time)
{
	put_u16_pair(p, code, 8);
	put_time(p, time);
}

/* A block's length stands behind its type and at its end, so that readers can go backwards. */
static size_t block_begin(struct pcapng *p, uint32_t type)
{
	size_t start = p->size;

	put_u32(p, type);
	put_u32(p, 0);
	return start;
}

static void block_end(struct pcapng *p, size_t start)
{
	uint32_t total;

	put_u32(p, 0);
	if (p->failed)
		return;
	total = (uint32_t)(p->size - start);
	memcpy(p->bytes + start + 4, &total, 4);
	memcpy(p->bytes + p->size - 4, &total, 4);
}

void pcapng_section(struct pcapng *p, const char *os, const char *program)
{
	size_t start = block_begin(p, BLOCK_SECTION);
	int64_t unknown = -1; /* the section's length: it is written as it grows */

	put_u32(p, BYTE_ORDER_MAGIC);
	put_u16_pair(p, 1, 0);
	put(p, &unknown, sizeof(unknown));
	option_text(p, SECTION_OS, os);
	option_text(p, SECTION_PROGRAM, program);
	put_u32(p, OPTION_END);
	block_end(p, start);
}

void pcapng_interface(
	struct pcapng *p, const char *name, uint16_t link, uint32_t snaplen, const char *filter)
{
	size_t start = block_begin(p, BLOCK_INTERFACE);
	uint8_t resolution = NANOSECONDS;

	put_u16_pair(p, link, 0);
	put_u32(p, snaplen);
	option_text(p, INTERFACE_NAME, name);
	option(p, INTERFACE_RESOLUTION, &resolution, 1);
	if (filter && filter[0]) {
		char text[1024] = ""; /* its first byte 0 says: in libpcap's syntax */
		size_t n = strnlen(filter, sizeof(text) - 1);

		memcpy(text + 1, filter, n);
		option(p, INTERFACE_FILTER, text, n + 1);
	}
	put_u32(p, OPTION_END);
	block_end(p, start);
}

size_t pcapng_packet_size(const struct pcapng_packet *packet)
{
	size_t n = 32 + padded(packet->held);

	if (packet->flags)
		n += 4 + 4;
	if (packet->id)
		n += 4 + 8;
	if (packet->comment && packet->comment[0])
		n += 4 + padded(strnlen(packet->comment, TEXT_LIMIT));
	return n + 4;
}

void pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet)
{
	size_t start;

	if (!grow(p, pcapng_packet_size(packet)))
		return;
	start = block_begin(p, BLOCK_PACKET);
	put_u32(p, packet->interface);
	put_time(p, packet->time);
	put_u32(p, packet->held);
	put_u32(p, packet->length);
	put(p, packet->bytes, packet->held);
	if (packet->flags)
		option(p, PACKET_FLAGS, &packet->flags, 4);
	if (packet->id)
		option(p, PACKET_ID, &packet->id, 8);
	option_text(p, OPTION_COMMENT, packet->comment);
	put_u32(p, OPTION_END);
	block_end(p, start);
}

void pcapng_statistics(struct pcapng *p, const struct pcapng_statistics *s)
{
	size_t start = block_begin(p, BLOCK_STATISTICS);

	put_u32(p, s->interface);
	put_time(p, s->time);
	option_time(p, STATISTICS_BEGAN, s->began);
	option_time(p, STATISTICS_ENDED, s->ended);
	option(p, STATISTICS_ACCEPTED, &s->accepted, 8);
	if (s->lost_known)
		option(p, STATISTICS_LOST, &s->lost, 8);
	option_text(p, OPTION_COMMENT, s->comment);
	put_u32(p, OPTION_END);
	block_end(p, start);
}

void pcapng_done(struct pcapng *p)
{
	free(p->bytes);
	*p = (struct pcapng){0};
}
