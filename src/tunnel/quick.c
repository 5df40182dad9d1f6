#include "tunnel/quick.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scoped.h"
#include "tunnel/link.h"

enum {
	TABLE_FIRST = 51820, /* where the search for an unused table begins */
	MTU_OVERHEAD = 80,   /* IPv6, UDP, header and tag */
	MTU_LEAST = 1280,    /* IPv6 ends below it */
	COMMAND_SIZE = 8192,
};

/* ---- commands ---- */

/* The command with each %i replaced by the device's name; free() it. */
static char *command_expand(const char *command, const char *name)
{
	size_t count = 0, n = strlen(name);
	char *out, *to;

	for (const char *at = command; (at = strstr(at, "%i")); at += 2)
		count++;
	out = to = malloc(strlen(command) + count * n + 1);
	while (out && *command) {
		if (!strncmp(command, "%i", 2)) {
			memcpy(to, name, n);
			to += n;
			command += 2;
		} else {
			*to++ = *command++;
		}
	}
	if (out)
		*to = '\0';
	return out;
}

static int hooks_run(struct quick *q, const struct conf *c, enum conf_hook which, struct error *e)
{
	static const char *const names[] = {"PreUp", "PostUp", "PreDown", "PostDown"};
	const struct conf_list *list = &c->hooks[which];

	for (size_t i = 0; i < list->count; i++) {
		SCOPED_FREE char *command = command_expand(list->item[i], q->name);
		int status = command ? q->run(q->arg, command) : -ENOMEM;

		if (status < 0)
			return error_errno(e, -status, "%s '%s'", names[which], list->item[i]);
		if (status)
			return error_set(e, ECANCELED, "%s '%s' ended with status %d", names[which],
				list->item[i], status);
	}
	return 0;
}

static bool program_exists(const char *name)
{
	static const char *const places[] = {
		"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"};
	char path[128];

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

/* ---- DNS ---- */

/* Each item of a list with text around it, behind what is in `out`.  conf.c has seen to it that
 * nothing in the items means anything to a shell. */
static void items_append(
	char *out, size_t size, const char *before, const struct conf_list *list, const char *after)
{
	for (size_t i = 0; i < list->count; i++) {
		size_t used = strlen(out);

		snprintf(out + used, size - used, "%s%s%s", before, list->item[i], after);
	}
}

static void dns_set(struct quick *q, const struct conf *c)
{
	char command[COMMAND_SIZE] = "";
	size_t used;

	if (!c->dns.count && !c->search.count)
		return;
	if (program_exists("resolvconf")) {
		strcpy(command, "printf '%s\\n' ");
		items_append(command, sizeof(command), "'nameserver ", &c->dns, "' ");
		if (c->search.count)
			strcat(command, "'search");
		items_append(command, sizeof(command), " ", &c->search, "");
		used = strlen(command);
		snprintf(command + used, sizeof(command) - used,
			"%s | resolvconf -a tun.%s -m 0 -x", c->search.count ? "'" : "", q->name);
	} else if (program_exists("resolvectl")) {
		snprintf(command, sizeof(command), "resolvectl dns %s", q->name);
		items_append(command, sizeof(command), " ", &c->dns, "");
		used = strlen(command);
		snprintf(command + used, sizeof(command) - used, " && resolvectl domain %s '~.'",
			q->name);
		items_append(command, sizeof(command), " '", &c->search, "'");
	} else {
		log_warning("DNS is not set: there is neither resolvconf nor resolvectl");
		return;
	}
	q->dns = true;
	if (q->run(q->arg, command))
		log_warning("DNS is not set: '%s' failed", command);
}

static void dns_unset(struct quick *q)
{
	char command[128];

	/* What resolved knows of the device goes with the device. */
	if (!q->dns || !program_exists("resolvconf"))
		return;
	snprintf(command, sizeof(command), "resolvconf -d tun.%s -f", q->name);
	q->run(q->arg, command);
	q->dns = false;
}

/* ---- routes ---- */

static bool prefix_is_default(const struct prefix *p)
{
	return p->length == 0;
}

static bool prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	if (outer->family != inner->family || outer->length > inner->length)
		return false;
	for (unsigned bit = 0; bit < outer->length; bit++)
		if ((outer->address[bit / 8] ^ inner->address[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

/* The kernel has made a route for the network of each address. */
static bool route_is_covered(const struct conf *c, const struct prefix *p)
{
	for (size_t i = 0; c->routes == CONF_ROUTES_AUTO && i < c->address_count; i++)
		if (prefix_contains(&c->addresses[i], p))
			return true;
	return false;
}

static int prefix_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

/* All allowed-ips that need a route, sorted, each once. */
static int routes_collect(const struct conf *c, struct prefix **list, size_t *count)
{
	const struct settings *s = &c->settings;
	size_t n = 0, kept = 0;
	struct prefix *all = calloc(s->allowed_count + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < s->allowed_count && c->routes != CONF_ROUTES_OFF; i++)
		if (!route_is_covered(c, &s->allowed_ips[i].prefix))
			all[n++] = s->allowed_ips[i].prefix;
	qsort(all, n, sizeof(*all), prefix_order);
	for (size_t i = 0; i < n; i++)
		if (!kept || prefix_order(&all[kept - 1], &all[i]))
			all[kept++] = all[i];
	*list = all;
	*count = kept;
	return 0;
}

static bool has_default(const struct conf *c)
{
	for (size_t i = 0; i < c->settings.allowed_count; i++)
		if (prefix_is_default(&c->settings.allowed_ips[i].prefix))
			return true;
	return false;
}

/* Packets to the tunnel's own addresses must come out of the tunnel; and answers to our datagrams
 * must pass the check of their source (rp_filter), for which they get the mark back. */
static void guard_set(struct quick *q, const struct conf *c)
{
	char command[COMMAND_SIZE], own[COMMAND_SIZE / 2] = "";

	if (!program_exists("nft")) {
		log_warning("there is no nft: answers may be lost where rp_filter is strict");
		return;
	}
	for (size_t i = 0; i < c->address_count; i++) {
		struct prefix host = c->addresses[i];
		char text[PREFIX_TEXT];
		size_t used = strlen(own);

		host.length = host.family == AF_INET ? 32 : 128;
		prefix_format(text, &host);
		snprintf(own + used, sizeof(own) - used,
			"add rule inet %s raw iifname != %s %s daddr %s fib saddr type != local drop\n",
			q->name, q->name, host.family == AF_INET ? "ip" : "ip6", text);
	}
	snprintf(command, sizeof(command),
		"nft -f - <<'E'\n"
		"add table inet %1$s\n"
		"add chain inet %1$s raw { type filter hook prerouting priority -300; }\n"
		"add chain inet %1$s pre { type filter hook prerouting priority -150; }\n"
		"add chain inet %1$s post { type filter hook postrouting priority -150; }\n"
		"%3$s"
		"add rule inet %1$s post meta l4proto udp mark %2$u ct mark set mark\n"
		"add rule inet %1$s pre meta l4proto udp meta mark set ct mark\n"
		"E\n",
		q->name, q->table, own);
	q->guard = q->run(q->arg, command) == 0;
	if (!q->guard)
		log_warning("the nftables rules for the default route could not be set");
}

static void valid_mark_set(void)
{
	SCOPED_FD int fd = open("/proc/sys/net/ipv4/conf/all/src_valid_mark", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		log_warning("net.ipv4.conf.all.src_valid_mark could not be set: where rp_filter is "
			    "strict, answers are lost");
}

static int default_add(struct quick *q, const struct prefix *p, struct error *e)
{
	int err = link_route(q->netlink, q->index, p, q->table, true, e);

	if (err)
		return err;
	if (p->family == AF_INET) {
		q->rules4 = true;
		valid_mark_set();
	} else {
		q->rules6 = true;
	}
	return link_rules(q->netlink, p->family, q->table, true, e);
}

static int default_del(struct quick *q, const struct prefix *p, struct error *e)
{
	bool *rules = p->family == AF_INET ? &q->rules4 : &q->rules6;
	int err = link_route(q->netlink, q->index, p, q->table, false, e);

	if (!err && *rules)
		err = link_rules(q->netlink, p->family, q->table, false, e);
	if (!err)
		*rules = false;
	return err;
}

static void guard_unset(struct quick *q)
{
	char command[128];

	snprintf(command, sizeof(command), "nft delete table inet %s", q->name);
	if (q->guard)
		q->run(q->arg, command);
	q->guard = false;
}

static uint32_t route_table(const struct conf *c)
{
	return c->routes == CONF_ROUTES_TABLE ? c->table : CONF_TABLE_MAIN;
}

static int route_change(
	struct quick *q, const struct conf *c, const struct prefix *p, bool add, struct error *e)
{
	char text[PREFIX_TEXT];
	int err;

	if (prefix_is_default(p) && c->routes == CONF_ROUTES_AUTO && add)
		err = default_add(q, p, e);
	else if (prefix_is_default(p) && c->routes == CONF_ROUTES_AUTO)
		err = default_del(q, p, e);
	else
		err = link_route(q->netlink, q->index, p, route_table(c), add, e);
	if (!err)
		return 0;
	prefix_format(text, p);
	error_prefix(e, "%s: route to %s", q->name, text);
	return err;
}

static int routes_add(struct quick *q, const struct conf *c, struct error *e)
{
	int err = routes_collect(c, &q->routes, &q->route_count);

	if (err)
		return error_errno(e, -err, "%s", q->name);
	for (size_t i = 0; !err && i < q->route_count; i++)
		err = route_change(q, c, &q->routes[i], true, e);
	if (!err && (q->rules4 || q->rules6))
		guard_set(q, c);
	return err;
}

/* ---- addresses and MTU ---- */

static int address_change(struct quick *q, const struct prefix *p, bool add, struct error *e)
{
	char text[PREFIX_TEXT];
	int err = link_address(q->netlink, q->index, p, add, e);

	if (!err)
		return 0;
	prefix_format(text, p);
	error_prefix(e, "%s: address %s", q->name, text);
	return err;
}

/* What the way to the nearest of the endpoints carries, less our overhead; 0: keep the default. */
static uint32_t mtu_choose(struct quick *q, const struct conf *c)
{
	uint32_t least = 0;

	if (c->mtu)
		return c->mtu;
	for (size_t i = 0; i < c->settings.peer_count; i++) {
		const struct peer_change *p = &c->settings.peers[i];
		uint32_t mtu = 0;

		if (p->given & GIVEN_ENDPOINT)
			mtu = link_path_mtu(q->netlink, &p->endpoint, c->settings.fwmark);
		if (mtu && (!least || mtu < least))
			least = mtu;
	}
	if (!least)
		return 0;
	if (least > 65535) /* lo has 65536 */
		least = 65535;
	return least < MTU_LEAST + MTU_OVERHEAD ? MTU_LEAST : least - MTU_OVERHEAD;
}

/* ---- the journey ---- */

int quick_prepare(struct quick *q, struct conf *c, struct error *e)
{
	int err = hooks_run(q, c, CONF_PRE_UP, e);

	if (!err)
		quick_choose(q, c);
	return err;
}

void quick_choose(struct quick *q, struct conf *c)
{
	if (c->routes != CONF_ROUTES_AUTO || !has_default(c))
		return;
	if (c->settings.fwmark)
		q->table = c->settings.fwmark;
	if (!q->table) {
		q->table = TABLE_FIRST;
		while (!link_table_is_empty(q->netlink, q->table))
			q->table++;
	}
	c->settings.fwmark = q->table;
}

int quick_up(struct quick *q, const struct conf *c, struct error *e)
{
	int err = 0;

	for (size_t i = 0; !err && i < c->address_count; i++)
		err = address_change(q, &c->addresses[i], true, e);
	if (err)
		return err;
	err = link_set(q->netlink, q->index, mtu_choose(q, c), true, e);
	if (err) {
		error_prefix(e, "%s: up", q->name);
		return err;
	}
	dns_set(q, c);
	err = routes_add(q, c, e);
	return err ? err : hooks_run(q, c, CONF_POST_UP, e);
}

static bool prefixes_have(const struct prefix *list, size_t count, const struct prefix *p)
{
	for (size_t i = 0; i < count; i++)
		if (!prefix_order(&list[i], p))
			return true;
	return false;
}

static int addresses_change(
	struct quick *q, const struct conf *old, const struct conf *new, struct error *e)
{
	int err = 0;

	for (size_t i = 0; !err && i < new->address_count; i++)
		if (!prefixes_have(old->addresses, old->address_count, &new->addresses[i]))
			err = address_change(q, &new->addresses[i], true, e);
	for (size_t i = 0; !err && i < old->address_count; i++)
		if (!prefixes_have(new->addresses, new->address_count, &old->addresses[i]))
			err = address_change(q, &old->addresses[i], false, e);
	return err;
}

int quick_change(struct quick *q, const struct conf *old, const struct conf *new, struct error *e)
{
	struct prefix *routes = NULL;
	size_t count = 0;
	int err = addresses_change(q, old, new, e);

	if (err)
		return err;
	err = new->mtu &&new->mtu != old->mtu ? link_set(q->netlink, q->index, new->mtu, false, e)
					      : routes_collect(new, &routes, &count);
	if (!err && !routes)
		err = routes_collect(new, &routes, &count);
	for (size_t i = 0; !err && i < count; i++)
		if (!bsearch(&routes[i], q->routes, q->route_count, sizeof(*routes), prefix_order))
			err = route_change(q, new, &routes[i], true, e);
	for (size_t i = 0; !err && i < q->route_count; i++)
		if (!bsearch(&q->routes[i], routes, count, sizeof(*routes), prefix_order))
			err = route_change(q, old, &q->routes[i], false, e);
	if (err) {
		free(routes);
		return err;
	}
	free(q->routes);
	q->routes = routes;
	q->route_count = count;
	if ((q->rules4 || q->rules6) && !q->guard)
		guard_set(q, new);
	else if (!q->rules4 && !q->rules6)
		guard_unset(q);
	return 0;
}

void quick_down(struct quick *q, const struct conf *c)
{
	struct error e = {0};

	if (hooks_run(q, c, CONF_PRE_DOWN, &e))
		log_warning("%s", e.text);
	dns_unset(q);
	if (q->rules4 && link_rules(q->netlink, AF_INET, q->table, false, &e))
		log_warning("%s: rules of the default route: %s", q->name, e.text);
	if (q->rules6 && link_rules(q->netlink, AF_INET6, q->table, false, &e))
		log_warning("%s: rules of the default route: %s", q->name, e.text);
	guard_unset(q);
	q->rules4 = q->rules6 = false;
	free(q->routes);
	q->routes = NULL;
	q->route_count = 0;
}

void quick_gone(struct quick *q, const struct conf *c)
{
	struct error e = {0};

	if (hooks_run(q, c, CONF_POST_DOWN, &e))
		log_warning("%s", e.text);
}
