#include "see/wireguard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/scoped.h"
#include "see/wireguard_kernel.h"

enum { ANSWER_FIRST = 64 << 10, ANSWER_MOST = 16 << 20 };
#define PATIENCE (200 * MILLISECOND) /* for the whole answer: whoever drips is left alone, too */

/* ---- asking ---- */

/* Doubles the room; the old text had keys in it. */
static char *grow(char *text, size_t used, size_t *room)
{
	char *grown = *room < ANSWER_MOST ? malloc(2 * *room) : NULL;

	if (grown) {
		memcpy(grown, text, used);
		*room *= 2;
	}
	sodium_memzero(text, used);
	free(text);
	return grown;
}

static char *answer_read(int fd)
{
	int64_t deadline = clock_now() + PATIENCE;
	size_t used = 0, room = ANSWER_FIRST;
	char *text = malloc(room);
	ssize_t n;

	/* It ends with an empty line; the connection stays open for another request. */
	while (text && (n = recv(fd, text + used, room - used - 1, 0)) > 0) {
		used += (size_t)n;
		if ((used >= 2 && !memcmp(text + used - 2, "\n\n", 2)) || clock_now() > deadline)
			break;
		if (used + 1 == room)
			text = grow(text, used, &room);
	}
	if (text)
		text[used] = '\0';
	if (text && !used) {
		free(text);
		text = NULL;
	}
	return text;
}

static char *ask(const char *path)
{
	SCOPED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_usec = PATIENCE / 1000};

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return NULL;
	memcpy(address.sun_path, path, strlen(path) + 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) ||
		send(fd, "get=1\n\n", 7, MSG_NOSIGNAL) != 7)
		return NULL;
	return answer_read(fd);
}

char *wireguard_ask(const struct topology *t, const struct device *d)
{
	const struct node *node = &device_netns(t, d)->node;
	char path[512], network[NODE_NAME], name[NODE_NAME], *text = NULL;

	if (node->network[0] && node_split(node->netns, network, name)) {
		snprintf(path, sizeof(path), "%s/%s/%s/wireguard/%s.sock", node_state_directory(),
			network, name, d->name);
		text = ask(path);
	}
	for (size_t i = 0; i < d->holder_count && !text; i++) {
		/* Not var/run: that is a link, which would lead out of the process's view. */
		snprintf(path, sizeof(path), "/proc/%d/root/run/wireguard/%s.sock",
			(int)d->holders[i].process.pid, d->name);
		text = ask(path);
	}
	return text;
}

void wireguard_forget(char *text)
{
	if (text)
		sodium_memzero(text, strlen(text));
	free(text);
}

/* ---- parsing ---- */

bool wireguard_endpoint_parse(
	const char *text, size_t length, uint8_t *family, uint8_t ip[16], uint16_t *port)
{
	char host[64];
	const char *colon = memrchr(text, ':', length);
	bool bracket = length && text[0] == '[';
	long number;
	char *end;

	if (!colon)
		return false;
	size_t size = (size_t)(colon - text);

	if (bracket && (size < 2 || colon[-1] != ']'))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(bracket ? size - 2 : size), text + bracket);
	host[strcspn(host, "%")] = '\0'; /* the scope of a link-local address */
	number = strtol(colon + 1, &end, 10);
	if (end != text + length || number <= 0 || number > UINT16_MAX)
		return false;
	memset(ip, 0, 16);
	*family = bracket ? AF_INET6 : AF_INET;
	*port = (uint16_t)number;
	return inet_pton(*family, host, ip) == 1;
}

static bool key_parse(const char *text, size_t length, uint8_t key[WIREGUARD_KEY])
{
	size_t size;

	return length == 2 * WIREGUARD_KEY &&
	       !sodium_hex2bin(key, WIREGUARD_KEY, text, length, NULL, &size, NULL) &&
	       size == WIREGUARD_KEY;
}

static bool prefix_parse(const char *text, size_t length, struct wireguard_prefix *p)
{
	char copy[64], *slash;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	slash = strchr(copy, '/');
	if (!slash)
		return false;
	*slash = '\0';
	*p = (struct wireguard_prefix){.family = strchr(copy, ':') ? 6 : 4};
	p->length = (uint8_t)strtoul(slash + 1, NULL, 10);
	return p->length <= (p->family == 6 ? 128 : 32) &&
	       inet_pton(p->family == 6 ? AF_INET6 : AF_INET, copy, p->ip) == 1;
}

static bool peer_add(struct wireguard *w, const char *value, size_t length)
{
	struct wireguard_peer *grown = reallocarray(w->peers, w->peer_count + 1, sizeof(*w->peers));

	if (!grown)
		return false;
	w->peers = grown;
	w->peers[w->peer_count] = (struct wireguard_peer){0};
	key_parse(value, length, w->peers[w->peer_count++].key);
	return true;
}

static bool allowed_add(struct wireguard_peer *p, const char *value, size_t length)
{
	struct wireguard_prefix prefix, *grown;

	if (!prefix_parse(value, length, &prefix))
		return true;
	grown = reallocarray(p->allowed, p->allowed_count + 1, sizeof(*p->allowed));
	if (!grown)
		return false;
	p->allowed = grown;
	p->allowed[p->allowed_count++] = prefix;
	return true;
}

static bool peer_line(
	struct wireguard_peer *p, const char *key, size_t size, const char *value, size_t length)
{
	if (size == 13 && !memcmp(key, "preshared_key", size))
		key_parse(value, length, p->preshared);
	else if (size == 8 && !memcmp(key, "endpoint", size))
		p->has_endpoint = wireguard_endpoint_parse(
			value, length, &p->endpoint_family, p->endpoint, &p->port);
	else if (size == 23 && !memcmp(key, "last_handshake_time_sec", size))
		p->handshake = strtoll(value, NULL, 10);
	else if (size == 29 && !memcmp(key, "persistent_keepalive_interval", size))
		p->keepalive = (uint32_t)strtoul(value, NULL, 10);
	else if (size == 10 && !memcmp(key, "allowed_ip", size))
		return allowed_add(p, value, length);
	return true;
}

static void private_key_take(struct wireguard *w, const char *value, size_t length)
{
	uint8_t secret[WIREGUARD_KEY];

	w->has_key = key_parse(value, length, secret) && !sodium_is_zero(secret, sizeof(secret)) &&
		     !crypto_scalarmult_base(w->public_key, secret);
	sodium_memzero(secret, sizeof(secret));
}

bool wireguard_parse(const char *text, struct wireguard *w)
{
	size_t length;
	bool good = true;

	*w = (struct wireguard){.device = TOPOLOGY_NONE};
	for (; good && *text; text += length + (text[length] == '\n')) {
		const char *equals, *value;
		size_t size, rest;

		length = strcspn(text, "\n");
		equals = memchr(text, '=', length);
		if (!equals)
			continue;
		size = (size_t)(equals - text);
		value = equals + 1;
		rest = length - size - 1;
		if (size == 10 && !memcmp(text, "public_key", size))
			good = peer_add(w, value, rest);
		else if (w->peer_count)
			good = peer_line(&w->peers[w->peer_count - 1], text, size, value, rest);
		else if (size == 11 && !memcmp(text, "private_key", size))
			private_key_take(w, value, rest);
		else if (size == 11 && !memcmp(text, "listen_port", size))
			w->port = (uint16_t)strtoul(value, NULL, 10);
	}
	return good;
}

void wireguard_done(struct wireguard *w)
{
	for (size_t i = 0; i < w->peer_count; i++) {
		sodium_memzero(w->peers[i].preshared, WIREGUARD_KEY);
		free(w->peers[i].allowed);
	}
	free(w->peers);
	*w = (struct wireguard){.device = TOPOLOGY_NONE};
}

bool wireguard_is_kernel(const struct device *d)
{
	return !strcmp(d->link_kind, "wireguard");
}

bool wireguard_read(const struct topology *t, int device, struct wireguard *w)
{
	const struct device *d = &t->devices[device];
	char *text;
	bool good;

	if (wireguard_is_kernel(d)) {
		good = wireguard_kernel_read(device_netns(t, d)->node.fd, d->name, w);
		w->device = device;
		return good;
	}
	text = wireguard_ask(t, d);
	good = text && wireguard_parse(text, w);
	wireguard_forget(text);
	if (text && !good)
		wireguard_done(w);
	w->device = device;
	return good;
}

ssize_t wireguard_read_all(const struct topology *t, struct wireguard **list)
{
	ssize_t count = 0;

	*list = NULL;
	for (size_t i = 0; i < t->device_count; i++) {
		struct wireguard w, *grown;

		if ((!t->devices[i].holder_count && !wireguard_is_kernel(&t->devices[i])) ||
			!wireguard_read(t, (int)i, &w))
			continue;
		grown = reallocarray(*list, (size_t)count + 1, sizeof(*grown));
		if (!grown) {
			wireguard_done(&w);
			wireguard_done_all(*list, count);
			*list = NULL;
			return -ENOMEM;
		}
		*list = grown;
		grown[count++] = w;
	}
	return count;
}

void wireguard_done_all(struct wireguard *list, ssize_t count)
{
	for (ssize_t i = 0; i < count; i++)
		wireguard_done(&list[i]);
	free(list);
}

/* ---- looking up ---- */

bool wireguard_is_at(const struct topology *t, const struct wireguard *w, int netns)
{
	const struct device *d = &t->devices[w->device];
	bool found = d->netns == netns || (d->end.type == END_UNDERLAY && d->end.netns == netns);

	for (size_t i = 0; i < d->holder_count; i++)
		found = found || d->holders[i].home == netns;
	return found;
}

bool wireguard_listens(const struct topology *t, const bool *near, const struct wireguard *w,
	const struct wireguard_peer *p)
{
	int owner = TOPOLOGY_NONE;

	if (!p->has_endpoint || !w->port || w->port != p->port)
		return false;
	while ((owner = topology_owner(t, p->endpoint_family, p->endpoint, owner)) != TOPOLOGY_NONE)
		if ((!near || near[t->devices[owner].netns]) &&
			wireguard_is_at(t, w, t->devices[owner].netns))
			return true;
	return false;
}

static bool prefix_holds(const struct wireguard_prefix *p, uint8_t family, const uint8_t *ip)
{
	size_t whole = p->length / 8, rest = p->length % 8;

	return p->family == family && !memcmp(p->ip, ip, whole) &&
	       (!rest || (p->ip[whole] ^ ip[whole]) >> (8 - rest) == 0);
}

int wireguard_peer_allows(const struct wireguard_peer *p, uint8_t family, const uint8_t *ip)
{
	int best = -1;

	for (size_t i = 0; i < p->allowed_count; i++)
		if (prefix_holds(&p->allowed[i], family, ip) && p->allowed[i].length > best)
			best = p->allowed[i].length;
	return best;
}

struct wireguard_peer *wireguard_peer_for(struct wireguard *w, uint8_t family, const uint8_t *ip)
{
	struct wireguard_peer *found = NULL;
	int best = -1;

	for (size_t i = 0; i < w->peer_count; i++) {
		int length = wireguard_peer_allows(&w->peers[i], family, ip);

		if (length > best) {
			best = length;
			found = &w->peers[i];
		}
	}
	return found;
}

struct wireguard_peer *wireguard_peer_with(struct wireguard *w, const uint8_t *key)
{
	for (size_t i = 0; i < w->peer_count; i++)
		if (!memcmp(w->peers[i].key, key, WIREGUARD_KEY))
			return &w->peers[i];
	return NULL;
}

const char *wireguard_key_text(const uint8_t *key, char out[WIREGUARD_KEY_TEXT])
{
	return sodium_bin2base64(
		out, WIREGUARD_KEY_TEXT, key, WIREGUARD_KEY, sodium_base64_VARIANT_ORIGINAL);
}
