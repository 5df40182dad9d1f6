#include "tunnel/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

TEST(a_message_arrives_whole_with_its_descriptors)
{
	struct privilege_message m = {.kind = PRIVILEGE_LINK, .error = -5, .fds = 1}, got;
	int pair[2], pipe_fd[2];
	char byte = 0;

	CHECK(!privilege_pair(pair) && !pipe(pipe_fd));
	m.link.up = true;
	m.link.mtu = 1420;
	m.fd[0] = pipe_fd[1];
	CHECK(!privilege_send(pair[0], &m));
	close(pipe_fd[1]);
	CHECK(!privilege_receive(pair[1], &got));
	CHECK(got.kind == PRIVILEGE_LINK && got.error == -5 && got.link.up && got.link.mtu == 1420);
	CHECK(got.fds == 1 && write(got.fd[0], "x", 1) == 1);
	privilege_close(&got);
	CHECK(read(pipe_fd[0], &byte, 1) == 1 && byte == 'x');
	CHECK(read(pipe_fd[0], &byte, 1) == 0);
	close(pipe_fd[0]);
	close(pair[0]);
	close(pair[1]);
}

TEST(the_end_of_the_other_process_is_seen)
{
	struct privilege_message m = {.kind = PRIVILEGE_STOP};
	int pair[2];

	CHECK(!privilege_pair(pair));
	close(pair[1]);
	CHECK(privilege_receive(pair[0], &m) == -EPIPE);
	CHECK(privilege_send(pair[0], &m) == -EPIPE);
	close(pair[0]);
}

TEST(what_is_no_message_is_refused)
{
	struct privilege_message m;
	int pair[2];

	CHECK(!privilege_pair(pair));
	CHECK(write(pair[0], "short", 5) == 5);
	CHECK(privilege_receive(pair[1], &m) == -EBADMSG);
	close(pair[0]);
	close(pair[1]);
}

TEST(settings_of_any_size_arrive_as_they_were)
{
	enum { PEERS = 20000 };
	struct settings s = {.given = GIVEN_FWMARK, .fwmark = 7, .sync_peers = true}, got = {0};
	struct privilege_message m;
	int pair[2];

	CHECK(!privilege_pair(pair));
	for (unsigned i = 0; i < PEERS; i++) {
		uint8_t key[SETTINGS_KEY] = {(uint8_t)i, (uint8_t)(i >> 8)};
		struct prefix prefix = {AF_INET, 32, {10, (uint8_t)(i >> 8), (uint8_t)i, 1}};
		struct peer_change *p = settings_peer_add(&s, key);

		CHECK(p && settings_allowed_ip_add(&s, p, &prefix, false));
	}
	CHECK(!privilege_settings_send(pair[0], &s));
	CHECK(!privilege_receive(pair[1], &m) && m.kind == PRIVILEGE_SETTINGS && m.fds == 1);
	CHECK(!privilege_settings_read(m.fd[0], &got));
	CHECK(got.fwmark == 7 && got.sync_peers && got.peer_count == PEERS);
	CHECK(!memcmp(got.peers, s.peers, PEERS * sizeof(*s.peers)));
	CHECK(!memcmp(got.allowed_ips, s.allowed_ips, PEERS * sizeof(*s.allowed_ips)));
	settings_done(&got);
	settings_done(&s);
	close(pair[0]);
	close(pair[1]);
}

/* A memfd with these bytes, as an attacker in the parent's place would send it. */
static int settings_of(const void *bytes, size_t size)
{
	struct settings out = {0};
	int fd = memfd_create("test", 0);

	CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	return privilege_settings_read(fd, &out);
}

TEST(settings_whose_counts_lie_are_refused)
{
	struct {
		struct settings settings;
		struct peer_change peer;
	} lie = {.settings = {.peer_count = 1}};

	CHECK(settings_of(&lie, sizeof(lie.settings) - 1) == -EBADMSG);
	CHECK(settings_of(&lie, sizeof(lie.settings)) == -EBADMSG);
	lie.settings.peer_count = SIZE_MAX / sizeof(struct peer_change) + 2;
	CHECK(settings_of(&lie, sizeof(lie)) == -EBADMSG);
	lie.settings.peer_count = 1;
	lie.peer.allowed_ips = 1;
	CHECK(settings_of(&lie, sizeof(lie.settings) + sizeof(lie.peer)) == -EBADMSG);
	lie.peer.allowed_ip = SIZE_MAX;
	lie.peer.allowed_ips = 2;
	CHECK(settings_of(&lie, sizeof(lie.settings) + sizeof(lie.peer)) == -EBADMSG);
}
