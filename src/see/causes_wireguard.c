/* Causes in an encrypted tunnel, as its process tells them over WireGuard's configuration socket.
 */
#include "see/scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/scoped.h"

enum {
	TUNNEL_SETTINGS = 65536,
	SESSION_LIFE = 180 /* seconds; whitepaper 6.1, Reject-After-Time */
};

/* What `get=1` says; NULL when nobody answers.  The caller frees. */
static char *settings_read(const char *path)
{
	SCOPED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_usec = 300000};
	char *text;
	size_t used = 0;
	ssize_t got;

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path))
		return NULL;
	strcpy(a.sun_path, path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) || write(fd, "get=1\n\n", 7) != 7)
		return NULL;
	text = malloc(TUNNEL_SETTINGS + 1);
	while (text && used < TUNNEL_SETTINGS &&
		(got = read(fd, text + used, TUNNEL_SETTINGS - used)) > 0) {
		used += (size_t)got;
		text[used] = '\0';
		if (used >= 2 && !strcmp(text + used - 2, "\n\n"))
			break;
	}
	if (text)
		text[used] = '\0';
	return text;
}

static char *tunnel_settings(const struct scene *s, const struct device *d)
{
	const struct node *node = &s->topology->netns[d->netns].node;
	const char *dot = strchr(node->netns, '.');
	char path[512];
	char *text = NULL;

	if (node->network[0] && dot) {
		snprintf(path, sizeof(path), "%s/%s/%s/wireguard/%s.sock", node_state_directory(),
			node->network, dot + 1, d->name);
		text = settings_read(path);
	}
	/* A file of that name may also belong to a device of the same name elsewhere: then its
	 * process is not the one that holds this one. */
	snprintf(path, sizeof(path), "/var/run/wireguard/%s.sock", d->name);
	return text ? text : settings_read(path);
}

struct peer {
	char key[65], endpoint[64];
	long long handshake; /* unix seconds, 0 never */
	bool allowed;	     /* the address is in its allowed-ips */
	unsigned int length; /* of the prefix that says so */
};

static bool cidr_holds(const char *text, uint8_t family, const uint8_t *ip, unsigned int *length)
{
	struct address a = {.family = family == 6 ? AF_INET6 : AF_INET};
	char copy[64], *slash;

	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (!slash)
		return false;
	*slash = '\0';
	a.prefix = (uint8_t)atoi(slash + 1);
	*length = a.prefix;
	return inet_pton(a.family, copy, a.ip) == 1 && address_covers(&a, family, ip);
}

/* The peer that the tunnel would send this address to; false when there is none. */
static bool peer_find(
	char *text, uint8_t family, const uint8_t *ip, struct peer *best, size_t *peers)
{
	struct peer p = {0};
	unsigned int length;
	char *rest = text;
	bool found = false;

	*peers = 0;
	*best = (struct peer){0};
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		bool end = !strncmp(line, "public_key=", 11) || !rest;

		if (end && p.allowed && (!found || p.length > best->length)) {
			*best = p;
			found = true;
		}
		if (!strncmp(line, "public_key=", 11)) {
			p = (struct peer){0};
			snprintf(p.key, sizeof(p.key), "%.64s", line + 11);
			++*peers;
		} else if (!strncmp(line, "endpoint=", 9)) {
			snprintf(p.endpoint, sizeof(p.endpoint), "%s", line + 9);
		} else if (!strncmp(line, "last_handshake_time_sec=", 24)) {
			p.handshake = atoll(line + 24);
		} else if (!strncmp(line, "allowed_ip=", 11) &&
			   cidr_holds(line + 11, family, ip, &length)) {
			p.length = !p.allowed || length > p.length ? length : p.length;
			p.allowed = true;
		}
	}
	return found;
}

static const struct device *tunnel_device(
	const struct scene *s, struct peer *p, bool *allowed, size_t *peers)
{
	int device = scene_device(s, scene_seen(s));
	const struct seen *at = scene_seen(s);
	const struct device *d;
	char *text;

	if (device == TOPOLOGY_NONE || !at->outer.family)
		return NULL;
	d = &s->topology->devices[device];
	if (d->kind != DEVICE_TUN)
		return NULL;
	text = tunnel_settings(s, d);
	if (!text)
		return NULL;
	*allowed = peer_find(text, at->outer.family, at->outer.destination, p, peers);
	free(text);
	return d;
}

static bool allowed_ips_confirm(struct scene *s, const struct cause *c)
{
	const struct device *d;
	struct peer p;
	bool allowed;
	size_t peers;
	char to[ADDRESS_TEXT];

	d = tunnel_device(s, &p, &allowed, &peers);
	if (!d || allowed)
		return false;
	address_text(to, scene_seen(s)->outer.family, scene_seen(s)->outer.destination);
	scene_at(s, d->netns, d->name);
	scene_why(s, "the tunnel at %s in %s has no peer whose allowed-ips contain %s", d->name,
		scene_name(s, d->netns), to);
	verdict_fact(s->verdict, "uapi", "%zu peers, none with allowed-ips for %s", peers, to);
	return true;
}

const struct cause cause_tunnel_allowed_ips = {
	.id = "tunnel-allowed-ips",
	.title = "no peer of the encrypted tunnel is allowed to have the address",
	.proof =
		"Read by the tunnel's process, nothing sent. Confirmed: no peer's allowed-ips contain the "
		"destination.",
	.repair = "wg set DEV peer KEY allowed-ips ...",
	.signs = {{SIGN_READ, NULL, NULL, 0}},
	.confirm = allowed_ips_confirm,
};

static bool no_handshake_confirm(struct scene *s, const struct cause *c)
{
	const struct device *d;
	struct peer p;
	bool allowed;
	size_t peers;
	long long age;

	if (!s->final)
		return false;
	d = tunnel_device(s, &p, &allowed, &peers);
	if (!d || !allowed)
		return false;
	age = p.handshake ? (long long)time(NULL) - p.handshake : -1;
	if (p.handshake && age < SESSION_LIFE)
		return false;
	scene_at(s, d->netns, d->name);
	scene_why(s,
		"the tunnel at %s in %s has no session with its peer: the handshake with %s is not "
		"answered",
		d->name, scene_name(s, d->netns),
		p.endpoint[0] ? p.endpoint : "a peer without endpoint");
	if (p.handshake)
		verdict_fact(s->verdict, "uapi", "the latest handshake was %lld s ago", age);
	else
		verdict_fact(s->verdict, "uapi", "there has never been a handshake");
	verdict_fact(s->verdict, "uapi", "the peer's endpoint is %s",
		p.endpoint[0] ? p.endpoint : "not set");
	return true;
}

const struct cause cause_tunnel_no_handshake = {
	.id = "tunnel-no-handshake",
	.title = "the encrypted tunnel has no session with its peer",
	.proof =
		"Read by the tunnel's process and kept, its handshake is not answered. Confirmed: the latest "
		"handshake time of the peer.",
	.repair = "wg set DEV peer KEY endpoint ..., or what keeps the handshake from its peer",
	.signs = {{SIGN_READ, NULL, NULL, 0}, {SIGN_SENT, NULL, NULL, 0},
		{SIGN_RECEIVED, NULL, NULL, 0}},
	.confirm = no_handshake_confirm,
};
