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
	MTU_LEAST4 = 68,
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
		const char *text = conf_may_hold_key(list->item[i]) ? "..." : list->item[i];

		if (status < 0)
			return error_errno(e, -status, "%s '%s'", names[which], text);
		if (status)
			return error_set(e, ECANCELED, "%s '%s' ended with status %d", names[which],
				text, status);
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

/* Where resolvconf orders interfaces by a prefix of their names, ours needs one, too. */
#define RESOLVCONF_PREFIX                                                                          \
	"$(sed -n 's/^\\([A-Za-z0-9-]\\{1,\\}\\)[*]$/\\1./p' "                                     \
	"/etc/resolvconf/interface-order 2>/dev/null | head -n 1)"

static void dns_set(struct quick *q, const struct conf *c)
{
	char command[COMMAND_SIZE] = "";
	size_t used;

	if (!c->dns.count)
		return; /* domains alone are nothing to resolvconf */
	if (program_exists("resolvconf")) {
		strcpy(command, "printf '%s\\n' ");
		items_append(command, sizeof(command), "'nameserver ", &c->dns, "' ");
		if (c->search.count)
			strcat(command, "'search");
		items_append(command, sizeof(command), " ", &c->search, "");
		used = strlen(command);
		snprintf(command + used, sizeof(command) - used,
			"%s | resolvconf -a \"" RESOLVCONF_PREFIX "%s\" -m 0 -x",
			c->search.count ? "'" : "", q->name);
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
	char command[256];

	/* What resolved knows of the device goes with the device. */
	if (!q->dns || !program_exists("resolvconf"))
		return;
	snprintf(command, sizeof(command), "resolvconf -d \"" RESOLVCONF_PREFIX "%s\" -f", q->name);
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

/* The kernel has made a route for the network of each address; but none, in the main table, for
 * an IPv4 address alone. */
static bool route_is_covered(const struct conf *c, const struct prefix *p)
{
	for (size_t i = 0; c->routes == CONF_ROUTES_AUTO && i < c->address_count; i++) {
		const struct prefix *a = &c->addresses[i];

		if (!(a->family == AF_INET && a->length == 32) && prefix_contains(a, p))
			return true;
	}
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
 * must pass the check of their source (rp_filter), for which they get the mark back.  One table
 * a family, with the name that wg-quick gives it; one that a killed tunnel left is replaced. */
static void guard_set(struct quick *q, const struct conf *c, uint8_t family)
{
	const char *ip = family == AF_INET ? "ip" : "ip6";
	bool *guard = family == AF_INET ? &q->guard4 : &q->guard6;
	char command[COMMAND_SIZE], own[COMMAND_SIZE / 2] = "";

	if (!program_exists("nft")) {
		log_warning("there is no nft: answers may be lost where rp_filter is strict");
		return;
	}
	for (size_t i = 0; i < c->address_count; i++) {
		char text[PREFIX_TEXT];
		size_t used = strlen(own);

		if (c->addresses[i].family != family)
			continue;
		prefix_format(text, &c->addresses[i]);
		text[strcspn(text, "/")] = '\0';
		snprintf(own + used, sizeof(own) - used,
			"add rule %1$s wg-quick-%2$s preraw iifname != \"%2$s\" %1$s daddr %3$s "
			"fib saddr type != local drop\n",
			ip, q->name, text);
	}
	snprintf(command, sizeof(command),
		"nft -f - <<'E'\n"
		"add table %1$s wg-quick-%2$s\n"
		"delete table %1$s wg-quick-%2$s\n"
		"add table %1$s wg-quick-%2$s\n"
		"add chain %1$s wg-quick-%2$s preraw "
		"{ type filter hook prerouting priority -300; }\n"
		"add chain %1$s wg-quick-%2$s premangle "
		"{ type filter hook prerouting priority -150; }\n"
		"add chain %1$s wg-quick-%2$s postmangle "
		"{ type filter hook postrouting priority -150; }\n"
		"%4$s"
		"add rule %1$s wg-quick-%2$s postmangle meta l4proto udp mark %3$u ct mark set mark\n"
		"add rule %1$s wg-quick-%2$s premangle meta l4proto udp meta mark set ct mark\n"
		"E\n",
		ip, q->name, q->table, own);
	*guard = q->run(q->arg, command) == 0;
	if (!*guard)
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

static void guard_unset(struct quick *q, uint8_t family)
{
	bool *guard = family == AF_INET ? &q->guard4 : &q->guard6;
	char command[128];

	snprintf(command, sizeof(command), "nft delete table %s wg-quick-%s",
		family == AF_INET ? "ip" : "ip6", q->name);
	if (*guard)
		q->run(q->arg, command);
	*guard = false;
}

/* The guards of those families that have a default route in here, and of no others. */
static void guards_set(struct quick *q, const struct conf *c)
{
	if (q->rules6 && !q->guard6)
		guard_set(q, c, AF_INET6);
	else if (!q->rules6)
		guard_unset(q, AF_INET6);
	if (q->rules4 && !q->guard4)
		guard_set(q, c, AF_INET);
	else if (!q->rules4)
		guard_unset(q, AF_INET);
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
	if (!err)
		guards_set(q, c);
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

static bool has_ipv6(const struct conf *c)
{
	for (size_t i = 0; i < c->address_count; i++)
		if (c->addresses[i].family == AF_INET6)
			return true;
	return false;
}

/* What the way to the nearest of the endpoints carries, or, where none is known, the default
 * route, less our overhead; 0: keep the default. */
static uint32_t mtu_choose(struct quick *q, const struct conf *c)
{
	uint32_t least = 0, floor = has_ipv6(c) ? MTU_LEAST : MTU_LEAST4;

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
		least = link_default_mtu(q->netlink);
	if (!least)
		return 0;
	if (least > 65535) /* lo has 65536 */
		least = 65535;
	return least < floor + MTU_OVERHEAD ? floor : least - MTU_OVERHEAD;
}

/* ---- the journey ---- */

int quick_before(struct quick *q, const struct conf *c, struct error *e)
{
	return hooks_run(q, c, CONF_PRE_UP, e);
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
		if (q->moved ||
			!prefixes_have(old->addresses, old->address_count, &new->addresses[i]))
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
		if (q->moved || !bsearch(&routes[i], q->routes, q->route_count, sizeof(*routes),
					prefix_order))
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
	guards_set(q, new);
	return 0;
}

void quick_ending(struct quick *q, const struct conf *c)
{
	struct error e = {0};

	if (hooks_run(q, c, CONF_PRE_DOWN, &e))
		log_warning("%s", e.text);
}

void quick_down(struct quick *q)
{
	struct error e = {0};

	dns_unset(q);
	if (q->rules4 && link_rules(q->netlink, AF_INET, q->table, false, &e))
		log_warning("%s: rules of the default route: %s", q->name, e.text);
	if (q->rules6 && link_rules(q->netlink, AF_INET6, q->table, false, &e))
		log_warning("%s: rules of the default route: %s", q->name, e.text);
	q->rules4 = q->rules6 = false;
	guard_unset(q, AF_INET);
	guard_unset(q, AF_INET6);
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
