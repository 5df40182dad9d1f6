#include <stdlib.h>
#include <string.h>

#include "staging.h"
#include "test.h"

enum { PEERS = 40 };

static struct staging staging;
static struct peer peers[PEERS];

static uint32_t put(struct peer *p, uint32_t number, uint32_t length)
{
	static uint8_t packet[65535];

	memset(packet, (int)number, length);
	memcpy(packet, &number, length < 4 ? length : 4);
	return staging_put(&staging, p, packet, length);
}

/* The number of the oldest packet, UINT32_MAX when there is none. */
static uint32_t next(struct peer *p, uint32_t *length)
{
	static uint8_t packet[65535];
	uint32_t number = UINT32_MAX;

	staging_lock(&staging);
	*length = staging_pending(p) ? staging_next(&staging, p, packet) : 0;
	CHECK(!*length || staging_pending(p)); /* until it was sent */
	staging_sent(&staging, p);
	staging_unlock(&staging);
	if (*length)
		memcpy(&number, packet, 4);
	for (uint32_t i = 4; i < *length; i++)
		CHECK(packet[i] == (uint8_t)number);
	return number;
}

TEST(packets_come_out_in_the_order_they_went_in)
{
	uint32_t length;

	CHECK(!staging_init(&staging));
	for (uint32_t i = 0; i < 100; i++)
		CHECK(!put(&peers[i % 3], i, 20 + i * 90));
	for (uint32_t i = 0; i < 100; i++)
		CHECK(next(&peers[i % 3], &length) == i && length == 20 + i * 90);
	CHECK(!staging_pending(&peers[0]) && next(&peers[0], &length) == UINT32_MAX);
	staging_done(&staging);
}

TEST(the_129th_packet_pushes_out_the_first)
{
	uint32_t length;

	CHECK(!staging_init(&staging));
	for (uint32_t i = 0; i < PEER_STAGED; i++)
		CHECK(!put(&peers[0], i, 100));
	CHECK(put(&peers[0], 1000, 100) == 1);
	CHECK(next(&peers[0], &length) == 1);
	CHECK(staging_drop(&staging, &peers[0]) == PEER_STAGED - 1);
	CHECK(!staging_pending(&peers[0]));
	staging_done(&staging);
}

TEST(only_a_peer_that_waits_can_be_ready_and_is_handed_out_once)
{
	CHECK(!staging_init(&staging));
	CHECK(!staging_ready(&staging, &peers[0]));
	put(&peers[0], 1, 100);
	put(&peers[1], 1, 100);
	CHECK(!staging_next_ready(&staging));
	CHECK(staging_ready(&staging, &peers[1]));
	CHECK(staging_next_ready(&staging) == &peers[1]);
	CHECK(!staging_next_ready(&staging));
	staging_done(&staging);
	CHECK(!staging_pending(&peers[0]) && !staging_pending(&peers[1]));
}

TEST(an_empty_pool_loses_the_newest_and_recovers)
{
	uint32_t held = 0, tried = 0, length;

	CHECK(!staging_init(&staging));
	for (int p = 0; p < PEERS; p++)
		for (int i = 0; i < PEER_STAGED; i++, tried++)
			held += !put(&peers[p], 5, 4000);
	CHECK(held < tried && held >= STAGING_BLOCKS / 3);
	CHECK(put(&peers[0], 9, 3000) ==
		1); /* the oldest makes room for it, or it is lost itself */
	for (int p = 0; p < PEERS; p++)
		staging_drop(&staging, &peers[p]);
	CHECK(!put(&peers[7], 3, 65535) && next(&peers[7], &length) == 3 && length == 65535);
	staging_done(&staging);
}

TEST(it_agrees_with_plain_queues_on_random_use)
{
	static uint32_t model[PEERS][100000];
	uint32_t head[PEERS] = {0}, tail[PEERS] = {0}, length;

	CHECK(!staging_init(&staging));
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t k = (uint32_t)dice(PEERS);
		struct peer *p = &peers[k];

		switch (dice(20)) {
		case 0:
			CHECK(staging_drop(&staging, p) == tail[k] - head[k]);
			head[k] = tail[k];
			break;
		case 1 ... 8:
			CHECK(next(p, &length) ==
				(head[k] < tail[k] ? model[k][head[k]] : UINT32_MAX));
			head[k] += head[k] < tail[k];
			break;
		default:
			model[k][tail[k]++] = i;
			if (put(p, i, 4 + (uint32_t)dice(2500)))
				head[k]++;
			CHECK(tail[k] - head[k] <= PEER_STAGED);
		}
		CHECK(staging_pending(p) == (head[k] < tail[k]));
	}
	staging_done(&staging);
}
