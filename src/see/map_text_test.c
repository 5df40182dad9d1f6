#include "see/map_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "see/fake.h"
#include "test.h"

static const struct canvas_look utf8 = {.utf8 = true};

/* Ends the topology. */
static void check(struct topology *t, int width, const char *want)
{
	struct map m;
	char *got;

	CHECK(map_build(&m, t, NULL) == 0);
	got = map_text(&m, width, utf8);
	CHECK_TEXT(got, want);
	free(got);
	map_free(&m);
	topology_free(t);
}

TEST(a_cable_is_drawn_with_both_its_ends)
{
	struct topology t = fake_begin("A", "B", NULL);
	int a = fake_device(&t, 0, "a0", DEVICE_VETH, "10.0.0.1/24");
	int b = fake_device(&t, 1, "b0", DEVICE_VETH, "10.0.0.2/24");

	fake_cable(&t, a, b);
	check(&t, 0,
		"┌─ A ─────────────┐\n"
		"│ a0  10.0.0.1/24 ├────╮\n"
		"└─────────────────┘    │\n"
		"┌─ B ─────────────┐    │\n"
		"│ b0  10.0.0.2/24 ├────╯\n"
		"└─────────────────┘\n");
}

static struct topology two_pairs(void)
{
	struct topology t = fake_begin("A", "B", "C", "D", NULL);
	int a = fake_device(&t, 0, "a0", DEVICE_VETH, NULL);
	int b = fake_device(&t, 1, "b0", DEVICE_VETH, NULL);
	int c = fake_device(&t, 2, "c0", DEVICE_VETH, "10.0.0.1/24");
	int d = fake_device(&t, 3, "d0", DEVICE_VETH, NULL);

	fake_cable(&t, a, b);
	fake_cable(&t, c, d);
	return t;
}

TEST(networks_that_are_not_joined_stand_beside_each_other_where_there_is_room)
{
	struct topology t = two_pairs();

	check(&t, 50,
		"┌─ A ──┐        ┌─ C ─────────────┐\n"
		"│ a0   ├────╮   │ c0  10.0.0.1/24 ├────╮\n"
		"└──────┘    │   └─────────────────┘    │\n"
		"┌─ B ──┐    │   ┌─ D ─────────────┐    │\n"
		"│ b0   ├────╯   │ d0              ├────╯\n"
		"└──────┘        └─────────────────┘\n");
	t = two_pairs();
	check(&t, 36,
		"┌─ A ─────────────┐\n"
		"│ a0              ├────╮\n"
		"└─────────────────┘    │\n"
		"┌─ B ─────────────┐    │\n"
		"│ b0              ├────╯\n"
		"└─────────────────┘\n"
		"\n"
		"┌─ C ─────────────┐\n"
		"│ c0  10.0.0.1/24 ├────╮\n"
		"└─────────────────┘    │\n"
		"┌─ D ─────────────┐    │\n"
		"│ d0              ├────╯\n"
		"└─────────────────┘\n");
}

/* The picture that Warren is about. */
static struct topology vpn(void)
{
	struct topology t = fake_begin("host-b", "internet", "site-a", "site-b", NULL);
	int host = fake_device(&t, 0, "eth0", DEVICE_VETH, "192.168.4.10/24");
	int a = fake_device(&t, 1, "a", DEVICE_VETH, "10.32.0.1/24");
	int b = fake_device(&t, 1, "b", DEVICE_VETH, "10.33.0.254/24");
	int site_a = fake_device(&t, 2, "eth0", DEVICE_VETH, "10.32.0.11/24");
	int tun_a = fake_device(&t, 2, "tun0", DEVICE_TUN, "192.168.3.11/24");
	int site_b = fake_device(&t, 3, "eth0", DEVICE_VETH, "10.33.0.1/24");
	int tun_b = fake_device(&t, 3, "tun0", DEVICE_TUN, "192.168.3.1/24");
	int lan = fake_device(&t, 3, "lan0", DEVICE_VETH, "192.168.4.1/24");

	fake_cable(&t, site_a, a);
	fake_cable(&t, b, site_b);
	fake_cable(&t, lan, host);
	fake_holder(&t, tun_a, 812, "warren");
	fake_holder(&t, tun_b, 815, "warren");
	return t;
}

static char *vpn_draw(const struct topology *t, int width, struct canvas_look look)
{
	struct map m;
	char *got;

	CHECK(map_build(&m, t, NULL) == 0);
	CHECK(map_join(&m, topology_device_named(t, 2, "tun0"),
		      topology_device_named(t, 3, "tun0")) == 0);
	got = map_text(&m, width, look);
	map_free(&m);
	return got;
}

TEST(the_vpn_picture_has_rooms_cables_processes_and_the_tunnel_between_them)
{
	struct topology t = vpn();
	char *got = vpn_draw(&t, 80, utf8);

	CHECK_TEXT(got, "┌─ site-a ──────────────┐\n"
			"│ eth0  10.32.0.11/24   ├─────────────────╮\n"
			"│ tun0  192.168.3.11/24 ├── warren (812) ═╪═╗\n"
			"└───────────────────────┘                 │ ║\n"
			"┌─ internet ────────────┐                 │ ║\n"
			"│ a     10.32.0.1/24    ├─────────────────╯ ║\n"
			"│ b     10.33.0.254/24  ├────╮              ║\n"
			"└───────────────────────┘    │              ║\n"
			"┌─ site-b ──────────────┐    │              ║\n"
			"│ eth0  10.33.0.1/24    ├────╯              ║\n"
			"│ lan0  192.168.4.1/24  ├─────────────────╮ ║\n"
			"│ tun0  192.168.3.1/24  ├── warren (815) ═╪═╝\n"
			"└───────────────────────┘                 │\n"
			"┌─ host-b ──────────────┐                 │\n"
			"│ eth0  192.168.4.10/24 ├─────────────────╯\n"
			"└───────────────────────┘\n");
	free(got);
	topology_free(&t);
}

TEST(the_same_network_is_drawn_in_ascii)
{
	struct topology t = vpn();
	char *got = vpn_draw(&t, 80, (struct canvas_look){0});

	for (const char *c = got; *c; c++)
		CHECK((unsigned char)*c < 0x80);
	CHECK(strstr(got, "| tun0  192.168.3.11/24 +-- warren (812) ") != NULL);
	free(got);
	topology_free(&t);
}

TEST(wires_that_find_no_room_are_written_out_and_nothing_is_wider_than_the_terminal)
{
	struct topology t = vpn();

	for (int width = 20; width < 90; width += 7) {
		char *got = vpn_draw(&t, width, utf8);

		for (char *line = strtok(got, "\n"); line; line = strtok(NULL, "\n"))
			CHECK(text_columns(line) <= width);
		free(got);
	}
	char *narrow = vpn_draw(&t, 44, utf8);

	CHECK(strstr(narrow, "→ internet:a") != NULL);
	free(narrow);
	topology_free(&t);
}

TEST(the_leaves_of_a_hub_stand_at_the_ends_of_their_cables)
{
	struct topology t = fake_begin("lan", NULL);
	int ports[5];

	fake_device(&t, 0, "br0", DEVICE_BRIDGE, NULL);
	for (int i = 0; i < 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%d", i + 1);
		ports[i] = fake_device(&t, 0, name, DEVICE_VETH, NULL);
		fake_port(&t, ports[i], 0);
	}
	for (int i = 0; i < 5; i++) {
		char name[16], address[32];
		int eth;

		snprintf(name, sizeof(name), "h%d", i + 1);
		snprintf(address, sizeof(address), "10.1.0.%d/16", i + 8);
		fake_netns(&t, name);
		eth = fake_device(&t, i + 1, "eth0", DEVICE_VETH, address);
		fake_cable(&t, ports[i], eth);
	}
	t.devices[topology_device_named(&t, 3, "eth0")].up = false;
	check(&t, 0,
		"┌─ lan ─────────┐\n"
		"│ br0    bridge │\n"
		"│ ├─ p1         ├── [ h1  eth0  10.1.0.8/16        ]\n"
		"│ ├─ p2         ├── [ h2  eth0  10.1.0.9/16        ]\n"
		"│ ├─ p3         ├── [ h3  eth0  10.1.0.10/16  down ]\n"
		"│ ├─ p4         ├── [ h4  eth0  10.1.0.11/16       ]\n"
		"│ ╰─ p5         ├── [ h5  eth0  10.1.0.12/16       ]\n"
		"└───────────────┘\n");
}

TEST(what_is_down_has_no_carrier_or_no_process_is_said)
{
	struct topology t = fake_begin("A", "B", "C", NULL);
	int a = fake_device(&t, 0, "a0", DEVICE_VETH, NULL);
	int tap = fake_device(&t, 0, "tap0", DEVICE_TAP, "10.9.0.1/24");
	int b = fake_device(&t, 1, "b0", DEVICE_VETH, NULL);

	fake_device(&t, 2, "lo", DEVICE_LOOPBACK, NULL);
	fake_cable(&t, a, b);
	t.devices[a].carrier = t.devices[tap].carrier = false;
	t.devices[b].up = t.devices[b].carrier = false;
	check(&t, 0,
		"┌─ A ────────────────────────────────┐\n"
		"│ a0    no carrier                   ├───────────────╮\n"
		"│ tap0  10.9.0.1/24  tap, no carrier ├── no process  │\n"
		"└────────────────────────────────────┘               │\n"
		"┌─ B ────────────────────────────────┐               │\n"
		"│ b0    down                         ├───────────────╯\n"
		"└────────────────────────────────────┘\n"
		"nothing but lo: C\n");
}

TEST(a_twin_in_a_room_that_is_not_drawn_is_named)
{
	struct topology t = fake_begin("A", "B", NULL);
	int a = fake_device(&t, 0, "a0", DEVICE_VETH, NULL);
	int b = fake_device(&t, 1, "b0", DEVICE_VETH, NULL);
	bool shown[] = {true, false};
	struct map m;
	char *got;

	fake_cable(&t, a, b);
	CHECK(map_build(&m, &t, shown) == 0);
	got = map_text(&m, 0, utf8);
	CHECK_TEXT(got, "┌─ A ──┐\n"
			"│ a0   ├── → B:b0\n"
			"└──────┘\n");
	free(got);
	map_free(&m);
	topology_free(&t);
}
