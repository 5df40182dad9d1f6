#include "tunnel/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { LINE = 512 };

static enum trouble trouble_parse(const char *name)
{
	for (enum trouble t = TROUBLE_NONE + 1; t < TROUBLES; t++)
		if (!strcmp(trouble_name(t), name))
			return t;
	return TROUBLE_NONE;
}

static int drop_read_line(uint64_t drops[DROP_REASONS], const char *value)
{
	unsigned long long count;
	char name[48];

	if (sscanf(value, "%47s %llu", name, &count) != 2)
		return -EBADMSG;
	for (enum drop why = DROP_NONE + 1; why < DROP_REASONS; why++)
		if (!strcmp(drop_name(why), name))
			drops[why] = count;
	return 0;
}

static int stranger_read(struct status *s, const char *value)
{
	char why[48], from[ADDRESS_TEXT], key[2 * SETTINGS_KEY + 1];
	unsigned long long at, count;
	struct status_stranger *stranger;

	if (s->stranger_count == STATUS_STRANGERS)
		return 0;
	if (sscanf(value, "%47s %79s %llu %llu %64s", why, from, &at, &count, key) != 5)
		return -EBADMSG;
	stranger = &s->strangers[s->stranger_count++];
	*stranger = (struct status_stranger){.why = trouble_parse(why), .at = at, .count = count};
	return address_parse(&stranger->from, from) && hex_parse(stranger->key, SETTINGS_KEY, key)
		       ? 0
		       : -EBADMSG;
}

static int session_read(struct status_peer *p, const char *value)
{
	struct status_session session = {0};
	unsigned long long age, sent;
	char role[16];

	if (sscanf(value, "%15s %15s %llu %llu", session.which, role, &age, &sent) != 4)
		return -EBADMSG;
	if (p->session_count == STATUS_SESSIONS)
		return 0;
	session.initiator = !strcmp(role, "initiator");
	session.age = age;
	session.sent = sent;
	p->sessions[p->session_count++] = session;
	return 0;
}

static int trouble_read(struct status_peer *p, const char *value)
{
	unsigned long long at;
	char why[48];

	if (sscanf(value, "%47s %d %llu", why, &p->trouble_errno, &at) != 3)
		return -EBADMSG;
	p->trouble = trouble_parse(why);
	p->trouble_at = at;
	return 0;
}

static int peer_add(struct status *s, const char *value)
{
	if (s->peer_count == s->peer_room) {
		size_t room = s->peer_room ? 2 * s->peer_room : 16;
		struct status_peer *list = realloc(s->peers, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		s->peers = list;
		s->peer_room = room;
	}
	s->peers[s->peer_count] = (struct status_peer){.allowed_ip = s->allowed_count};
	if (!hex_parse(s->peers[s->peer_count].public_key, SETTINGS_KEY, value))
		return -EBADMSG;
	s->peer_count++;
	return 0;
}

static int allowed_ip_add(struct status *s, struct status_peer *p, const char *value)
{
	if (s->allowed_count == s->allowed_room) {
		size_t room = s->allowed_room ? 2 * s->allowed_room : 16;
		struct prefix *list = realloc(s->allowed_ips, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		s->allowed_ips = list;
		s->allowed_room = room;
	}
	if (!prefix_parse(&s->allowed_ips[s->allowed_count], value, false))
		return -EBADMSG;
	s->allowed_count++;
	p->allowed_ips++;
	return 0;
}

static int offload_read(struct status *s, const char *value)
{
	size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789 ");

	if (value[n] || n >= sizeof(s->offload))
		return -EBADMSG;
	memcpy(s->offload, value, n + 1);
	return 0;
}

static int number_read(uint64_t *out, const char *value, uint64_t most)
{
	return number_parse(out, value, most) ? 0 : -EBADMSG;
}

static int peer_line(struct status *s, struct status_peer *p, const char *key, const char *value)
{
	uint64_t n = 0;
	int err = 0;

	if (!strcmp(key, "endpoint"))
		return address_parse(&p->endpoint, value) ? 0 : -EBADMSG;
	if (!strcmp(key, "last_handshake_time_sec"))
		return number_read(&p->last_handshake, value, UINT64_MAX);
	if (!strcmp(key, "rx_bytes"))
		return number_read(&p->rx_bytes, value, UINT64_MAX);
	if (!strcmp(key, "tx_bytes"))
		return number_read(&p->tx_bytes, value, UINT64_MAX);
	if (!strcmp(key, "allowed_ip"))
		return allowed_ip_add(s, p, value);
	if (!strcmp(key, "session"))
		return session_read(p, value);
	if (!strcmp(key, "trouble"))
		return trouble_read(p, value);
	if (!strcmp(key, "drop"))
		return drop_read_line(p->drops, value);
	if (!strcmp(key, "persistent_keepalive_interval")) {
		err = number_read(&n, value, UINT16_MAX);
		p->keepalive = (uint16_t)n;
	} else if (!strcmp(key, "attempts")) {
		err = number_read(&n, value, UINT16_MAX);
		p->attempts = (unsigned)n;
	}
	return err;
}

static int device_line(struct status *s, const char *key, const char *value)
{
	uint64_t n = 0;
	int err = 0;

	if (!strcmp(key, "now"))
		return number_read(&s->now, value, UINT64_MAX);
	if (!strcmp(key, "drop"))
		return drop_read_line(s->drops, value);
	if (!strcmp(key, "stranger"))
		return stranger_read(s, value);
	if (!strcmp(key, "offload"))
		return offload_read(s, value);
	if (!strcmp(key, "own_key")) {
		s->has_key = true;
		return hex_parse(s->own_key, SETTINGS_KEY, value) ? 0 : -EBADMSG;
	}
	if (!strcmp(key, "up")) {
		s->up = !strcmp(value, "true");
	} else if (!strcmp(key, "listen_port")) {
		err = number_read(&n, value, UINT16_MAX);
		s->listen_port = (uint16_t)n;
	} else if (!strcmp(key, "fwmark")) {
		err = number_read(&n, value, UINT32_MAX);
		s->fwmark = (uint32_t)n;
	}
	return err;
}

static int line_parse(struct status *s, char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return -EBADMSG;
	*value++ = '\0';
	if (!strcmp(line, "errno")) {
		s->error = atoi(value);
		return 0;
	}
	if (!strcmp(line, "public_key"))
		return peer_add(s, value);
	if (s->peer_count)
		return peer_line(s, &s->peers[s->peer_count - 1], line, value);
	return device_line(s, line, value);
}

int status_parse(struct status *out, const char *text, size_t size)
{
	int err = 0;

	*out = (struct status){0};
	while (!err && size) {
		const char *end = memchr(text, '\n', size);
		size_t n = end ? (size_t)(end - text) : size;
		char line[LINE];

		if (!end || n >= sizeof(line))
			return -EBADMSG;
		memcpy(line, text, n);
		line[n] = '\0';
		if (n)
			err = line_parse(out, line);
		text += n + 1;
		size -= n + 1;
	}
	return err;
}

void status_done(struct status *s)
{
	free(s->peers);
	free(s->allowed_ips);
	*s = (struct status){0};
}

bool status_has_session(const struct status_peer *p)
{
	for (unsigned i = 0; i < p->session_count; i++)
		if (strcmp(p->sessions[i].which, "next"))
			return true;
	return false;
}

const char *status_reason(const struct status *s, const struct status_peer *p, const char **text)
{
	enum trouble why = p->trouble;

	if (status_has_session(p))
		return NULL;
	if (!s->up) {
		*text = "the device is down (ip link set up)";
		return "device-down";
	}
	if (!s->has_key)
		why = TROUBLE_NO_KEY;
	else if (why == TROUBLE_NONE && p->endpoint.sa.sa_family == AF_UNSPEC)
		why = TROUBLE_NO_ENDPOINT;
	if (why != TROUBLE_NONE) {
		*text = trouble_text(why);
		return trouble_name(why);
	}
	if (p->attempts) {
		*text = "a handshake is under way";
		return "under-way";
	}
	*text = "no packet has asked for one";
	return "idle";
}
