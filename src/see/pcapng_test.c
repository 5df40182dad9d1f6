#include "see/pcapng.h"

#include <string.h>

#include "test.h"

static uint32_t number(const struct pcapng *p, size_t at)
{
	uint32_t v;

	memcpy(&v, p->bytes + at, sizeof(v));
	return v;
}

TEST(every_block_is_whole_and_tells_its_length_twice)
{
	struct pcapng p = {0};
	uint8_t frame[61] = {1, 2, 3};
	size_t blocks = 0;

	pcapng_section(&p, "Linux 6.1", "test");
	pcapng_interface(&p, "veth0@a", 1, 262144, "icmp");
	for (uint32_t held = 0; held <= sizeof(frame); held++) {
		struct pcapng_packet packet = {.bytes = frame,
			.held = held,
			.length = 100,
			.flags = held & 1 ? PCAPNG_INBOUND : 0,
			.id = held & 2 ? 99 : 0,
			.comment = held & 4 ? "lost" : NULL};
		size_t before = p.size;

		pcapng_packet(&p, &packet);
		CHECK(p.size - before == pcapng_packet_size(&packet));
	}
	pcapng_statistics(&p, &(struct pcapng_statistics){.comment = "x", .lost_known = true});
	for (size_t at = 0; at < p.size; blocks++) {
		uint32_t total = number(&p, at + 4);

		CHECK(total % 4 == 0 && total >= 12 && at + total <= p.size);
		CHECK(number(&p, at + total - 4) == total);
		at += total;
	}
	CHECK(blocks == 2 + sizeof(frame) + 1 + 1);
	pcapng_done(&p);
}

TEST(times_keep_their_nanoseconds)
{
	struct pcapng p = {0};
	int64_t time = INT64_C(1700000000123456789);

	pcapng_packet(&p, &(struct pcapng_packet){.time = time});
	CHECK(((uint64_t)number(&p, 12) << 32 | number(&p, 16)) == (uint64_t)time);
	pcapng_done(&p);
}
