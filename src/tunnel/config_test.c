/* Settings and a device: applied whole or not at all, and told as they were set. */
#include "tunnel/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "test.h"
#include "tunnel/join.h"

#define KEY_A "aa00000000000000000000000000000000000000000000000000000000000001"
#define KEY_B "bb00000000000000000000000000000000000000000000000000000000000002"
#define KEY_C "cc00000000000000000000000000000000000000000000000000000000000003"
#define KEY_D "dd00000000000000000000000000000000000000000000000000000000000004"

static int send_nothing(void *arg, const struct endpoint *to, const void *message, size_t length)
{
	return 0;
}

static void do_nothing(void *arg)
{
}

static void do_nothing_for(void *arg, struct peer *p)
{
}

static void not_ready(void *arg, struct peer *p, bool keepalive)
{
}

static const struct device_calls calls = {
	.send = send_nothing,
	.ready = not_ready,
	.purge = do_nothing_for,
	.release = do_nothing_for,
	.wake = do_nothing,
};

static struct device device;
static const struct moment moment = {1000 * SECOND, 1000 * SECOND};

/* A set over the UAPI; 0 or -errno. */
static int set(const char *text)
{
	struct uapi_request q = {0};
	size_t taken;
	int err;

	CHECK(uapi_request_feed(&q, "set=1\n", 6, &taken) == false);
	if (*text)
		CHECK(!uapi_request_feed(&q, text, strlen(text), &taken));
	CHECK(uapi_request_feed(&q, "\n", 1, &taken));
	err = q.error;
	if (!err)
		err = config_prepare(&device, &q.settings);
	if (!err)
		config_apply(&device, &q.settings, &moment);
	uapi_request_done(&q);
	return err;
}

/* What get=1 would say; the caller frees it. */
static char *told(void)
{
	struct config_socket socket = {0};
	struct device_walk walk = {0};
	struct uapi_reply r = {0};
	char *text;

	CHECK(!config_get(&r, &device, &socket, &walk));
	CHECK(!r.failed);
	text = strndup(r.bytes ? r.bytes : "", r.size);
	uapi_reply_done(&r);
	return text;
}

static void check_told(const char *want)
{
	char *text = told();

	CHECK_TEXT(text, want);
	free(text);
}

/* The allowed-ips of all peers, in the order told. */
static void check_allowed(const char *want)
{
	char *text = told(), all[512] = "", *place;

	for (char *line = strtok_r(text, "\n", &place); line; line = strtok_r(NULL, "\n", &place)) {
		if (!strncmp(line, "public_key=", 11))
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%.1s:", line + 11);
		if (!strncmp(line, "allowed_ip=", 11))
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ", line + 11);
	}
	CHECK_TEXT(all, want);
	free(text);
}

static void begin(void)
{
	CHECK(device_init(&device, &calls, NULL) == 0);
}

TEST(when_memory_runs_out_at_any_point_a_set_changes_nothing)
{
	static const char before[] =
		"private_key=" KEY_A "\n"
		"public_key=" KEY_B "\nallowed_ip=10.0.0.0/8\nendpoint=1.2.3.4:5\n"
		"public_key=" KEY_C "\nallowed_ip=10.1.0.0/16\nallowed_ip=10.2.0.0/16\n";
	static const char change[] =
		"private_key=" KEY_C "\n"
		"public_key=" KEY_B "\nremove=true\n"
		"public_key=" KEY_C "\nreplace_allowed_ips=true\nallowed_ip=10.1.0.0/16\n"
		"allowed_ip=10.1.2.0/24\nallowed_ip=2001:db8::/32\n"
		"public_key=" KEY_D "\nallowed_ip=10.3.0.0/16\nallowed_ip=10.2.0.0/16\n"
		"persistent_keepalive_interval=9\n"
		"public_key=" KEY_B "\nallowed_ip=10.9.0.0/16\n";
	struct uapi_request q = {0};
	size_t taken, needed = 0;
	char *as_before;

	begin();
	CHECK(set(before) == 0);
	as_before = told();
	CHECK(!uapi_request_feed(&q, "set=1\n", 6, &taken));
	CHECK(!uapi_request_feed(&q, change, strlen(change), &taken));
	CHECK(uapi_request_feed(&q, "\n", 1, &taken) && !q.error);
	for (;; needed++) {
		int err;

		memory_for(needed);
		err = config_prepare(&device, &q.settings);
		if (!err) /* from here on nothing may be needed that could be missing */
			config_apply(&device, &q.settings, &moment);
		memory_for(MEMORY_ENOUGH);
		if (!err)
			break;
		CHECK(err == -ENOMEM);
		check_told(as_before);
	}
	CHECK(needed > 10);
	check_allowed("c:10.1.0.0/16 10.1.2.0/24 2001:db8::/32 d:10.3.0.0/16 10.2.0.0/16 "
		      "b:10.9.0.0/16 ");
	CHECK(!device.spare && !device.routes.spare); /* what was not used was given back */
	free(as_before);
	uapi_request_done(&q);
	device_done(&device);
}

TEST(a_request_for_which_there_is_no_memory_is_refused_before_anything_is_changed)
{
	static const char text[] = "fwmark=7\npublic_key=" KEY_A "\nallowed_ip=10.0.0.0/8\n\n";
	struct uapi_request q = {0};
	size_t taken;

	CHECK(!uapi_request_feed(&q, "set=1\n", 6, &taken));
	memory_for(0);
	CHECK(uapi_request_feed(&q, text, strlen(text), &taken));
	memory_for(MEMORY_ENOUGH);
	CHECK(q.error == -ENOMEM);
	uapi_request_done(&q);
}

TEST(one_peer_more_than_two_to_the_20_is_refused_and_nothing_is_changed)
{
	char *as_before;

	begin();
	CHECK(set("public_key=" KEY_A "\nallowed_ip=10.0.0.0/8\n") == 0);
	device.peer_count = DEVICE_PEERS - 1; /* so many others */
	as_before = told();
	CHECK(set("private_key=" KEY_B "\npublic_key=" KEY_C "\npublic_key=" KEY_D "\n") ==
		-ENOSPC);
	check_told(as_before);
	CHECK(device.peer_count == DEVICE_PEERS - 1);
	CHECK(set("public_key=" KEY_C "\n") == 0);
	CHECK(device.peer_count == DEVICE_PEERS);
	CHECK(set("public_key=" KEY_D "\n") == -ENOSPC);
	/* what is there may be changed, and room may be made */
	CHECK(set("public_key=" KEY_C "\nallowed_ip=10.1.0.0/16\n") == 0);
	CHECK(set("public_key=" KEY_C "\nremove=true\npublic_key=" KEY_D "\n") == 0);
	CHECK(set("public_key=" KEY_C "\nupdate_only=true\n") == 0);
	CHECK(set("replace_peers=true\npublic_key=" KEY_C "\n") == 0);
	free(as_before);
	device.peer_count -= DEVICE_PEERS - 2;
	device_done(&device);
}

TEST(allowed_ips_are_told_in_the_order_they_were_last_set)
{
	begin();
	CHECK(set("public_key=" KEY_A "\nallowed_ip=10.0.0.0/8\nallowed_ip=10.1.0.0/16\n"
		  "allowed_ip=10.2.0.0/16\n") == 0);
	check_allowed("a:10.0.0.0/8 10.1.0.0/16 10.2.0.0/16 ");
	CHECK(set("public_key=" KEY_A "\nallowed_ip=10.0.0.0/8\n") == 0);
	check_allowed("a:10.1.0.0/16 10.2.0.0/16 10.0.0.0/8 ");
	CHECK(set("public_key=" KEY_A "\nreplace_allowed_ips=true\nallowed_ip=10.2.0.0/16\n"
		  "allowed_ip=10.1.0.0/16\n") == 0);
	check_allowed("a:10.2.0.0/16 10.1.0.0/16 ");
	/* a section that first says one thing and then replaces it */
	CHECK(set("public_key=" KEY_A "\nallowed_ip=10.9.0.0/16\nreplace_allowed_ips=true\n"
		  "allowed_ip=10.1.0.0/16\n") == 0);
	check_allowed("a:10.1.0.0/16 ");
	CHECK(set("public_key=" KEY_B "\nallowed_ip=10.1.0.0/16\nallowed_ip=-10.1.0.0/16\n") == 0);
	check_allowed("a:b:");
	device_done(&device);
}

TEST(a_long_list_is_told_in_pieces_while_peers_come_and_go)
{
	enum { PEERS = 1000 };
	struct config_socket socket = {0};
	struct device_walk walk = {0};
	unsigned pieces = 0, told_of = 0;
	char line[256];
	bool more;

	begin();
	for (unsigned i = 1; i <= PEERS; i++) {
		snprintf(line, sizeof(line), "public_key=%062x99\nallowed_ip=10.0.%u.%u/32\n", i,
			i >> 8, i & 255);
		CHECK(set(line) == 0);
	}
	do {
		struct uapi_reply r = {0};

		more = config_get(&r, &device, &socket, &walk);
		CHECK(!r.failed && r.size < CONFIG_PIECE + 1024);
		uapi_reply_bytes(&r, "", 1);
		for (const char *at = r.bytes; (at = strstr(at, "public_key=")); at++)
			told_of++;
		uapi_reply_done(&r);
		/* the one that would be told next goes, with its neighbours */
		if (pieces++ == 0) {
			const struct peer *next = walk.next;

			for (int i = 0; i < 3; i++) {
				struct peer *after = next->after;

				device_remove(&device, (struct peer *)(uintptr_t)next);
				next = after;
			}
			CHECK(set("public_key=" KEY_A "\n") == 0);
		}
	} while (more);
	CHECK(pieces > 2 && told_of == PEERS - 3 + 1);
	CHECK(!device.walks && !walk.device);
	device_walk_begin(&device, &walk);
	device_remove_all(&device);
	CHECK(!device_walk_next(&walk));
	device_walk_end(&walk);
	device_done(&device);
}

static void check_offload(unsigned joins, bool runs, const char *want)
{
	struct config_socket socket = {.joins = joins, .runs = runs};
	struct device_walk walk = {0};
	struct uapi_reply r = {0};
	char line[80], *at;

	CHECK(!config_status(&r, &device, &socket, &moment, &walk));
	uapi_reply_bytes(&r, "", 1);
	snprintf(line, sizeof(line), "\noffload=%s\n", want);
	at = strstr(r.bytes, line);
	CHECK(at);
	uapi_reply_done(&r);
}

TEST(the_status_tells_what_is_carried_in_superframes)
{
	begin();
	check_offload(JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP, true, "tcp4 tcp6 udp runs");
	check_offload(JOIN_TCP6, false, "tcp6");
	check_offload(0, true, "runs");
	check_offload(0, false, "");
	device_done(&device);
}
