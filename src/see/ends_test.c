#include "see/ends.h"

#include <stdio.h>
#include <string.h>

#include "see/fake.h"
#include "test.h"

/* How each namespace numbers the others: numbers[in][other]. */
struct numbers {
	int32_t of[8][8];
	size_t asked;
};

static int32_t ask(void *arg, int in, int other)
{
	struct numbers *n = arg;

	n->asked++;
	return n->of[in][other];
}

static struct numbers none(void)
{
	struct numbers n;

	memset(&n, -1, sizeof(n));
	n.asked = 0;
	return n;
}

static int veth(struct topology *t, int netns, uint32_t link, int32_t nsid)
{
	int at = fake_device(t, netns, "eth0", DEVICE_VETH, NULL);

	t->devices[at].link = link;
	t->devices[at].link_nsid = nsid;
	return at;
}

TEST(twins_are_found_in_one_namespace)
{
	struct topology t = fake_begin("A", NULL);
	struct numbers n = none();
	int a = veth(&t, 0, 2, -1), b = veth(&t, 0, 1, -1);

	CHECK(ends_find(&t, &(struct end_questions){.number = ask, .arg = &n}) == 0);
	CHECK(t.devices[a].end.type == END_DEVICE && t.devices[a].end.device == b);
	CHECK(t.devices[b].end.type == END_DEVICE && t.devices[b].end.device == a);
	CHECK(n.asked == 0);
	topology_free(&t);
}

/* A, B, C and D all have eth0 with ifindex 1 and link 1: only the numbers tell A-C and B-D. */
TEST(twins_with_equal_numbers_are_told_apart_by_their_namespaces)
{
	struct topology t = fake_begin("A", "B", "C", "D", NULL);
	struct numbers n = none();
	int a = veth(&t, 0, 1, 0), b = veth(&t, 1, 1, 0), c = veth(&t, 2, 1, 5),
	    d = veth(&t, 3, 1, 0);

	n.of[0][2] = 0;
	n.of[2][0] = 5;
	n.of[1][3] = 0;
	n.of[3][1] = 0;
	n.of[0][1] = 3; /* they know each other for another reason */
	CHECK(ends_find(&t, &(struct end_questions){.number = ask, .arg = &n}) == 0);
	CHECK(t.devices[a].end.device == c);
	CHECK(t.devices[c].end.device == a);
	CHECK(t.devices[b].end.device == d);
	CHECK(t.devices[d].end.device == b);
	topology_free(&t);
}

TEST(a_twin_in_a_namespace_that_is_not_seen_leaves_its_number)
{
	struct topology t = fake_begin("A", "B", NULL);
	struct numbers n = none();
	int a = veth(&t, 0, 7, 4);

	CHECK(ends_find(&t, &(struct end_questions){.number = ask, .arg = &n}) == 0);
	CHECK(t.devices[a].end.type == END_DEVICE);
	CHECK(t.devices[a].end.netns == TOPOLOGY_NONE);
	CHECK(t.devices[a].end.device == TOPOLOGY_NONE);
	CHECK(t.devices[a].end.ifindex == 7);
	topology_free(&t);
}

TEST(each_kind_has_the_end_that_its_driver_gives_it)
{
	struct topology t = fake_begin("A", "B", NULL);
	struct numbers n = none();
	int lo = fake_device(&t, 0, "lo", DEVICE_LOOPBACK, NULL);
	int eth = fake_device(&t, 0, "eth0", DEVICE_PHYSICAL, NULL);
	int br = fake_device(&t, 0, "br0", DEVICE_BRIDGE, NULL);
	int vx = fake_device(&t, 1, "vx0", DEVICE_VXLAN, NULL);
	int tap = fake_device(&t, 1, "tap0", DEVICE_TAP, NULL);

	/* A vxlan that was made in A and moved to B still sends from A, over eth0. */
	t.devices[vx].tunnel.lower = t.devices[eth].ifindex;
	t.devices[vx].link_nsid = 9;
	n.of[1][0] = 9;
	CHECK(ends_find(&t, &(struct end_questions){.number = ask, .arg = &n}) == 0);
	CHECK(t.devices[lo].end.type == END_STACK && t.devices[lo].end.netns == 0);
	CHECK(t.devices[eth].end.type == END_WIRE);
	CHECK(t.devices[br].end.type == END_PORTS);
	CHECK(t.devices[tap].end.type == END_PROCESS);
	CHECK(t.devices[vx].end.type == END_UNDERLAY);
	CHECK(t.devices[vx].end.netns == 0 && t.devices[vx].end.device == eth);
	topology_free(&t);
}

/* The lan numbers its hosts in order, and each host calls the lan 0. */
static int32_t lan_ask(void *arg, int in, int other)
{
	++*(size_t *)arg;
	return in == 0 ? other - 1 : other == 0 ? 0 : -1;
}

TEST(hundreds_of_cables_need_one_question_each)
{
	enum { HOSTS = 500 };
	struct topology t = fake_begin("lan", NULL);
	size_t asked = 0;

	for (int i = 0; i < HOSTS; i++)
		veth(&t, 0, 1, i);
	for (int i = 0; i < HOSTS; i++) {
		fake_netns(&t, "h");
		veth(&t, i + 1, (uint32_t)i + 1, 0);
	}
	CHECK(ends_find(&t, &(struct end_questions){.number = lan_ask, .arg = &asked}) == 0);
	for (int i = 0; i < HOSTS; i++) {
		CHECK(t.devices[i].end.device == HOSTS + i);
		CHECK(t.devices[HOSTS + i].end.device == i);
	}
	CHECK(asked == HOSTS);
	topology_free(&t);
}

/* 64 pairs of namespaces that are alike but for the MAC addresses. */
struct crowd {
	struct topology *t;
	size_t asked;
};

static int32_t crowd_number(void *arg, int in, int other)
{
	struct crowd *c = arg;

	c->asked++;
	return other == (in ^ 1) ? 0 : -1;
}

static bool crowd_look(void *arg, int in, int32_t number, uint32_t ifindex, struct device *d)
{
	const struct crowd *c = arg;

	CHECK(number == 0 && ifindex == 1);
	*d = c->t->devices[in ^ 1];
	return true;
}

TEST(in_a_crowd_of_equal_numbers_few_questions_are_enough)
{
	struct topology t = {0};
	struct crowd c = {.t = &t};

	for (int i = 0; i < 128; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		fake_netns(&t, name);
	}
	for (int i = 0; i < 128; i++) {
		int at = veth(&t, i, 1, 0);

		t.devices[at].mac[5] = (uint8_t)i;
	}
	CHECK(ends_find(&t, &(struct end_questions){
				    .number = crowd_number, .look = crowd_look, .arg = &c}) == 0);
	for (int i = 0; i < 128; i++)
		CHECK(t.devices[i].end.device == (i ^ 1));
	CHECK(c.asked <= 128);
	c.asked = 0;
	for (int i = 0; i < 128; i++)
		t.devices[i].end = (struct other_end){0};
	/* the same without being told more */
	CHECK(ends_find(&t, &(struct end_questions){.number = crowd_number, .arg = &c}) == 0);
	CHECK(t.devices[0].end.device == 1 && t.devices[127].end.device == 126);
	topology_free(&t);
}
