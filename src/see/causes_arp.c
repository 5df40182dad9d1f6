/* Causes in how ARP is set: who may answer for an address, and on which device. */
#include "see/asked.h"

#include <linux/if.h>
#include <stdio.h>
#include <string.h>

/* ---- arp-off ---- */

/* Without ARP a device that needs it takes its own MAC address for everybody's. */
static const struct device *sent_without_asking(const struct scene *s)
{
	const struct seen *at = scene_seen(s);

	for (int i = at ? s->ending->at : -1; i >= 0; i--) {
		const struct seen *n = &s->story->list[i];
		int d = scene_device(s, n);
		const struct device *sender = d == TOPOLOGY_NONE ? NULL : &s->topology->devices[d];

		if ((n->event.kind == PATH_TX || n->event.kind == PATH_QUEUE) &&
			n->leg == at->leg && n->event.has_link && sender && sender->mac_size == 6 &&
			!memcmp(n->event.lladdr, sender->mac, 6))
			return sender;
	}
	return NULL;
}

static bool arp_off_confirm(struct scene *s, const struct cause *c)
{
	struct asked a;
	const struct device *d;
	char ip[COMMAND_PREFIX];

	if (!asked_find(s, &a)) {
		d = sent_without_asking(s);
	} else {
		if (!a.heard || a.told || a.heard_device == TOPOLOGY_NONE)
			return false;
		d = &s->topology->devices[a.heard_device];
	}
	if (!d || !(d->flags & IFF_NOARP))
		return false;
	scene_at(s, d->netns, d->name);
	if (a.heard)
		scene_why(s, "%s in %s has the address, but ARP is off on it", d->name,
			scene_name(s, d->netns));
	else
		scene_why(s, "ARP is off on %s in %s, so %s was sent to no neighbour's MAC address",
			d->name, scene_name(s, d->netns), scene_leg(s));
	verdict_fact(s->verdict, "rtnetlink", "%s in %s has IFF_NOARP", d->name,
		scene_name(s, d->netns));
	verdict_fix(s->verdict, "%s link set dev %s arp on", scene_ip(s, d->netns, ip), d->name);
	return true;
}

const struct cause cause_arp_off = {
	.id = "arp-off",
	.title = "ARP is off on the owner's device, or on the sender's",
	.proof = "The request is received and consumed, no answer; or the sender asks nobody and "
		 "sends to its own MAC address. Confirmed: IFF_NOARP.",
	.repair = "ip -n B link set b0 arp on",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_DROP, NULL, NULL, 0},
		{SIGN_SENT, NULL, NULL, 0}, {SIGN_RECEIVED, NULL, NULL, 0}},
	.confirm = arp_off_confirm,
};

/* ---- arp-ignore ---- */

static bool arp_ignore_confirm(struct scene *s, const struct cause *c)
{
	struct asked a;
	const struct device *d;
	char exec[COMMAND_PREFIX], key[32];
	long ignore, filter, all;

	if (!asked_find(s, &a) || !a.heard || a.told || a.heard_device == TOPOLOGY_NONE ||
		s->ending->family != 4)
		return false;
	d = &s->topology->devices[a.heard_device];
	ignore = scene_conf4_max(s, d->netns, d->name, "arp_ignore");
	filter = scene_conf4_max(s, d->netns, d->name, "arp_filter");
	if (!ignore && !filter)
		return false;
	/* 1: only for addresses of the device itself; then it would have answered. */
	if (ignore == 1 && !filter && a.owner == a.heard_device)
		return false;
	snprintf(key, sizeof(key), "%s", ignore ? "arp_ignore" : "arp_filter");
	scene_at(s, d->netns, d->name);
	scene_why(s, "%s has the address on %s, but %s on %s keeps it from answering",
		scene_name(s, d->netns), s->topology->devices[a.owner].name, key, d->name);
	all = scene_conf4(s, d->netns, "all", key);
	verdict_fact(s->verdict, "sysctl", "net.ipv4.conf.%s.%s is %ld in %s",
		all ? "all" : d->name, key, ignore ? ignore : filter, scene_name(s, d->netns));
	scene_exec(s, d->netns, exec);
	if (all)
		verdict_fix(s->verdict, "%ssysctl -w net.ipv4.conf.all.%s=0", exec, key);
	if (scene_conf4(s, d->netns, d->name, key))
		verdict_fix(s->verdict, "%ssysctl -w net.ipv4.conf.%s.%s=0", exec, d->name, key);
	return true;
}

const struct cause cause_arp_ignore = {
	.id = "arp-ignore",
	.title = "arp_ignore or arp_filter prevents the answer",
	.proof = "The request is received, the address is owned there, no answer. Confirmed: "
		 "max(all, D).arp_ignore or arp_filter is set.",
	.repair = "ip netns exec B sysctl -w net.ipv4.conf.D.arp_ignore=0 (also all)",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = arp_ignore_confirm,
};

/* ---- arp-flux ---- */

/* Who sent what was last received, and had to know its MAC address: no bridge. */
static const struct seen *sender_of(const struct scene *s, const struct seen *at)
{
	for (int i = s->ending->at; i >= 0; i--) {
		const struct seen *n = &s->story->list[i];
		int d = scene_device(s, n);

		if ((n->event.kind == PATH_TX || n->event.kind == PATH_QUEUE) &&
			n->leg == at->leg && n->event.netns != at->event.netns &&
			d != TOPOLOGY_NONE && !s->topology->devices[d].port.is_port)
			return n;
	}
	return NULL;
}

/* The asker listens on one device only, and the answer has come in by another of his, which
 * answers for the addresses of all. */
static bool arp_flux_confirm(struct scene *s, const struct cause *c)
{
	const struct topology *t = s->topology;
	const struct seen *at = scene_seen(s), *sent;
	int netns = scene_netns(s, at), in = scene_device(s, at), owner, sender;
	char exec[COMMAND_PREFIX], ip[COMMAND_PREFIX], text[ADDRESS_TEXT];
	struct neighbour_reply entry;
	struct packet_view p;
	const struct device *asked, *came;

	scene_packet(s, &p);
	if (s->ending->leg != LEG_ANSWER || netns != s->asker || in == TOPOLOGY_NONE ||
		p.family != 4 || !s->question->device)
		return false;
	owner = scene_is_local(s, netns, 4, p.destination);
	if (owner == TOPOLOGY_NONE || owner == in)
		return false;
	asked = &t->devices[owner];
	came = &t->devices[in];
	sent = sender_of(s, at);
	sender = scene_netns(s, sent);
	if (strcmp(asked->name, s->question->device) || sender < 0 || came->mac_size != 6 ||
		scene_conf4_max(s, netns, came->name, "arp_ignore") > 0 ||
		!live_neighbour(
			scene_fd(s, sender), sent->event.ifindex, 4, p.destination, &entry) ||
		!entry.has_mac || memcmp(entry.mac, came->mac, 6) != 0)
		return false;
	address_text(text, 4, p.destination);
	scene_at(s, netns, came->name);
	scene_why(s,
		"the answer came in by %s, but only %s is listened on: %s answers ARP for %s on each of its "
		"devices, and %s has learnt the MAC address of %s",
		came->name, asked->name, scene_name(s, netns), text, scene_name(s, sender),
		came->name);
	verdict_fact(s->verdict, "rtnetlink", "neighbour %s on %s in %s has the MAC address of %s",
		text, sent->event.device, scene_name(s, sender), came->name);
	verdict_fact(s->verdict, "sysctl", "net.ipv4.conf.%s.arp_ignore is 0 in %s", came->name,
		scene_name(s, netns));
	scene_exec(s, netns, exec);
	verdict_fix(s->verdict, "%ssysctl -w net.ipv4.conf.all.arp_ignore=1", exec);
	verdict_fix(s->verdict, "%s neigh del %s dev %s", scene_ip(s, sender, ip), text,
		sent->event.device);
	return true;
}

const struct cause cause_arp_flux = {
	.id = "arp-flux",
	.title =
		"the answer came in by another device, which answers ARP for the one that is listened on",
	.proof = "The answer is received on another device of the asker than he is bound to, and "
		 "nothing follows. Confirmed: the address is that of his device; the neighbour "
		 "entry from which the answer was sent has the other's MAC; arp_ignore is 0 there.",
	.repair =
		"ip netns exec N sysctl -w net.ipv4.conf.all.arp_ignore=1; ip -n B neigh del X dev b0",
	.signs = {{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, "NO_SOCKET", NULL, 0}},
	.confirm = arp_flux_confirm,
};
