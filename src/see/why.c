#include "see/why.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "see/diagnose.h"
#include "see/path.h"
#include "see/pressure.h"
#include "see/probe.h"
#include "see/scene.h"
#include "see/sockets.h"
#include "see/story.h"
#include "see/topology.h"
#include "see/verdict.h"

/* Nothing has happened for this long: time to ask where the packet is. */
#define QUIET (60 * MILLISECOND)
/* A snapshot older than this is not what an answer may rest on. */
#define SNAPSHOT_LIFE (2 * SECOND)
/* After an answer, what is still on its way to the ring. */
#define DRAIN (15 * MILLISECOND)

struct asking {
	const struct question *question;
	struct node node;
	struct probe probe;
	struct path path;
	struct sockets sockets;
	bool *near;	   /* namespaces of `topology` that the asker's packets can come to */
	bool eyeless;	   /* not even those: nothing is seen on the way */
	char refused[160]; /* why not by eBPF */
	bool blind;	   /* by packet sockets: no drops, no decisions */
	bool foreign;	   /* a tunnel without our probes: what it sends is guessed */
	struct story story;
	size_t named; /* events of the story whose names were looked up */
	struct topology topology;
	bool everything; /* of the machine is in the topology, not only what is near */
	struct pressure before;
	struct verdict *verdict;
	int64_t longer;	    /* a rule would wait for so much more */
	bool extended;	    /* that was granted */
	int64_t last_event; /* CLOCK_MONOTONIC of us, when it was read */
	int64_t until;	    /* likewise: the end of the whole question */
};

static int64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* What stands on another device (a macvlan, a VLAN) takes from it in one stride, and the kernel
 * tells of one reception, the lower one's.  The routing decision that follows names the upper
 * device. */
static void upper_received(struct asking *a, const struct path_event *route)
{
	const struct topology *t = &a->topology;
	int netns = topology_netns(t, route->netns), device = TOPOLOGY_NONE;
	const struct path_event *last = NULL;
	struct path_event received;

	if (netns >= 0 && route->route.iif > 1)
		device = topology_device_at(t, netns, (uint32_t)route->route.iif);
	if (device == TOPOLOGY_NONE || !device_stands_on_another(&t->devices[device]))
		return;
	for (size_t i = a->story.count; i-- > 0 && !last;)
		if (a->story.list[i].event.kind == PATH_RX &&
			a->story.list[i].event.match != PATH_NEIGHBOUR)
			last = &a->story.list[i].event;
	if (!last || t->devices[device].end.device == TOPOLOGY_NONE ||
		t->devices[t->devices[device].end.device].ifindex != last->ifindex ||
		t->netns[t->devices[t->devices[device].end.device].netns].node.inode != last->netns)
		return;
	/* A frame for another's address: the decision is about something else, as ARP's are. */
	if (last->has_link && !(last->lladdr[0] & 1) && t->devices[device].mac_size == 6 &&
		memcmp(last->lladdr, t->devices[device].mac, 6) != 0)
		return;
	received = *last;
	received.time = route->time;
	received.netns = route->netns;
	received.ifindex = (uint32_t)route->route.iif;
	snprintf(received.device, sizeof(received.device), "%s", t->devices[device].name);
	snprintf(received.link, sizeof(received.link), "%.7s", t->devices[device].link_kind);
	story_add(&a->story, &received);
}

static void event_take(const struct path_event *event, void *arg)
{
	struct asking *a = arg;

	if (event->kind == PATH_ROUTE)
		upper_received(a, event);
	story_add(&a->story, event);
	/* Neighbours of others must not keep us from coming to an end. */
	if (event->match != PATH_NEIGHBOUR)
		a->last_event = monotonic();
}

/* Names of reasons and functions are looked up when somebody reads the story: not before the
 * answer is in, because that would be counted as its time. */
static void names_fill(struct asking *a)
{
	if (a->blind)
		return;
	for (; a->named < a->story.count; a->named++) {
		struct seen *n = &a->story.list[a->named];

		if (n->event.kind == PATH_DROP)
			snprintf(n->reason, sizeof(n->reason), "%s",
				kernel_reason(&a->path.kernel, n->event.reason));
		if (n->event.location)
			snprintf(n->symbol, sizeof(n->symbol), "%s",
				kernel_symbol(&a->path.kernel, n->event.location));
		if (n->event.kind == PATH_DROP && !path_has_reasons(&a->path))
			snprintf(n->reason, sizeof(n->reason), "%s", kernel_reason_at(n->symbol));
	}
}

static const char *node_name(uint32_t netns, void *arg)
{
	const struct asking *a = arg;
	int index = topology_netns(&a->topology, netns);

	return index >= 0 ? a->topology.netns[index].node.name : "?";
}

/* The first address of a name; "fe80::1%eth0" has its device behind it. */
static int destination_parse(const struct question *q, const struct node *node,
	union probe_address *out, struct error *e)
{
	char host[256], *zone;
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST},
			*list = NULL;
	const char *device = q->device;
	int err;

	snprintf(host, sizeof(host), "%s", q->destination ? q->destination : "");
	zone = strchr(host, '%');
	if (zone) {
		*zone = '\0';
		device = zone + 1;
	}
	err = getaddrinfo(host, NULL, &hints, &list);
	if (err) {
		hints.ai_flags = 0;
		err = getaddrinfo(host, NULL, &hints, &list);
	}
	if (err || !list)
		return error_set(e, EINVAL,
			"'%s': expected an address or a name that resolves (%s)", host,
			gai_strerror(err));
	memset(out, 0, sizeof(*out));
	memcpy(out, list->ai_addr,
		list->ai_addrlen < sizeof(*out) ? list->ai_addrlen : sizeof(*out));
	freeaddrinfo(list);
	if (out->any.sa_family == AF_INET6 && device && device[0]) {
		if (IN6_IS_ADDR_LINKLOCAL(&out->v6.sin6_addr))
			out->v6.sin6_scope_id = probe_device_index(node->fd, device);
	}
	return 0;
}

/* Where to look: free() it. */
static bool *component_of(const struct asking *a)
{
	const struct topology *t = &a->topology;
	int asker = topology_netns(t, a->node.inode);
	bool *in = calloc(t->netns_count + 1, sizeof(*in));

	if (in && asker >= 0)
		topology_reach(t, asker, in);
	return in;
}

static void tunnels_attach(struct asking *a)
{
	const struct topology *t = &a->topology;

	for (size_t i = 0; i < t->device_count; i++)
		for (size_t k = 0; k < t->devices[i].holder_count; k++) {
			char exe[64];

			if (strcmp(t->devices[i].holders[k].process.comm, "warren") != 0)
				a->foreign = true;
			snprintf(exe, sizeof(exe), "/proc/%d/exe",
				(int)t->devices[i].holders[k].process.pid);
			path_tunnel(&a->path, exe);
			path_holder(&a->path, (uint32_t)t->devices[i].holders[k].process.pid);
		}
}

static uint8_t probe_protocol(const struct probe *p)
{
	if (p->proto == PROBE_UDP)
		return IPPROTO_UDP;
	if (p->proto == PROBE_TCP)
		return IPPROTO_TCP;
	return p->family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

static void subject_fill(struct asking *a)
{
	struct subject *u = &a->story.subject;
	const struct probe *p = &a->probe;
	size_t size = p->family == 6 ? 16 : 4;

	u->netns = (uint32_t)a->node.inode;
	u->pid = (uint32_t)getpid();
	u->family = p->family;
	u->proto = probe_protocol(p);
	u->first = p->first;
	u->second = p->second;
	memcpy(u->destination, probe_ip(&p->destination), size);
	if (p->source.any.sa_family)
		memcpy(u->source, probe_ip(&p->source), size);
	u->sent = (uint64_t)p->sent;
}

static void namespaces_tell(struct asking *a)
{
	bool *in = component_of(a);

	path_namespace(&a->path, (uint32_t)a->node.inode);
	for (size_t i = 0; in && i < a->topology.netns_count; i++)
		if (in[i])
			path_namespace(&a->path, (uint32_t)a->topology.netns[i].node.inode);
	free(in);
}

/* The other ends of overlays: their datagrams need routes and neighbours, too. */
static void overlays_tell(struct asking *a)
{
	static const uint8_t zero[16];

	for (size_t i = 0; i < a->topology.device_count; i++) {
		const struct device *d = &a->topology.devices[i];
		uint8_t family = d->tunnel.family == AF_INET6 ? 6 : 4;

		if (d->kind != DEVICE_VXLAN)
			continue;
		if (memcmp(d->tunnel.remote, zero, 16))
			path_address(&a->path, family, d->tunnel.remote);
		if (memcmp(d->tunnel.local, zero, 16))
			path_address(&a->path, family, d->tunnel.local);
	}
}

static void watch_begin(struct asking *a)
{
	const struct probe *p = &a->probe;
	struct path_watch watch = {.netns = (uint32_t)a->node.inode,
		.proto = probe_protocol(p),
		.first = p->first,
		.second = p->second,
		.neighbours = 1};

	memcpy(watch.token, p->token, sizeof(watch.token));
	if (a->blind) {
		sockets_watch(&a->sockets, &watch);
		return;
	}
	path_address(&a->path, p->family, probe_ip(&p->destination));
	overlays_tell(a);
	/* The way back: the address we ask from is only known for certain once it is sent. */
	for (size_t i = 0; i < a->topology.device_count; i++) {
		const struct device *d = &a->topology.devices[i];

		if (a->topology.netns[d->netns].node.inode != a->node.inode)
			continue;
		for (size_t k = 0; k < d->address_count; k++)
			if (address_family(&d->addresses[k]) == p->family)
				path_address(&a->path, p->family, d->addresses[k].ip);
	}
	path_watch(&a->path, &watch);
}

/* Packet sockets see no decisions of routing: ask each node for its next hop, there and back. */
static void gateways_ask(struct asking *a)
{
	const struct topology *t = &a->topology;
	const struct subject *u = &a->story.subject;
	const uint8_t *ends[2] = {u->destination, u->source};
	struct story *story = &a->story;
	bool *in = a->blind ? component_of(a) : NULL;

	story->gateway_count = 0;
	for (size_t i = 0; in && i < 2 * t->netns_count; i++) {
		struct route_question q = {.family = u->family, .to = ends[i % 2]};
		struct route_reply r;
		struct gateway_wanted *g;

		if (!in[i / 2] || !live_route(t->netns[i / 2].node.fd, &q, &r) || r.error ||
			!r.gateway_family ||
			story->gateway_count == sizeof(story->gateways) / sizeof(*g))
			continue;
		g = &story->gateways[story->gateway_count++];
		g->family = r.gateway_family;
		memcpy(g->ip, r.gateway, sizeof(g->ip));
	}
	free(in);
}

static void topology_again(struct asking *a)
{
	struct topology t;

	if (a->everything ? topology_read(&t, NULL) : topology_read_near(&t, &a->node, NULL))
		return;
	topology_free(&a->topology);
	a->topology = t;
}

static struct scene scene_of(struct asking *a, const struct ending *ending, bool final)
{
	return (struct scene){.question = a->question,
		.probe = &a->probe,
		.story = &a->story,
		.ending = ending,
		.topology = &a->topology,
		.asker = topology_netns(&a->topology, a->node.inode),
		.final = final,
		.blind = a->blind,
		.near = a->near,
		.before = &a->before,
		.verdict = a->verdict};
}

/* The program that got the datagram wanted to answer: the kernel looked for a way to the source,
 * and there is none. */
static bool answer_refused(const struct asking *a, const struct scene *s)
{
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at);
	size_t size = a->probe.family == 6 ? 16 : 4;
	struct packet_view back = {.family = a->probe.family, .proto = IPPROTO_UDP};
	struct route_reply r;

	if (!at || netns < 0 || at->outer.family != a->probe.family)
		return false;
	memcpy(back.source, at->outer.destination, 16);
	memcpy(back.destination, at->outer.source, 16);
	back.first = at->outer.second;
	back.second = at->outer.first;
	for (size_t i = 0; i < a->story.count; i++) {
		const struct path_event *e = &a->story.list[i].event;

		if (e->kind == PATH_ROUTE && e->netns == at->event.netns &&
			e->route.family == a->probe.family &&
			!memcmp(e->route.destination, back.destination, size) &&
			!memcmp(e->route.source, back.source, size))
			return scene_route(s, netns, &back, 0, &r) && r.error;
	}
	return false;
}

/* A datagram that a program has got is delivered, whether the program answers or not; if it does,
 * the answer is part of the journey. */
static bool datagram_arrived(struct asking *a, const struct scene *s)
{
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at);

	if (s->ending->leg == LEG_ANSWER || answer_refused(a, s))
		return false;
	for (size_t i = 0; i < a->story.count; i++)
		if (a->story.list[i].event.kind == PATH_CONSUME &&
			a->story.list[i].leg == LEG_REQUEST &&
			strstr(a->story.list[i].symbol, "consume_udp"))
			return true;
	if (s->ending->kind != ENDING_RECEIVED || s->ending->leg != LEG_REQUEST || netns < 0)
		return false;
	return scene_is_local(s, netns, at->outer.family, at->outer.destination) != TOPOLOGY_NONE &&
	       live_listener(scene_fd(s, netns), at->outer.family, IPPROTO_UDP,
		       at->outer.destination, at->outer.second);
}

/* Wait for events, or for the probe's own socket, and take what there is. */
static void events_wait(struct asking *a, int milliseconds)
{
	struct pollfd p[2] = {
		{.fd = a->blind ? a->sockets.epoll : path_fd(&a->path), .events = POLLIN},
		{.fd = a->probe.fd, .events = a->probe.proto == PROBE_TCP ? POLLOUT : POLLIN}};

	poll(p, 2, milliseconds);
	if (a->blind)
		sockets_read(&a->sockets);
	else
		path_read(&a->path);
}

static void events_drain(struct asking *a, int64_t time)
{
	int64_t end = monotonic() + time;

	do {
		struct timespec nap = {.tv_nsec = 3 * MILLISECOND};

		nanosleep(&nap, NULL);
		events_wait(a, 0);
	} while (monotonic() < end);
}

/* Returns true when the verdict stands.  The first look is at the snapshot from before the probe,
 * the last at a fresh one: a cause must hold in both. */
static bool judge_once(struct asking *a, bool final)
{
	struct ending ending;
	struct scene s;
	bool known;

	names_fill(a);
	free(a->near);
	a->near = component_of(a);
	story_ending(&a->story, &ending);
	s = scene_of(a, &ending, final);
	if (a->probe.proto == PROBE_UDP && a->probe.stage == PROBE_SENT && !a->probe.error &&
		datagram_arrived(a, &s)) {
		verdict_clear(a->verdict);
		a->verdict->delivered = true;
		scene_why(
			&s, "the datagram was delivered to a program; UDP itself answers nothing");
		return true;
	}
	known = diagnose(&s);
	a->longer = s.longer;
	return final || (known && !s.patient);
}

static bool devices_agree(const struct device *a, const struct device *b)
{
	if (a->ifindex != b->ifindex || a->flags != b->flags || a->carrier != b->carrier ||
		a->mtu != b->mtu || a->master != b->master || a->port.state != b->port.state ||
		a->port.isolated != b->port.isolated || a->address_count != b->address_count)
		return false;
	for (size_t i = 0; i < a->address_count; i++)
		if (memcmp(a->addresses[i].ip, b->addresses[i].ip, 16) ||
			a->addresses[i].prefix != b->addresses[i].prefix)
			return false;
	return true;
}

/* Is the snapshot still true of the node that the verdict names?  Only that one is read again:
 * a machine may have hundreds. */
static bool snapshot_holds(const struct asking *a)
{
	const struct topology *t = &a->topology;
	int netns = topology_netns_named(t, a->verdict->node);
	struct topology now;
	const struct netns_view *view;
	bool same;

	if (netns < 0 || topology_read_one(&now, &t->netns[netns].node, NULL))
		return false;
	view = &t->netns[netns];
	same = now.device_count == view->device_count;
	for (size_t i = 0; same && i < view->device_count; i++)
		same = devices_agree(&now.devices[i], &t->devices[view->first_device + i]);
	topology_free(&now);
	return same;
}

/* Was the packet where nothing that we know of leads to? */
static bool went_elsewhere(const struct asking *a)
{
	const struct topology *t = &a->topology;

	for (size_t i = 0; !a->everything && i < a->story.count; i++) {
		int at = topology_netns(t, a->story.list[i].event.netns);

		if (at < 0 || t->netns[at].unread)
			return true;
	}
	return false;
}

/* The snapshot is from just before the probe.  What a verdict rests on is read again before it is
 * given; when that has changed in the meantime, everything is. */
static bool judge(struct asking *a, bool final)
{
	const char *cause;

	if (went_elsewhere(a)) {
		a->everything = true;
		topology_again(a);
	} else if (clock_now() - a->topology.taken > SNAPSHOT_LIFE) {
		topology_again(a);
	}
	if (!judge_once(a, final))
		return false;
	if (a->verdict->delivered)
		return true;
	if (!a->verdict->cause) {
		if (a->everything)
			return true;
		a->everything = true;
		topology_again(a);
		if (!judge_once(a, final) || !a->verdict->cause)
			return final;
	}
	cause = a->verdict->cause;
	events_drain(a, DRAIN);
	if (!snapshot_holds(a))
		topology_again(a);
	return (judge_once(a, final) && cause == a->verdict->cause) || final;
}

/* A neighbour entry that had failed before we asked takes our probe with it, and a bridge's port
 * that has just got its carrier forwards a moment later.  If nothing is wrong (any more), the next
 * probe finds out. */
static bool was_too_late(const struct asking *a)
{
	struct ending x;

	if (a->verdict->delivered || a->verdict->cause)
		return false;
	story_ending(&a->story, &x);
	return x.kind == ENDING_DROP && x.at >= 0 &&
	       (!strcmp(a->story.list[x.at].symbol, "neigh_invalidate") ||
		       !strcmp(a->story.list[x.at].symbol, "br_handle_frame"));
}

/* The loop: events come, an answer comes, or quiet comes. */
static void follow(struct asking *a, int64_t deadline)
{
	for (;;) {
		enum probe_answer answer;
		int64_t now;

		events_wait(a, 20);
		answer = probe_answer(&a->probe);
		if (answer == ANSWER_GOOD) {
			verdict_clear(a->verdict);
			a->verdict->delivered = true;
			a->verdict->rtt = a->probe.received - a->probe.sent;
			events_drain(a, DRAIN);
			return;
		}
		if (answer != ANSWER_NONE) {
			events_drain(a, DRAIN);
			judge(a, true);
			return;
		}
		now = monotonic();
		if (now >= deadline) {
			judge(a, true);
			if (!a->longer || a->extended || a->question->timeout)
				return;
			a->extended = true;
			deadline += a->longer;
		}
		if (now - a->last_event < QUIET)
			continue;
		a->last_event = now; /* the next look after as much quiet again */
		/* An answer may have come while we were looking. */
		if (judge(a, false) && probe_answer(&a->probe) == ANSWER_NONE)
			return;
	}
}

/* As in all other steps: the namespace we are in has a name for others. */
static const char *asker_name(struct asking *a)
{
	const char *name = node_name((uint32_t)a->node.inode, a);

	return strcmp(name, "?") != 0 ? name : a->node.name;
}

static void socket_step(struct asking *a)
{
	struct step *step = verdict_step(a->verdict);
	char from[ADDRESS_TEXT] = "", to[ADDRESS_TEXT];
	static const char *const protos[] = {"ICMP echo request", "UDP datagram", "TCP connection"};
	const struct probe *p = &a->probe;

	if (!step)
		return;
	snprintf(step->node, sizeof(step->node), "%s", asker_name(a));
	snprintf(step->device, sizeof(step->device), "%s",
		a->question->device ? a->question->device : "");
	snprintf(step->event, sizeof(step->event), "socket");
	address_text(to, p->family, probe_ip(&p->destination));
	if (p->source.any.sa_family)
		address_text(from, p->family, probe_ip(&p->source));
	snprintf(step->packet, sizeof(step->packet), "%s to %s", protos[p->proto], to);
	if (p->stage != PROBE_SENT)
		snprintf(step->note, sizeof(step->note), "refused: %s", strerror(p->error));
	else
		snprintf(step->note, sizeof(step->note), "sent by warren (pid %d) from %s",
			(int)getpid(), from);
}

static void receive_step(struct asking *a)
{
	struct step *step = a->verdict->rtt >= 0 ? verdict_step(a->verdict) : NULL;

	if (!step)
		return;
	snprintf(step->node, sizeof(step->node), "%s", asker_name(a));
	snprintf(step->event, sizeof(step->event), "receive");
	snprintf(step->packet, sizeof(step->packet), "%s",
		a->probe.proto == PROBE_TCP ? "connected" : "the answer");
	snprintf(step->note, sizeof(step->note), "the program has its answer after %.3f ms",
		(double)a->verdict->rtt / 1e6);
	step->time = a->verdict->rtt;
}

/* A packet that is sent gets so long, however late it was when all was ready. */
#define LEAST (300 * MILLISECOND)

static void ask_once(struct asking *a)
{
	int64_t now = monotonic(), least = now + LEAST;

	/* Who has named a time has named it for all that is done; our own begins with the probe. */
	if (!a->question->timeout)
		a->until = now + WHY_TIMEOUT_DEFAULT;
	watch_begin(a);
	pressure_read(&a->before);
	a->last_event = monotonic();
	if (probe_send(&a->probe)) {
		subject_fill(a);
		gateways_ask(a);
		follow(a, a->until > least ? a->until : least);
	} else {
		subject_fill(a);
		events_drain(a, DRAIN);
		judge(a, true);
	}
	if (!a->blind)
		path_watch(&a->path, NULL);
	events_wait(a, 0);
}

/* eBPF where it is allowed, else packet sockets. */
static int eyes_open(struct asking *a, struct error *e)
{
	enum why_engine engine = a->question->engine;
	bool *in;
	struct error refused = {0};
	int err = engine == WHY_SOCKETS ? -EPERM : path_open(&a->path, event_take, a, &refused);

	if (!err) {
		a->verdict->engine = "ebpf";
		tunnels_attach(a);
		namespaces_tell(a);
	}
	if (!err)
		return 0;
	if (engine == WHY_EBPF)
		return error_set(e, -err, "%s", refused.text);
	if (engine != WHY_SOCKETS && err != -EPERM)
		snprintf(a->refused, sizeof(a->refused), "%.*s", (int)sizeof(a->refused) - 1,
			refused.text);
	a->blind = true;
	a->verdict->engine = "sockets";
	in = component_of(a);
	err = in ? sockets_open(&a->sockets, &a->topology, in, event_take, a, e)
		 : error_errno(e, ENOMEM, "packet sockets");
	free(in);
	if (err != -EPERM)
		return err;
	/* Who may not even listen can still ask: the call's errors and the answer tell. */
	a->eyeless = true;
	a->sockets.epoll = -1;
	return 0;
}

/* A question may name a device or a source that is not there: no packet, and yet an answer. */
static int ask(struct asking *a, struct error *e)
{
	const struct question *q = a->question;
	union probe_address destination;
	char text[ADDRESS_TEXT];
	int err;

	err = destination_parse(q, &a->node, &destination, e);
	if (!err)
		err = topology_read_near(&a->topology, &a->node, e);
	/* A device that is not here is looked for elsewhere. */
	if (!err && q->device && !probe_device_index(a->node.fd, q->device)) {
		a->everything = true;
		topology_again(a);
	}
	if (!err)
		err = eyes_open(a, e);
	if (!err)
		err = probe_open(&a->probe, q, a->node.fd, &destination, e);
	if (err)
		return err;
	if (a->foreign && !a->blind) { /* to know what it has read before ours */
		struct timespec nap = {.tv_nsec = PATH_STRANGER_TIME};

		nanosleep(&nap, NULL);
	}
	ask_once(a);
	if (was_too_late(a) && (!q->timeout || monotonic() < a->until)) {
		probe_close(&a->probe);
		story_done(&a->story);
		a->named = 0;
		verdict_clear(a->verdict);
		err = probe_open(&a->probe, q, a->node.fd, &destination, e);
		if (err)
			return err;
		ask_once(a);
	}
	if (a->eyeless)
		verdict_fact(a->verdict, "errno",
			"nothing could be seen on the way: packet sockets need CAP_NET_RAW");
	else if (a->blind)
		verdict_fact(a->verdict, "sockets",
			"seen by packet sockets: drops inside the kernel, routing decisions and what processes "
			"do with packets could not be seen");
	if (a->refused[0])
		verdict_fact(a->verdict, "ebpf", "%s", a->refused);
	a->verdict->lost = (a->blind ? a->sockets.lost : path_lost(&a->path)) + a->story.cut;
	names_fill(a);
	socket_step(a);
	story_tell(&a->story, node_name, a, a->verdict);
	if (a->verdict->delivered && a->verdict->rtt >= 0) {
		receive_step(a);
		snprintf(a->verdict->why, sizeof(a->verdict->why), "%s answered in %.3f ms",
			address_text(text, a->probe.family, probe_ip(&a->probe.destination)),
			(double)a->verdict->rtt / 1e6);
	}
	return 0;
}

/* `--device 10.0.0.1`: as with ping -I, an address says from where, not over which device. */
static struct question device_or_source(const struct question *q)
{
	struct question plain = *q;
	uint8_t ip[16];

	if (q->device && !q->source &&
		(inet_pton(AF_INET, q->device, ip) == 1 ||
			inet_pton(AF_INET6, q->device, ip) == 1)) {
		plain.source = q->device;
		plain.device = NULL;
	}
	return plain;
}

int why_ask(const struct question *asked, struct verdict *v, struct error *e)
{
	const struct question plain = device_or_source(asked), *q = &plain;
	struct asking a = {.question = q, .verdict = v, .node = {.fd = -1}, .probe = {.fd = -1}};
	int err;

	*v = (struct verdict){.rtt = -1};
	a.until = monotonic() + q->timeout;
	err = node_open(&a.node, q->from, e);
	if (!err)
		err = ask(&a, e);
	probe_close(&a.probe);
	path_close(&a.path);
	sockets_close(&a.sockets);
	free(a.near);
	story_done(&a.story);
	topology_free(&a.topology);
	node_close(&a.node);
	if (err)
		verdict_done(v);
	return err;
}
