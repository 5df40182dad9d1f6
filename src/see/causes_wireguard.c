/* Causes in an encrypted tunnel, as the processes at both ends tell them (wireguard.h). */
#include "see/scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sodium.h>

#include "base/clock.h"
#include "see/wireguard.h"

enum {
	SESSION_LIFE = 180, /* seconds; whitepaper 6.1, Reject-After-Time */
	RETRY = 6,	    /* Rekey-Timeout is 5 s, and up to 1/3 s of jitter */
	PEER_TEXT = 8192,
};

/* The tunnel in which the packet is, and what is known of its other end. */
struct crossing {
	struct wireguard *all;
	ssize_t count;
	struct headers inner;	     /* the packet that went in */
	struct wireguard *mine;	     /* the end that it went in by */
	struct wireguard_peer *peer; /* whom it is for; NULL: nobody is allowed to have it */
	struct wireguard *there;     /* listens at the peer's endpoint */
	struct wireguard *owner;     /* has the peer's key for its own */
};

static const struct device *device_of(const struct scene *s, const struct wireguard *w)
{
	return &s->topology->devices[w->device];
}

/* The last sight of the packet, when that was at the entrance of a tunnel. */
static const struct seen *entrance(const struct scene *s)
{
	const struct topology *t = s->topology;

	for (size_t i = s->story->count; i-- > 0;) {
		const struct seen *n = &s->story->list[i];
		int device = scene_device(s, n);

		if (n->event.match != PATH_PROBE || n->leg != s->ending->leg || !n->outer.family)
			continue;
		if (n->event.kind == PATH_RX)
			return NULL; /* it has come out, or never went in */
		if (n->event.kind != PATH_TX && n->event.kind != PATH_QUEUE &&
			n->event.kind != PATH_CONSUME)
			continue;
		if (device != TOPOLOGY_NONE && (t->devices[device].kind == DEVICE_TUN ||
						       t->devices[device].kind == DEVICE_TAP ||
						       wireguard_is_kernel(&t->devices[device])))
			return n;
		if (n->event.kind != PATH_CONSUME)
			return NULL;
	}
	return NULL;
}

static void crossing_done(struct crossing *x)
{
	wireguard_done_all(x->all, x->count);
	*x = (struct crossing){0};
}

/* False when the packet is in no tunnel that can be asked; else crossing_done() it. */
static bool crossing_find(const struct scene *s, struct crossing *x)
{
	const struct seen *in = entrance(s);
	int device = scene_device(s, in);

	*x = (struct crossing){0};
	if (!in)
		return false;
	x->inner = in->outer;
	x->count = wireguard_read_all(s->topology, &x->all);
	for (ssize_t i = 0; i < x->count; i++)
		if (x->all[i].device == device)
			x->mine = &x->all[i];
	if (!x->mine) {
		crossing_done(x);
		return false;
	}
	/* A tap's tunnel has one peer, whatever the addresses. */
	x->peer = s->topology->devices[device].kind == DEVICE_TAP && x->mine->peer_count == 1
			  ? x->mine->peers
			  : wireguard_peer_for(x->mine, x->inner.family, x->inner.destination);
	for (ssize_t i = 0; x->peer && i < x->count; i++) {
		struct wireguard *w = &x->all[i];

		if (w == x->mine || (s->near && !s->near[device_of(s, w)->netns]))
			continue;
		if (wireguard_listens(s->topology, s->near, w, x->peer))
			x->there = w;
		if (w->has_key && !memcmp(w->public_key, x->peer->key, WIREGUARD_KEY))
			x->owner = w;
	}
	return true;
}

static bool has_session(const struct wireguard_peer *p)
{
	return p->handshake && (int64_t)time(NULL) - p->handshake < SESSION_LIFE;
}

/* ---- commands ---- */

/* "ip netns exec A wg": in the view of the process, whose socket may be in a /run of its own. */
static const char *wg(const struct scene *s, const struct wireguard *w, char out[COMMAND_PREFIX])
{
	const struct device *d = device_of(s, w);
	const struct node *node = &s->topology->netns[d->netns].node;
	char path[64], exec[COMMAND_PREFIX];
	struct stat theirs, ours;
	int pid = d->holder_count ? (int)d->holders[0].process.pid : 0;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	if (node_is_hidden())
		snprintf(out, COMMAND_PREFIX, "%s exec %s -- wg", program_invocation_name,
			node->netns);
	else if (pid && !stat(path, &theirs) && !stat("/proc/self/ns/mnt", &ours) &&
		 theirs.st_ino != ours.st_ino)
		snprintf(out, COMMAND_PREFIX, "nsenter -t %d -m -n wg", pid);
	else
		snprintf(out, COMMAND_PREFIX, "%swg", scene_exec(s, d->netns, exec));
	return out;
}

__attribute__((format(printf, 3, 4))) static void add(
	char out[PEER_TEXT], size_t *used, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(out + *used, PEER_TEXT - *used, format, args);
	va_end(args);
	if (n > 0)
		*used += (size_t)n < PEER_TEXT - *used ? (size_t)n : PEER_TEXT - *used - 1;
}

static void add_endpoint(
	char out[PEER_TEXT], size_t *used, uint8_t family, const uint8_t *ip, uint16_t port)
{
	char text[ADDRESS_TEXT];

	address_text(text, family == AF_INET6 ? 6 : 4, ip);
	add(out, used, family == AF_INET6 ? " endpoint [%s]:%u" : " endpoint %s:%u", text, port);
}

/* " allowed-ips A,B": what the peer has, and one address more (NULL: none). */
static void add_allowed(char out[PEER_TEXT], size_t *used, const struct wireguard_peer *p,
	uint8_t family, const uint8_t *more)
{
	char text[ADDRESS_TEXT];
	const char *comma = "";

	if (!p->allowed_count && !more)
		return;
	add(out, used, " allowed-ips ");
	for (size_t i = 0; i < p->allowed_count; i++, comma = ",")
		add(out, used, "%s%s/%u", comma,
			address_text(text, p->allowed[i].family, p->allowed[i].ip),
			p->allowed[i].length);
	if (more)
		add(out, used, "%s%s/%d", comma, address_text(text, family, more),
			family == 6 ? 128 : 32);
}

/* All that makes a peer but its keys. */
static const char *peer_words(char out[PEER_TEXT], const struct wireguard_peer *p)
{
	size_t used = 0;

	out[0] = '\0';
	if (p->has_endpoint)
		add_endpoint(out, &used, p->endpoint_family, p->endpoint, p->port);
	add_allowed(out, &used, p, 0, NULL);
	if (p->keepalive)
		add(out, &used, " persistent-keepalive %u", p->keepalive);
	return out;
}

/* Copies a preshared key between two peers, on two ends or on one, without showing it. */
static void preshared_copy(struct scene *s, const struct wireguard *from, const uint8_t *from_key,
	const struct wireguard *to, const uint8_t *to_key)
{
	char a[COMMAND_PREFIX], b[COMMAND_PREFIX], k[WIREGUARD_KEY_TEXT], l[WIREGUARD_KEY_TEXT];

	verdict_fix(s->verdict,
		"%s show %s preshared-keys | awk '$1 == \"%s\" { print $2 }' | %s set %s peer %s "
		"preshared-key /dev/stdin",
		wg(s, from, a), device_of(s, from)->name, wireguard_key_text(from_key, k),
		wg(s, to, b), device_of(s, to)->name, wireguard_key_text(to_key, l));
}

/* A peer's key is put right: all else stays. */
static void key_replace(struct scene *s, const struct wireguard *w,
	const struct wireguard_peer *old, const uint8_t *right)
{
	char words[PEER_TEXT], command[COMMAND_PREFIX], a[WIREGUARD_KEY_TEXT],
		b[WIREGUARD_KEY_TEXT];

	if (!sodium_is_zero(old->preshared, WIREGUARD_KEY))
		preshared_copy(s, w, old->key, w, right);
	verdict_fix(s->verdict, "%s set %s peer %s remove peer %s%s", wg(s, w, command),
		device_of(s, w)->name, wireguard_key_text(old->key, a),
		wireguard_key_text(right, b), peer_words(words, old));
}

/* Who asks would try again only after some seconds: he begins anew. */
static void ask_again(struct scene *s, const struct crossing *x)
{
	char words[PEER_TEXT], command[COMMAND_PREFIX], key[WIREGUARD_KEY_TEXT];

	if (!sodium_is_zero(x->peer->preshared, WIREGUARD_KEY))
		return;
	wireguard_key_text(x->peer->key, key);
	verdict_fix(s->verdict, "%s set %s peer %s remove peer %s%s", wg(s, x->mine, command),
		device_of(s, x->mine)->name, key, key, peer_words(words, x->peer));
}

/* ---- tunnel-allowed-ips ---- */

/* Which peer of `mine` should have the destination: the one behind which it is, or the only one. */
static struct wireguard_peer *peer_wanted(const struct scene *s, const struct crossing *x)
{
	struct wireguard_peer *p = NULL;

	for (ssize_t i = 0; i < x->count && !p; i++) {
		const struct wireguard *w = &x->all[i];

		if (w != x->mine && w->has_key &&
			scene_is_local(s, device_of(s, w)->netns, x->inner.family,
				x->inner.destination) != TOPOLOGY_NONE)
			p = wireguard_peer_with(x->mine, w->public_key);
	}
	return !p && x->mine->peer_count == 1 ? x->mine->peers : p;
}

static void allowed_fix(struct scene *s, const struct wireguard *w, const struct wireguard_peer *p,
	uint8_t family, const uint8_t *ip)
{
	char words[PEER_TEXT] = "", command[COMMAND_PREFIX], key[WIREGUARD_KEY_TEXT];
	size_t used = 0;

	add_allowed(words, &used, p, family, ip);
	verdict_fix(s->verdict, "%s set %s peer %s%s", wg(s, w, command), device_of(s, w)->name,
		wireguard_key_text(p->key, key), words);
}

/* The other end takes from a peer only what its allowed-ips hold. */
static bool source_refused(struct scene *s, const struct crossing *x)
{
	const struct device *d;
	struct wireguard_peer *p;
	char from[ADDRESS_TEXT];

	if (!x->there || x->there != x->owner || !x->mine->has_key)
		return false;
	d = device_of(s, x->there);
	p = wireguard_peer_with(x->there, x->mine->public_key);
	if (!p || d->kind == DEVICE_TAP ||
		wireguard_peer_for(x->there, x->inner.family, x->inner.source) == p)
		return false;
	address_text(from, x->inner.family, x->inner.source);
	scene_at(s, d->netns, d->name);
	scene_why(s,
		"the tunnel at %s in %s takes nothing from %s: that is not in the allowed-ips of the "
		"peer that sends it",
		d->name, scene_name(s, d->netns), from);
	verdict_fact(s->verdict, "uapi", "the peer %s of %s in %s has %zu allowed-ips, none for %s",
		scene_name(s, device_of(s, x->mine)->netns), d->name, scene_name(s, d->netns),
		p->allowed_count, from);
	allowed_fix(s, x->there, p, x->inner.family, x->inner.source);
	return true;
}

static bool nobody_allowed(struct scene *s, const struct crossing *x)
{
	const struct device *d = device_of(s, x->mine);
	const struct wireguard_peer *p = peer_wanted(s, x);
	char to[ADDRESS_TEXT];

	address_text(to, x->inner.family, x->inner.destination);
	scene_at(s, d->netns, d->name);
	scene_why(s, "the tunnel at %s in %s has no peer whose allowed-ips contain %s", d->name,
		scene_name(s, d->netns), to);
	verdict_fact(s->verdict, "uapi", "%zu peers, none with allowed-ips for %s",
		x->mine->peer_count, to);
	if (p)
		allowed_fix(s, x->mine, p, x->inner.family, x->inner.destination);
	return true;
}

static bool allowed_ips_confirm(struct scene *s, const struct cause *c)
{
	struct crossing x;
	bool found;

	if (!crossing_find(s, &x))
		return false;
	found = x.peer ? source_refused(s, &x) : nobody_allowed(s, &x);
	crossing_done(&x);
	return found;
}

/* clang-format off */
#define SIGNS_TUNNEL                                                                               \
	{{SIGN_READ, NULL, NULL, 0}, {SIGN_OPENED, NULL, NULL, 0}, {SIGN_SENT, NULL, NULL, 0},     \
		{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, "NO_SOCKET", NULL, 0},                 \
		{SIGN_DROP, NULL, "wg_xmit", 0}} /* the kernel's own */
/* clang-format on */

const struct cause cause_tunnel_allowed_ips = {
	.id = "tunnel-allowed-ips",
	.title = "the encrypted tunnel is not allowed to carry the address",
	.proof =
		"Read by the tunnel's process, nothing sent; or sent, and thrown away at the other end. "
		"Confirmed: no peer's allowed-ips contain the destination, or there the source.",
	.repair = "wg set DEV peer KEY allowed-ips ...",
	.signs = SIGNS_TUNNEL,
	.confirm = allowed_ips_confirm,
};

/* ---- tunnel-key-mismatch ---- */

static void mismatch_say(struct scene *s, const struct wireguard *wrong,
	const struct wireguard *right, const uint8_t *configured)
{
	const struct device *d = device_of(s, wrong), *o = device_of(s, right);
	char a[WIREGUARD_KEY_TEXT], b[WIREGUARD_KEY_TEXT];

	scene_at(s, d->netns, d->name);
	wireguard_key_text(right->public_key, b);
	if (configured)
		scene_why(s,
			"%s in %s has the public key %s for its peer, but the other end, %s in %s, has "
			"%s",
			d->name, scene_name(s, d->netns), wireguard_key_text(configured, a),
			o->name, scene_name(s, o->netns), b);
	else
		scene_why(s, "%s in %s has no peer with the public key of the other end, %s in %s",
			d->name, scene_name(s, d->netns), o->name, scene_name(s, o->netns));
	if (configured)
		verdict_fact(s->verdict, "uapi", "%s in %s: peer %s", d->name,
			scene_name(s, d->netns), a);
	verdict_fact(
		s->verdict, "uapi", "%s in %s: public key %s", o->name, scene_name(s, o->netns), b);
}

/* The peer of the other end that is meant for us: it has our address for its endpoint, or ours
 * inside, and a key that no tunnel has. */
static struct wireguard_peer *meant_for_us(const struct scene *s, const struct crossing *x)
{
	struct wireguard_peer *best = NULL;
	int most = 0;

	for (size_t i = 0; i < x->there->peer_count; i++) {
		struct wireguard_peer *p = &x->there->peers[i];
		bool taken = false;
		int points = 0;

		for (ssize_t k = 0; k < x->count; k++)
			taken = taken || (x->all[k].has_key && !memcmp(x->all[k].public_key, p->key,
								       WIREGUARD_KEY));
		if (taken)
			continue;
		points += wireguard_listens(s->topology, s->near, x->mine, p) ? 2 : 0;
		points += wireguard_peer_allows(p, x->inner.family, x->inner.source) >= 0 ? 1 : 0;
		if (points > most) {
			most = points;
			best = p;
		}
	}
	return best;
}

static void unknown_there(struct scene *s, const struct crossing *x)
{
	struct wireguard_peer *p = meant_for_us(s, x), nobody = {0};
	char words[PEER_TEXT] = "", command[COMMAND_PREFIX], key[WIREGUARD_KEY_TEXT];
	size_t used = 0;

	mismatch_say(s, x->there, x->mine, p ? p->key : NULL);
	if (p) {
		key_replace(s, x->there, p, x->mine->public_key);
	} else {
		add_allowed(words, &used, &nobody, x->inner.family, x->inner.source);
		verdict_fix(s->verdict, "%s set %s peer %s%s", wg(s, x->there, command),
			device_of(s, x->there)->name, wireguard_key_text(x->mine->public_key, key),
			words);
	}
	ask_again(s, x);
}

static bool preshared_differ(struct scene *s, const struct crossing *x)
{
	const struct device *d = device_of(s, x->mine), *o = device_of(s, x->there);
	struct wireguard_peer *p = wireguard_peer_with(x->there, x->mine->public_key);
	bool set = !sodium_is_zero(x->peer->preshared, WIREGUARD_KEY);

	if (!p || !memcmp(p->preshared, x->peer->preshared, WIREGUARD_KEY))
		return false;
	scene_at(s, d->netns, d->name);
	scene_why(s, "the preshared keys of %s in %s and %s in %s are not the same", d->name,
		scene_name(s, d->netns), o->name, scene_name(s, o->netns));
	verdict_fact(s->verdict, "uapi", "%s in %s has %s preshared key, %s in %s %s", d->name,
		scene_name(s, d->netns), set ? "a" : "no", o->name, scene_name(s, o->netns),
		sodium_is_zero(p->preshared, WIREGUARD_KEY) ? "none"
		: set					    ? "another"
							    : "has one");
	if (set)
		preshared_copy(s, x->mine, x->peer->key, x->there, p->key);
	else
		preshared_copy(s, x->there, p->key, x->mine, x->peer->key);
	return true;
}

static bool key_mismatch_confirm(struct scene *s, const struct cause *c)
{
	struct crossing x;
	bool found = false;

	if (!crossing_find(s, &x))
		return false;
	if (x.peer && x.there && x.there->has_key && x.mine->has_key) {
		if (!x.owner) {
			mismatch_say(s, x.mine, x.there, x.peer->key);
			key_replace(s, x.mine, x.peer, x.there->public_key);
			found = true;
		} else if (x.owner == x.there) {
			found = !wireguard_peer_with(x.there, x.mine->public_key);
			if (found)
				unknown_there(s, &x);
			else
				found = preshared_differ(s, &x);
		}
	}
	crossing_done(&x);
	return found;
}

const struct cause cause_tunnel_key_mismatch = {
	.id = "tunnel-key-mismatch",
	.title = "the two ends of the encrypted tunnel do not have each other's keys",
	.proof =
		"The handshake is not answered. Confirmed at both ends: the public key configured for the "
		"peer is not the one the other end has (or the preshared keys differ).",
	.repair = "wg set DEV peer WRONG remove peer RIGHT endpoint ... allowed-ips ...",
	.signs = SIGNS_TUNNEL,
	.confirm = key_mismatch_confirm,
};

/* ---- tunnel-no-handshake ---- */

/* The namespace that has the address of the endpoint; NONE. */
static int endpoint_home(const struct scene *s, const struct wireguard_peer *p)
{
	int owner = p->has_endpoint ? scene_owner(s, p->endpoint_family, p->endpoint, TOPOLOGY_NONE)
				    : TOPOLOGY_NONE;

	return owner == TOPOLOGY_NONE ? TOPOLOGY_NONE : s->topology->devices[owner].netns;
}

/* An address by which `w` can be reached from where `mine` sends: one that is routed, and not
 * through the tunnel itself. */
static bool address_of_end(const struct scene *s, const struct crossing *x,
	const struct wireguard *w, uint8_t *family, uint8_t ip[16])
{
	const struct topology *t = s->topology;
	const struct device *mine = device_of(s, x->mine);
	bool found = false;

	for (size_t i = 0; i < t->device_count; i++) {
		const struct device *d = &t->devices[i];

		if (!d->up || d->kind == DEVICE_LOOPBACK || (int)i == w->device ||
			!wireguard_is_at(t, w, d->netns))
			continue;
		for (size_t k = 0; k < d->address_count; k++) {
			const struct address *a = &d->addresses[k];
			struct route_question q = {.family = address_family(a), .to = a->ip};
			struct route_reply r;
			bool like = x->peer->has_endpoint && a->family == x->peer->endpoint_family;

			if (a->scope >= 253 || (found && !like) ||
				!live_route(scene_fd(s, mine->netns), &q, &r) || r.error ||
				r.oif == mine->ifindex)
				continue;
			*family = a->family;
			memcpy(ip, a->ip, 16);
			found = true;
			if (like)
				return true;
		}
	}
	return found;
}

static void endpoint_text(char out[80], uint8_t family, const uint8_t *ip, uint16_t port)
{
	char text[ADDRESS_TEXT];

	address_text(text, family == AF_INET6 ? 6 : 4, ip);
	snprintf(out, 80, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

/* Where the peer's owner really is, when the endpoint leads elsewhere or is not set. */
static bool endpoint_fix(struct scene *s, const struct crossing *x)
{
	const struct device *o;
	char words[PEER_TEXT] = "", command[COMMAND_PREFIX], key[WIREGUARD_KEY_TEXT];
	size_t used = 0;
	uint8_t family, ip[16];

	if (!x->owner || x->owner == x->there || !x->owner->port ||
		!address_of_end(s, x, x->owner, &family, ip))
		return false;
	o = device_of(s, x->owner);
	add_endpoint(words, &used, family, ip, x->owner->port);
	verdict_fact(s->verdict, "uapi", "the peer's key is that of %s in %s, which listens on%s",
		o->name, scene_name(s, o->netns), words + strlen(" endpoint"));
	verdict_fix(s->verdict, "%s set %s peer %s%s", wg(s, x->mine, command),
		device_of(s, x->mine)->name, wireguard_key_text(x->peer->key, key), words);
	return true;
}

/* A process at the endpoint that holds a tunnel and is stopped; or none that listens at all. */
static void silent_end(struct scene *s, int home, uint16_t port)
{
	const struct topology *t = s->topology;
	static const uint8_t any[16];
	char network[NODE_NAME], node[NODE_NAME], path[512], file[512] = "";
	FILE *f;

	for (size_t i = 0; i < t->device_count; i++) {
		const struct device *d = &t->devices[i];

		if (!d->holder_count || d->kind != DEVICE_TUN ||
			(d->netns != home && d->holders[0].home != home) ||
			live_process_state(d->holders[0].process.pid) != 'T')
			continue;
		verdict_fact(s->verdict, "proc", "pid %d (%s), which holds %s in %s, is stopped",
			(int)d->holders[0].process.pid, d->holders[0].process.comm, d->name,
			scene_name(s, d->netns));
		verdict_fix(s->verdict, "kill -CONT %d", (int)d->holders[0].process.pid);
		return;
	}
	if (live_listener(scene_fd(s, home), 4, IPPROTO_UDP, any, port))
		return;
	verdict_fact(s->verdict, "sock_diag",
		"no socket in %s takes UDP port %u: nobody runs there", scene_name(s, home), port);
	if (!node_split(t->netns[home].node.netns, network, node))
		return;
	/* One of our networks: it can be brought up again. */
	snprintf(path, sizeof(path), "%s/%s/.file", node_state_directory(), network);
	f = fopen(path, "re");
	if (f && fgets(file, sizeof(file), f)) {
		file[strcspn(file, "\n")] = '\0';
		verdict_fix(s->verdict, "%s up %s", program_invocation_name, file);
	}
	if (f)
		fclose(f);
}

/* Is there a sign that nobody is at the endpoint: a refusal, or nobody with the address? */
static bool is_refused(const struct scene *s, const struct crossing *x)
{
	const struct seen *at = scene_seen(s);

	if (at && at->event.kind == PATH_DROP && !strcmp(at->reason, "NO_SOCKET") &&
		at->event.match != PATH_PROBE)
		return true;
	if (!x->peer->has_endpoint)
		return true;
	if (s->ending->kind == ENDING_UNRESOLVED)
		return endpoint_home(s, x->peer) == TOPOLOGY_NONE;
	for (size_t i = 0; i < s->story->count; i++)
		if (s->story->list[i].leg == LEG_ERROR &&
			s->story->list[i].event.match == PATH_GUESS)
			return true;
	return false;
}

static bool no_handshake_say(struct scene *s, const struct crossing *x)
{
	const struct device *d = device_of(s, x->mine);
	int home = endpoint_home(s, x->peer);
	char to[80];

	scene_at(s, d->netns, d->name);
	if (x->peer->has_endpoint) {
		endpoint_text(to, x->peer->endpoint_family, x->peer->endpoint, x->peer->port);
		scene_why(s,
			"the tunnel at %s in %s has no session with its peer: the handshake with %s is "
			"not answered",
			d->name, scene_name(s, d->netns), to);
		verdict_fact(s->verdict, "uapi", "the peer's endpoint is %s%s%s", to,
			home == TOPOLOGY_NONE ? "" : ", an address of ",
			home == TOPOLOGY_NONE ? "" : scene_name(s, home));
	} else {
		scene_why(s,
			"the tunnel at %s in %s has no session with its peer, and no endpoint to send "
			"a handshake to",
			d->name, scene_name(s, d->netns));
		verdict_fact(s->verdict, "uapi", "the peer's endpoint is not set");
	}
	if (x->peer->handshake)
		verdict_fact(s->verdict, "uapi", "the latest handshake was %lld s ago",
			(long long)time(NULL) - (long long)x->peer->handshake);
	else
		verdict_fact(s->verdict, "uapi", "there has never been a handshake");
	if (!endpoint_fix(s, x) && home != TOPOLOGY_NONE && !x->there)
		silent_end(s, home, x->peer->port);
	return true;
}

static bool no_handshake_confirm(struct scene *s, const struct cause *c)
{
	struct crossing x;
	bool found = false;

	if (!crossing_find(s, &x))
		return false;
	if (x.peer && !has_session(x.peer)) {
		bool wrong = s->ending->kind == ENDING_UNRESOLVED;

		found = is_refused(s, &x) ||
			(s->final && (!wrong || endpoint_home(s, x.peer) == TOPOLOGY_NONE));
		/* Nobody's address is for the rules of neighbours, unless we know where the peer
		 * is. */
		if (wrong && (!x.owner || x.owner == x.there))
			found = false;
		if (found)
			no_handshake_say(s, &x);
		/* Nothing is wrong that we can see: it may only have to try again. */
		if (found && !s->verdict->fix_count && x.there && x.there == x.owner)
			s->longer = RETRY * SECOND;
	}
	crossing_done(&x);
	return found;
}

const struct cause cause_tunnel_no_handshake = {
	.id = "tunnel-no-handshake",
	.title = "the encrypted tunnel has no session with its peer",
	.proof =
		"Read by the tunnel's process and kept; its handshake is not answered. Confirmed: the latest "
		"handshake time of the peer, its endpoint, who listens there, who has the peer's key.",
	.repair = "wg set DEV peer KEY endpoint ..., or start the process at the other end",
	.signs = {{SIGN_READ, NULL, NULL, 0}, {SIGN_SENT, NULL, NULL, 0},
		{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, "NO_SOCKET", NULL, 0},
		{SIGN_DROP, NULL, "wg_xmit", 0}, {SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = no_handshake_confirm,
};
