#include "tunnel/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/scoped.h"
#include "tunnel/join.h"
#include "tunnel/trouble.h"

void config_key_text(char out[CONFIG_KEY_TEXT], const uint8_t key[SETTINGS_KEY])
{
	char text[4 * ((SETTINGS_KEY + 2) / 3) + 1];

	base64_format(text, key, SETTINGS_KEY);
	snprintf(out, CONFIG_KEY_TEXT, "%.8s...", text);
}

/* How many peers there will be at most on the way, and how many of them are new. */
static int peers_count(const struct device *d, const struct settings *s, size_t *added)
{
	bool anew = s->replace_peers || s->sync_peers, some_go = s->replace_peers;
	size_t count = anew ? 0 : d->peer_count, most = count;

	*added = 0;
	for (size_t i = 0; i < s->peer_count; i++) {
		const struct peer_change *p = &s->peers[i];
		bool there = device_find(d, p->public_key);

		if (p->remove) {
			count -= there && !anew && count;
			some_go = true;
		} else if (!p->update_only && (!there || some_go)) {
			++*added; /* it may be one that went further up */
			count += !there || anew;
			most = count > most ? count : most;
		}
	}
	return most > DEVICE_PEERS ? -ENOSPC : 0;
}

int config_prepare(struct device *d, const struct settings *s)
{
	size_t added;
	int err = peers_count(d, s, &added);

	return err ? err : device_reserve(d, added, s->allowed_count);
}

void config_cancel(struct device *d)
{
	device_unreserve(d);
}

/* ---- allowed-ips ---- */

/* A peer, and the last entry of the settings that replaces its list or removes it. */
struct surrender {
	const struct peer *peer;
	size_t entry;
};

/* The changes in progress. */
struct change {
	struct device *device;
	const struct settings *settings;
	size_t at;		      /* the entry that is being applied */
	struct surrender *surrenders; /* sorted by peer; NULL until one is asked for */
	size_t surrender_count;
};

static int surrender_order(const void *a, const void *b)
{
	const struct surrender *x = a, *y = b;

	if (x->peer != y->peer)
		return (uintptr_t)x->peer < (uintptr_t)y->peer ? -1 : 1;
	return (x->entry > y->entry) - (x->entry < y->entry);
}

static void surrenders_find(struct change *c)
{
	const struct settings *s = c->settings;

	c->surrenders = calloc(s->peer_count, sizeof(*c->surrenders));
	for (size_t i = c->at; c->surrenders && i < s->peer_count; i++) {
		const struct peer *p = device_find(c->device, s->peers[i].public_key);

		if (p && (s->peers[i].replace_allowed_ips || s->peers[i].remove))
			c->surrenders[c->surrender_count++] = (struct surrender){p, i};
	}
	if (c->surrenders)
		qsort(c->surrenders, c->surrender_count, sizeof(*c->surrenders), surrender_order);
}

/* Will a later entry replace this peer's list anyway? */
static bool gives_up_later(struct change *c, const struct peer *p)
{
	size_t low = 0, high;

	if (!c->surrenders)
		surrenders_find(c);
	for (high = c->surrender_count; low < high;) {
		size_t middle = (low + high) / 2;

		if ((uintptr_t)c->surrenders[middle].peer <= (uintptr_t)p)
			low = middle + 1;
		else
			high = middle;
	}
	return low && c->surrenders[low - 1].peer == p && c->surrenders[low - 1].entry > c->at;
}

static void move_say(struct change *c, const struct prefix *prefix, const struct peer *from,
	const struct peer *to)
{
	char text[PREFIX_TEXT], old[CONFIG_KEY_TEXT], new[CONFIG_KEY_TEXT];

	if (gives_up_later(c, from))
		return;
	prefix_format(text, prefix);
	config_key_text(old, from->key);
	config_key_text(new, to->key);
	log_warning("allowed-ip %s moves from peer %s to peer %s: a prefix has one owner", text,
		old, new);
}

/* The prefixes that the peer has now, the newest first; *list is freed by the caller. */
static int prefixes_of(const struct peer *p, struct prefix **list, size_t *count)
{
	const struct route *at = NULL;
	struct prefix prefix;
	size_t n = 0;

	while ((at = routes_next(p, at, &prefix)))
		n++;
	*list = NULL;
	*count = n;
	if (!n)
		return 0;
	*list = calloc(n, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	for (n = 0; (at = routes_next(p, at, &prefix)); n++)
		(*list)[n] = prefix;
	return 0;
}

static void allowed_ips_add(
	struct change *c, struct peer *p, const struct allowed_ip *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct peer *loser = NULL;

		if (list[i].remove) {
			device_disallow(c->device, p, &list[i].prefix);
			continue;
		}
		device_allow(c->device, p, &list[i].prefix, &loser);
		if (loser)
			move_say(c, &list[i].prefix, loser, p);
	}
}

/* First add what is new, then take away what is not in the list: what stays is never gone. */
static void allowed_ips_replace(struct change *c, struct peer *p, const struct allowed_ip *list,
	size_t count, size_t replaced)
{
	allowed_ips_add(c, p, list, replaced); /* they are taken from others, though */
	routes_edition(&c->device->routes);
	if (count > replaced)
		allowed_ips_add(c, p, list + replaced, count - replaced);
	routes_del_older(&c->device->routes, p);
}

/* ---- peers ---- */

static void peer_apply(
	struct change *c, const struct peer_change *change, struct peer *p, const struct moment *m)
{
	const struct allowed_ip *list =
		change->allowed_ips ? &c->settings->allowed_ips[change->allowed_ip] : NULL;

	if (change->given & GIVEN_PRESHARED_KEY)
		device_set_preshared(c->device, p, change->preshared_key);
	if (change->given & GIVEN_ENDPOINT)
		device_set_endpoint(c->device, p, &change->endpoint);
	if (change->given & GIVEN_KEEPALIVE)
		device_set_keepalive(c->device, p, change->keepalive, m);
	if (change->replace_allowed_ips)
		allowed_ips_replace(c, p, list, change->allowed_ips, change->replaced);
	else
		allowed_ips_add(c, p, list, change->allowed_ips);
}

/* Remove the peers that no entry names. */
static void peers_sync(const struct change *c)
{
	struct device *d = c->device;

	d->naming++;
	for (size_t i = 0; i < c->settings->peer_count; i++) {
		struct peer *p = device_find(d, c->settings->peers[i].public_key);

		if (p)
			p->named = d->naming;
	}
	for (struct peer *p = d->first, *after; p; p = after) {
		after = p->after;
		if (p->named != d->naming)
			device_remove(d, p);
	}
}

static void peers_apply(struct change *c, const struct moment *m)
{
	const struct settings *s = c->settings;

	if (s->sync_peers)
		peers_sync(c);
	for (; c->at < s->peer_count; c->at++) {
		const struct peer_change *change = &s->peers[c->at];
		struct peer *p = device_find(c->device, change->public_key);

		if (p && change->remove)
			device_remove(c->device, p);
		if (change->remove)
			continue;
		if (!p && !change->update_only)
			device_add(c->device, change->public_key, &p);
		if (p)
			peer_apply(c, change, p, m);
	}
}

void config_apply(struct device *d, const struct settings *s, const struct moment *m)
{
	static const uint8_t none[SETTINGS_KEY];
	struct change c = {.device = d, .settings = s};

	if (s->given & GIVEN_PRIVATE_KEY)
		device_set_private_key(d,
			sodium_memcmp(s->private_key, none, sizeof(none)) ? s->private_key : NULL,
			m);
	if (s->replace_peers)
		device_remove_all(d);
	peers_apply(&c, m);
	free(c.surrenders);
	device_unreserve(d);
}

/* ---- what is said about it ---- */

/* In the order in which they were set. */
static void allowed_ips_tell(struct uapi_reply *r, const struct peer *p)
{
	SCOPED_FREE struct prefix *list = NULL;
	size_t n;

	if (prefixes_of(p, &list, &n))
		r->failed = true;
	else
		while (n > 0)
			uapi_reply_allowed_ip(r, &list[--n]);
}

static void peer_read(struct uapi_peer *out, const struct peer *p)
{
	struct endpoint endpoint;

	memcpy(out->public_key, p->key, sizeof(out->public_key));
	if (endpoint_read(&p->endpoint, &endpoint))
		out->endpoint = endpoint.remote;
	out->last_handshake = p->handshake_wall;
	out->rx_bytes = atomic_load_explicit(&p->rx_bytes, memory_order_relaxed);
	out->tx_bytes = atomic_load_explicit(&p->tx_bytes, memory_order_relaxed);
	out->keepalive = p->timers.keepalive;
}

static void device_tell(
	struct uapi_reply *r, const struct device *d, const struct config_socket *socket)
{
	struct uapi_device device = {.listen_port = socket->listen_port, .fwmark = socket->fwmark};

	if (d->identity.known)
		memcpy(device.private_key, d->identity.private_key, sizeof(device.private_key));
	uapi_reply_device(r, &device);
	sodium_memzero(&device, sizeof(device));
}

static void peer_tell(struct uapi_reply *r, const struct peer *p)
{
	struct uapi_peer peer = {0};

	peer_read(&peer, p);
	memcpy(peer.preshared_key, p->preshared, sizeof(peer.preshared_key));
	uapi_reply_peer(r, &peer);
	sodium_memzero(&peer, sizeof(peer));
	allowed_ips_tell(r, p);
}

bool config_get(struct uapi_reply *r, struct device *d, const struct config_socket *socket,
	struct device_walk *walk)
{
	struct peer *p = NULL;

	if (!walk->device) {
		device_tell(r, d, socket);
		device_walk_begin(d, walk);
	}
	while (r->size < CONFIG_PIECE && !r->failed && (p = device_walk_next(walk)))
		peer_tell(r, p);
	if (p && !r->failed)
		return true;
	device_walk_end(walk);
	return false;
}

static void drops_tell(struct uapi_reply *r, const struct drops *drops)
{
	char text[64];

	for (enum drop why = DROP_NONE + 1; why < DROP_REASONS; why++) {
		uint64_t n = drop_read(drops, why);

		if (!n)
			continue;
		snprintf(text, sizeof(text), "%s %llu", drop_name(why), (unsigned long long)n);
		uapi_reply_text(r, "drop", text);
	}
}

/* session=current initiator AGE_MS SENT */
static void session_tell(
	struct uapi_reply *r, const char *which, struct session *s, const struct moment *m)
{
	char text[96];

	if (!s || !session_is_alive(s, m->now))
		return;
	snprintf(text, sizeof(text), "%s %s %lld %llu", which,
		s->initiator ? "initiator" : "responder",
		(long long)((m->now - s->born) / MILLISECOND),
		(unsigned long long)atomic_load_explicit(&s->counter, memory_order_relaxed));
	uapi_reply_text(r, "session", text);
}

static void peer_status(struct uapi_reply *r, const struct peer *p, const struct moment *m)
{
	struct uapi_peer peer = {0};
	char text[96];

	peer_read(&peer, p);
	uapi_reply_peer(r, &peer); /* the preshared key in it is all 0 */
	allowed_ips_tell(r, p);
	session_tell(r, "current", atomic_load(&p->current), m);
	session_tell(r, "previous", atomic_load(&p->previous), m);
	session_tell(r, "next", atomic_load(&p->next), m);
	if (p->handshake)
		uapi_reply_number(r, "attempts", p->timers.attempts);
	if (p->trouble != TROUBLE_NONE) {
		snprintf(text, sizeof(text), "%s %d %lld", trouble_name(p->trouble),
			p->trouble_errno, (long long)(p->trouble_wall / SECOND));
		uapi_reply_text(r, "trouble", text);
	}
	drops_tell(r, &p->drops);
}

/* stranger=WHY ADDRESS SECONDS COUNT KEY */
static void stranger_tell(struct uapi_reply *r, const struct stranger *s)
{
	char from[ADDRESS_TEXT], key[2 * WIRE_KEY + 1], text[256];

	address_format(from, &s->from.remote);
	hex_format(key, s->key, sizeof(s->key));
	snprintf(text, sizeof(text), "%s %s %lld %llu %s", trouble_name(s->why), from,
		(long long)(s->wall / SECOND), (unsigned long long)s->count, key);
	uapi_reply_text(r, "stranger", text);
}

/* offload=KIND ...: what is carried in superframes now */
static void offload_tell(struct uapi_reply *r, const struct config_socket *s)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s", s->joins & JOIN_TCP4 ? " tcp4" : "",
		s->joins & JOIN_TCP6 ? " tcp6" : "", s->joins & JOIN_UDP ? " udp" : "",
		s->runs ? " runs" : "");
	uapi_reply_text(r, "offload", *text ? text + 1 : text);
}

static void device_status(struct uapi_reply *r, const struct device *d,
	const struct config_socket *socket, const struct moment *m)
{
	uapi_reply_number(r, "now", (uint64_t)(m->wall / SECOND));
	uapi_reply_text(r, "up", d->up ? "true" : "false");
	uapi_reply_number(r, "listen_port", socket->listen_port);
	uapi_reply_number(r, "fwmark", socket->fwmark);
	offload_tell(r, socket);
	if (d->identity.known)
		uapi_reply_hex(r, "own_key", d->identity.public_key, WIRE_KEY);
	drops_tell(r, &d->drops);
	for (size_t i = 0; i < DEVICE_STRANGERS; i++)
		if (d->strangers[i].why != TROUBLE_NONE)
			stranger_tell(r, &d->strangers[i]);
}

bool config_status(struct uapi_reply *r, struct device *d, const struct config_socket *socket,
	const struct moment *m, struct device_walk *walk)
{
	size_t before = r->size;
	struct peer *p = NULL;

	if (!walk->device) {
		device_status(r, d, socket, m);
		device_walk_begin(d, walk);
	}
	while (r->size - before < CONFIG_PIECE && !r->failed && (p = device_walk_next(walk)))
		peer_status(r, p, m);
	if (p && !r->failed)
		return true;
	device_walk_end(walk);
	return false;
}
