#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "see/fake.h"
#include "test.h"

enum { MANY = 64 };
static bool reached[MANY];

/* A a0 === p1 \                      /  p3 === c0 C
 *              br0 (in L), three ports, and b0 of B at p2 */
struct lan {
	struct topology t;
	int a0, b0, c0, br0, p1, p2, p3;
};

static struct lan lan(void)
{
	struct lan l = {.t = fake_begin("A", "B", "C", "L", NULL)};

	l.a0 = fake_device(&l.t, 0, "a0", DEVICE_VETH, "10.0.0.1/24");
	l.b0 = fake_device(&l.t, 1, "b0", DEVICE_VETH, "10.0.0.2/24");
	l.c0 = fake_device(&l.t, 2, "c0", DEVICE_VETH, "10.0.0.3/24");
	l.br0 = fake_device(&l.t, 3, "br0", DEVICE_BRIDGE, NULL);
	l.p1 = fake_device(&l.t, 3, "p1", DEVICE_VETH, NULL);
	l.p2 = fake_device(&l.t, 3, "p2", DEVICE_VETH, NULL);
	l.p3 = fake_device(&l.t, 3, "p3", DEVICE_VETH, NULL);
	fake_cable(&l.t, l.a0, l.p1);
	fake_cable(&l.t, l.b0, l.p2);
	fake_cable(&l.t, l.c0, l.p3);
	fake_port(&l.t, l.p1, l.br0);
	fake_port(&l.t, l.p2, l.br0);
	fake_port(&l.t, l.p3, l.br0);
	return l;
}

TEST(a_bridge_leads_to_all_its_ports_but_the_one_it_came_from)
{
	struct lan l = lan();

	CHECK(topology_segment(&l.t, l.a0, SEGMENT_PASSING, reached) == 3);
	CHECK(reached[l.b0] && reached[l.c0] && reached[l.br0]);
	CHECK(!reached[l.a0] && !reached[l.p2]);
	CHECK(topology_segment(&l.t, l.br0, SEGMENT_PASSING, reached) == 3);
	CHECK(reached[l.a0] && reached[l.b0] && reached[l.c0]);
	topology_free(&l.t);
}

TEST(what_is_blocked_isolated_or_down_is_cabled_but_does_not_pass)
{
	struct lan l = lan();

	l.t.devices[l.p1].port.isolated = l.t.devices[l.p2].port.isolated = true;
	CHECK(topology_segment(&l.t, l.a0, SEGMENT_PASSING, reached) == 2);
	CHECK(!reached[l.b0] && reached[l.c0]);
	l.t.devices[l.p3].port.state = BR_STATE_BLOCKING;
	CHECK(topology_segment(&l.t, l.a0, SEGMENT_PASSING, reached) == 1);
	l.t.devices[l.br0].up = false;
	CHECK(topology_segment(&l.t, l.a0, SEGMENT_PASSING, reached) == 0);
	CHECK(topology_segment(&l.t, l.a0, SEGMENT_CABLED, reached) == 3);
	topology_free(&l.t);
}

/* m1, m2 on wan of R: siblings reach each other, the lower device only by cable. */
TEST(macvlan_siblings_meet_unless_their_mode_keeps_them_apart)
{
	struct topology t = fake_begin("R", "M", "N", NULL);
	int wan = fake_device(&t, 0, "wan", DEVICE_VETH, NULL);
	int m1 = fake_device(&t, 1, "m1", DEVICE_MACVLAN, NULL);
	int m2 = fake_device(&t, 2, "m2", DEVICE_MACVLAN, NULL);

	fake_lower(&t, m1, wan);
	fake_lower(&t, m2, wan);
	CHECK(topology_segment(&t, m1, SEGMENT_PASSING, reached) == 1);
	CHECK(reached[m2]);
	t.devices[m2].macvlan_mode = MACVLAN_MODE_PRIVATE;
	CHECK(topology_segment(&t, m1, SEGMENT_PASSING, reached) == 0);
	CHECK(topology_segment(&t, m1, SEGMENT_CABLED, reached) == 2);
	CHECK(reached[m2] && reached[wan] && !reached[m1]);
	topology_free(&t);
}

static int vxlan(struct topology *t, int netns, uint32_t id, const uint8_t remote[4])
{
	int at = fake_device(t, netns, "vx", DEVICE_VXLAN, NULL);

	t->devices[at].tunnel = (struct encapsulation){.id = id, .family = AF_INET, .port = 4789};
	memcpy(t->devices[at].tunnel.remote, remote, 4);
	return at;
}

TEST(a_vxlan_leads_to_the_one_that_its_remote_address_belongs_to)
{
	struct topology t = fake_begin("A", "B", "C", NULL);
	int vx_a, vx_b, vx_c;

	fake_device(&t, 0, "a0", DEVICE_VETH, "10.0.0.1/24");
	vx_a = vxlan(&t, 0, 7, (const uint8_t[]){10, 0, 0, 2});
	fake_device(&t, 1, "b0", DEVICE_VETH, "10.0.0.2/24");
	vx_b = vxlan(&t, 1, 7, (const uint8_t[]){10, 0, 0, 1});
	fake_device(&t, 2, "c0", DEVICE_VETH, "10.0.0.3/24");
	vx_c = vxlan(&t, 2, 7, (const uint8_t[]){10, 0, 0, 1});
	CHECK(topology_segment(&t, vx_a, SEGMENT_PASSING, reached) == 1);
	CHECK(reached[vx_b]);
	CHECK(topology_segment(&t, vx_c, SEGMENT_PASSING, reached) == 1);
	CHECK(reached[vx_a]);
	t.devices[vx_b].tunnel.id = 8;
	CHECK(topology_segment(&t, vx_a, SEGMENT_CABLED, reached) == 0);
	topology_free(&t);
}

TEST(a_circle_of_bridges_ends)
{
	struct topology t = fake_begin("A", "B", NULL);
	int br[2], ports[2][2];

	for (int i = 0; i < 2; i++) {
		br[i] = fake_device(&t, i, "br0", DEVICE_BRIDGE, NULL);
		for (int k = 0; k < 2; k++) {
			ports[i][k] = fake_device(&t, i, k ? "q" : "p", DEVICE_VETH, NULL);
			fake_port(&t, ports[i][k], br[i]);
		}
	}
	for (int k = 0; k < 2; k++)
		fake_cable(&t, ports[0][k], ports[1][k]);
	CHECK(topology_segment(&t, br[0], SEGMENT_PASSING, reached) == 2);
	CHECK(reached[br[0]] && reached[br[1]]); /* it comes back: the circle */
	topology_free(&t);
}

TEST(an_address_is_found_with_all_its_owners)
{
	struct topology t = fake_begin("A", "B", "C", NULL);
	const uint8_t ip[] = {10, 0, 0, 1}, other[] = {10, 0, 0, 9};
	int a = fake_device(&t, 0, "a0", DEVICE_VETH, "10.0.0.1/24"), c;

	fake_device(&t, 1, "b0", DEVICE_VETH, "10.0.0.2/24");
	c = fake_device(&t, 2, "c0", DEVICE_VETH, "10.0.0.1/8");
	CHECK(topology_owner(&t, AF_INET, ip, TOPOLOGY_NONE) == a);
	CHECK(topology_owner(&t, AF_INET, ip, a) == c);
	CHECK(topology_owner(&t, AF_INET, ip, c) == TOPOLOGY_NONE);
	CHECK(topology_owner(&t, AF_INET, other, TOPOLOGY_NONE) == TOPOLOGY_NONE);
	CHECK(topology_device_named(&t, 2, "c0") == c);
	CHECK(topology_device_named(&t, 1, "c0") == TOPOLOGY_NONE);
	CHECK(topology_device(&t, t.netns[2].node.inode, 1) == c);
	CHECK(topology_device_at(&t, 2, 2) == TOPOLOGY_NONE);
	topology_free(&t);
}
