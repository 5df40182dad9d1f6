/* Tunnels: their ends, and what follows from the rest of the network.
 *
 *	site-a                                          site-b
 *	tun0 192.168.3.11/24 ==========================  tun0 192.168.3.1/24
 *	192.168.4.0/24 dev tun0                          default via 10.33.0.254
 *	eth0 10.32.0.11/24                               eth0 10.33.0.1/24
 *
 * Reached through site-b:tun0 is its subnet 192.168.3.0/24 and what site-a
 * routes to its own end, 192.168.4.0/24.  Site-b is found at 10.33.0.1, since
 * its default route leaves by eth0.
 *
 * A device may be the end of several tunnels.  Then its subnet belongs to all
 * of them, so each peer stands for its own addresses only, and for what is
 * routed `via` one of these.
 */
#include <stdio.h>
#include <string.h>

#include "net/plan_build.h"
#include "net/range.h"
#include "net/value.h"

static const char tunnel_words[] = "a tunnel: NODE:DEVICE == NODE:DEVICE";

static struct plan_device *device_of(const struct build *b, const struct plan_end *e)
{
	return &b->plan->nodes[e->node].devices[e->device];
}

static int add_tunnel(struct build *b, const struct tree *t, const char *const names[2],
	const struct place places[2], bool of_range)
{
	const char *mode = build_text(t, "mode"), *compress = build_text(t, "compress");
	struct plan_tunnel tunnel = {
		.at = t->at,
		.mode = mode && !strcmp(mode, "tap") ? TUNNEL_TAP : TUNNEL_TUN,
		.psk = build_bool(t, "psk", false),
	};
	int err = build_spend(b, t->at, 1);

	if (compress && strcmp(compress, "none") != 0)
		tunnel.compress = strcmp(compress, "lz4") ? COMPRESS_ZSTD : COMPRESS_LZ4;
	if (tree_get(t, "rate"))
		value_rate(&tunnel.rate, build_text(t, "rate"));
	for (int i = 0; !err && i < 2; i++)
		err = build_end(b, &tunnel.ends[i].end, names[i], places[i], KIND_TUNNEL, "tunnel");
	if (err)
		return err;
	if (!strcmp(names[0], names[1]))
		return BUILD_FAIL(
			b, places[1], "found %s at both ends, expected two devices", names[1]);
	for (int i = 0; i < 2; i++) {
		struct plan_device *d = device_of(b, &tunnel.ends[i].end);

		d->mtu = (uint32_t)build_number(t, "mtu", d->mtu);
	}
	*ARENA_PUSH(b->arena, b->plan->tunnels, b->plan->tunnel_count) = tunnel;
	*ARENA_PUSH(b->arena, b->tunnels, b->tunnel_count) = (struct draft_tunnel){t, of_range};
	return 0;
}

/* One end on a side meets each on the other: a hub and its spokes. */
static int add_tunnels(struct build *b, const struct tree *t)
{
	struct build_pair pair;
	struct range ranges[2];
	size_t most;
	int err = build_pair(b, &pair, t, "==", "--", tunnel_words);

	for (int i = 0; !err && i < 2; i++)
		err = build_range(b, &ranges[i], pair.places[i], pair.texts[i]);
	if (err)
		return err;
	most = ranges[0].count > ranges[1].count ? ranges[0].count : ranges[1].count;
	for (int i = 0; i < 2; i++)
		if (ranges[i].count != most && ranges[i].count != 1)
			return BUILD_FAIL(b, pair.places[1],
				"found %zu ends here and %zu on the other side, expected as many, or one",
				ranges[1].count, ranges[0].count);
	for (size_t i = 0; !err && i < most; i++)
		err = add_tunnel(b, t,
			(const char *const[2]){ranges[0].names[ranges[0].count > 1 ? i : 0],
				ranges[1].names[ranges[1].count > 1 ? i : 0]},
			pair.places, most > 1);
	return err;
}

/* The same two devices may not be joined twice. */
static int check_pairs(struct build *b)
{
	struct names seen = {.arena = b->arena};

	for (size_t i = 0; i < b->plan->tunnel_count; i++) {
		struct plan_tunnel *t = &b->plan->tunnels[i];
		int *key = arena_get(b->arena, 4 * sizeof(int));
		bool swap = t->ends[0].end.node > t->ends[1].end.node ||
			    (t->ends[0].end.node == t->ends[1].end.node &&
				    t->ends[0].end.device > t->ends[1].end.device);

		for (int j = 0; j < 2; j++) {
			key[2 * j] = t->ends[j ^ swap].end.node;
			key[2 * j + 1] = t->ends[j ^ swap].end.device;
		}
		if (!names_add(&seen, 0, key, 4 * sizeof(int), (int)t->at.line))
			return BUILD_FAIL(b, t->ends[0].end.at,
				"found a second tunnel between the same two ends, expected one (first in line %d)",
				names_find(&seen, 0, key, 4 * sizeof(int)));
	}
	return 0;
}

int plan_tunnels_build(struct build *b, const struct tree *file)
{
	const struct tree *t = tree_get(file, "tunnels");
	int err = 0;

	for (size_t i = 0; t && !err && i < t->count; i++)
		err = add_tunnels(b, &t->items[i]);
	return err ? err : check_pairs(b);
}
