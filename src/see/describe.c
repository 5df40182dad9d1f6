#include "see/describe.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

const char *describe_port_state(uint8_t state)
{
	static const char *const names[] = {
		[BR_STATE_DISABLED] = "disabled",
		[BR_STATE_LISTENING] = "listening",
		[BR_STATE_LEARNING] = "learning",
		[BR_STATE_FORWARDING] = "forwarding",
		[BR_STATE_BLOCKING] = "blocking",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

const char *describe_state(const struct device *d)
{
	if (!d->up)
		return "down";
	if (!d->carrier)
		return "no carrier";
	if (d->port.is_port && d->port.state != BR_STATE_FORWARDING)
		return describe_port_state(d->port.state);
	return "up";
}

const char *describe_kind(const struct device *d)
{
	switch (d->kind) {
	case DEVICE_PHYSICAL:
		return "physical";
	case DEVICE_LOOPBACK:
		return "loopback";
	case DEVICE_TAP:
		return "tap";
	default:
		return d->link_kind;
	}
}

char *describe_ip(uint8_t family, const uint8_t *ip, char out[DESCRIBE_ADDRESS])
{
	if (!family || !inet_ntop(family, ip, out, DESCRIBE_ADDRESS))
		out[0] = '\0';
	return out;
}

char *describe_address(const struct address *a, char out[DESCRIBE_ADDRESS])
{
	size_t used;

	describe_ip(a->family, a->ip, out);
	used = strlen(out);
	snprintf(out + used, DESCRIBE_ADDRESS - used, "/%u", a->prefix);
	return out;
}

const char *describe_trouble(const struct address *a)
{
	if (a->flags & IFA_F_DADFAILED)
		return "duplicate";
	return a->flags & IFA_F_TENTATIVE ? "tentative" : "";
}

char *describe_mac(const struct device *d, char out[DESCRIBE_ADDRESS])
{
	size_t n = d->mac_size < 20 ? d->mac_size : 20;

	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(out + 3 * i, 4, "%02x%s", d->mac[i], i + 1 < n ? ":" : "");
	return out;
}

const char *describe_macvlan_mode(const struct device *d)
{
	if (d->kind != DEVICE_MACVLAN)
		return "";
	switch (d->macvlan_mode) {
	case MACVLAN_MODE_PRIVATE:
		return "private";
	case MACVLAN_MODE_VEPA:
		return "vepa";
	case MACVLAN_MODE_BRIDGE:
		return "bridge";
	case MACVLAN_MODE_PASSTHRU:
		return "passthru";
	case MACVLAN_MODE_SOURCE:
		return "source";
	}
	return "";
}

const char *describe_end_type(enum end_type type)
{
	static const char *const names[] = {
		[END_UNKNOWN] = "unknown",
		[END_DEVICE] = "device",
		[END_PROCESS] = "process",
		[END_WIRE] = "wire",
		[END_STACK] = "stack",
		[END_PORTS] = "ports",
		[END_UNDERLAY] = "underlay",
	};

	return names[type];
}

char *describe_quantity(double value, char out[16])
{
	static const char units[] = {0, 'k', 'M', 'G', 'T', 'P', 'E', 0};
	size_t unit = 0;

	while (value >= 999.5 && units[unit + 1]) {
		value /= 1000;
		unit++;
	}
	/* Two figures at least, and none behind the point of a plain number. */
	snprintf(out, 16, "%.*f%.1s", unit && value < 9.95 ? 1 : 0, value, &units[unit]);
	return out;
}

/* A text that grows at its end and never beyond its room. */
struct words {
	char *out;
	size_t used;
};

static void say(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *w, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(w->out + w->used, DESCRIBE_END - w->used, format, args);
	va_end(args);
	w->used += n > 0 ? (size_t)n : 0;
	if (w->used >= DESCRIBE_END) {
		w->used = DESCRIBE_END - 1;
		memcpy(w->out + w->used - 3, "...", 3);
	}
}

static void say_device(struct words *w, const struct topology *t, const struct device *d)
{
	const struct other_end *end = &d->end;

	if (end->device >= 0 && end->netns != d->netns)
		say(w, "%s:%s", t->netns[end->netns].node.name, t->devices[end->device].name);
	else if (end->device >= 0)
		say(w, "%s", t->devices[end->device].name);
	else if (end->netns >= 0)
		say(w, "device %u of %s", end->ifindex, t->netns[end->netns].node.name);
	else
		say(w, "device %u of a namespace not seen", end->ifindex);
	if (d->kind == DEVICE_MACVLAN)
		say(w, ", mode %s", describe_macvlan_mode(d));
	else if (d->kind == DEVICE_VLAN && d->vlan_id)
		say(w, ", vlan %u", d->vlan_id);
}

static void say_process(struct words *w, const struct topology *t, const struct device *d)
{
	for (size_t i = 0; i < d->holder_count; i++) {
		const struct holder *h = &d->holders[i];

		say(w, "%s%s (pid %d", i ? ", " : "", h->process.comm, (int)h->process.pid);
		if (h->queues > 1)
			say(w, ", %u queues", h->queues);
		if (h->process.container[0])
			say(w, ", container %s", h->process.container);
		if (h->home >= 0 && h->home != d->netns)
			say(w, ", in %s", t->netns[h->home].node.name);
		say(w, ")");
	}
	if (!d->holder_count)
		say(w, d->carrier ? "a process not seen" : "no process");
}

static void say_ports(struct words *w, const struct topology *t, const struct device *d)
{
	enum { NAMED = 6 };
	const struct netns_view *n = device_netns(t, d);
	size_t ports = 0;

	for (size_t i = n->first_device; i < n->first_device + n->device_count; i++) {
		if (t->devices[i].master != d->ifindex)
			continue;
		if (ports++ < NAMED)
			say(w, "%s%s", ports == 1 ? "ports " : " ", t->devices[i].name);
	}
	if (!ports)
		say(w, "no ports");
	else if (ports > NAMED)
		say(w, " and %zu more", ports - NAMED);
}

static void say_underlay(struct words *w, const struct topology *t, const struct device *d)
{
	const struct encapsulation *e = &d->tunnel;
	char local[DESCRIBE_ADDRESS], remote[DESCRIBE_ADDRESS];
	static const uint8_t none[16];
	bool has_local = memcmp(e->local, none, 16), has_remote = memcmp(e->remote, none, 16);

	describe_ip(e->family, e->local, local);
	describe_ip(e->family, e->remote, remote);
	say(w, "%s", d->kind == DEVICE_VXLAN ? "UDP" : "underlay");
	if (has_local)
		say(w, " %s", local);
	if (has_remote)
		say(w, " -> %s", remote);
	if (e->port)
		say(w, " port %u", e->port);
	if (d->kind == DEVICE_VXLAN)
		say(w, ", id %u", e->id);
	if (d->end.device >= 0)
		say(w, ", by %s", t->devices[d->end.device].name);
	if (d->end.netns != d->netns && d->end.netns >= 0)
		say(w, " in %s", t->netns[d->end.netns].node.name);
}

static void say_wire(struct words *w, const struct device *d)
{
	say(w, "the wire");
	if (d->driver[0])
		say(w, ", %s", d->driver);
	if (d->bus[0])
		say(w, " %s", d->bus);
	if (d->speed && d->speed % 1000 == 0)
		say(w, ", %u Gbit/s", d->speed / 1000);
	else if (d->speed)
		say(w, ", %u Mbit/s", d->speed);
}

char *describe_end(const struct topology *t, const struct device *d, char out[DESCRIBE_END])
{
	struct words w = {.out = out};

	out[0] = '\0';
	switch (d->end.type) {
	case END_DEVICE:
		if (d->kind == DEVICE_IFB)
			say(&w, "what tc redirects from ");
		say_device(&w, t, d);
		if (d->holder_count) { /* macvtap: a process at one end, a device below */
			say(&w, ", ");
			say_process(&w, t, d);
		}
		break;
	case END_PROCESS:
		say_process(&w, t, d);
		break;
	case END_WIRE:
		say_wire(&w, d);
		break;
	case END_STACK:
		say(&w, "the same stack");
		break;
	case END_PORTS:
		say_ports(&w, t, d);
		break;
	case END_UNDERLAY:
		say_underlay(&w, t, d);
		break;
	case END_UNKNOWN:
		say(&w, d->kind == DEVICE_DUMMY ? "nothing: what is sent is gone"
			: d->kind == DEVICE_IFB ? "what tc redirects to it"
						: "unknown");
		break;
	}
	return out;
}

char *describe_vlans(const struct device *d, char out[DESCRIBE_END])
{
	struct words w = {.out = out};

	out[0] = '\0';
	for (size_t i = 0; i < d->vlan_count; i++) {
		const struct port_vlan *v = &d->vlans[i];

		say(&w, "%s%u", i ? ", " : "", v->first);
		if (v->last > v->first)
			say(&w, "-%u", v->last);
		say(&w, "%s%s", v->pvid ? " pvid" : "", v->untagged ? " untagged" : "");
	}
	return out;
}

/* How many bytes the character takes that begins here; 0: none does. */
static size_t character(const unsigned char *p)
{
	size_t n = p[0] < 0x80		   ? 1
		   : (p[0] & 0xe0) == 0xc0 ? 2
		   : (p[0] & 0xf0) == 0xe0 ? 3
		   : (p[0] & 0xf8) == 0xf0 ? 4
					   : 0;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Too long a form, halves of UTF-16, and beyond the last one. */
	if ((n == 2 && p[0] < 0xc2) || (n == 3 && p[0] == 0xe0 && p[1] < 0xa0) ||
		(n == 3 && p[0] == 0xed && p[1] > 0x9f) ||
		(n == 4 && p[0] == 0xf0 && p[1] < 0x90) ||
		(n == 4 && (p[0] > 0xf4 || (p[0] == 0xf4 && p[1] > 0x8f))))
		return 0;
	return n;
}

void describe_plain(char *text)
{
	unsigned char *p = (unsigned char *)text, *out = p;

	while (*p) {
		size_t n = character(p);
		bool control = n == 1 ? p[0] < 0x20 || p[0] == 0x7f
				      : n == 2 && p[0] == 0xc2 && p[1] < 0xa0;

		if (!n || control) {
			*out++ = '?';
			p += n ? n : 1;
			continue;
		}
		memmove(out, p, n);
		out += n;
		p += n;
	}
	*out = '\0';
}
