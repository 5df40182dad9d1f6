#include "see/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/netlink.h"
#include "base/node.h"
#include "base/scoped.h"

enum { OUTPUT_MAX = 16 << 20 };

static size_t address_size(uint8_t family)
{
	return family == 6 ? 16 : 4;
}

static int domain(uint8_t family)
{
	return family == 6 ? AF_INET6 : AF_INET;
}

static int attribute_note(const struct nlattr *attr, void *arg)
{
	const struct nlattr **table = arg;
	uint16_t type = mnl_attr_get_type(attr);

	if (type <= RTA_MAX)
		table[type] = attr;
	return MNL_CB_OK;
}

static void address_read(uint8_t out[16], const struct nlattr *attr)
{
	size_t n;

	memset(out, 0, 16);
	if (!attr)
		return;
	n = mnl_attr_get_payload_len(attr);
	memcpy(out, mnl_attr_get_payload(attr), n > 16 ? 16 : n);
}

static void metrics_read(struct route_reply *r, const struct nlattr *metrics)
{
	const struct nlattr *attr;

	for (attr = mnl_attr_get_payload(metrics);
		mnl_attr_ok(attr, (int)((const char *)mnl_attr_get_payload(metrics) +
					  mnl_attr_get_payload_len(metrics) - (const char *)attr));
		attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) == RTAX_MTU && mnl_attr_get_payload_len(attr) >= 4)
			r->mtu = mnl_attr_get_u32(attr);
	}
}

static int route_read(const struct nlmsghdr *h, void *arg)
{
	struct route_reply *r = arg;
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *table[RTA_MAX + 1] = {0};

	if (h->nlmsg_type != RTM_NEWROUTE)
		return 0;
	mnl_attr_parse(h, sizeof(*m), attribute_note, table);
	r->type = m->rtm_type;
	r->table = table[RTA_TABLE] ? mnl_attr_get_u32(table[RTA_TABLE]) : m->rtm_table;
	if (table[RTA_OIF])
		r->oif = mnl_attr_get_u32(table[RTA_OIF]);
	if (table[RTA_GATEWAY]) {
		r->gateway_family = m->rtm_family == AF_INET6 ? 6 : 4;
		address_read(r->gateway, table[RTA_GATEWAY]);
	} else if (table[RTA_VIA]) {
		r->gateway_family = 6; /* IPv4 via an IPv6 neighbour (RFC 5549) */
	}
	if (table[RTA_PREFSRC])
		address_read(r->source, table[RTA_PREFSRC]);
	if (table[RTA_METRICS])
		metrics_read(r, table[RTA_METRICS]);
	r->prefix_length = m->rtm_dst_len;
	address_read(r->prefix, table[RTA_DST]);
	return 0;
}

static int route_ask(
	struct netlink *nl, const struct route_question *q, uint32_t flags, struct route_reply *r)
{
	struct message m;
	struct rtmsg *route = message_begin(&m, RTM_GETROUTE, 0, sizeof(*route));
	size_t size = address_size(q->family);

	route->rtm_family = (unsigned char)domain(q->family);
	route->rtm_dst_len = (unsigned char)(8 * size);
	/* IPv6 answers with the table in any case, and refuses to be asked for it. */
	route->rtm_flags = flags | (q->family == 6 ? 0 : RTM_F_LOOKUP_TABLE);
	mnl_attr_put(m.header, RTA_DST, size, q->to);
	if (q->from) {
		route->rtm_src_len = (unsigned char)(8 * size);
		mnl_attr_put(m.header, RTA_SRC, size, q->from);
	}
	if (q->iif)
		mnl_attr_put_u32(m.header, RTA_IIF, q->iif);
	if (q->oif)
		mnl_attr_put_u32(m.header, RTA_OIF, q->oif);
	if (q->proto) {
		mnl_attr_put_u8(m.header, RTA_IP_PROTO, q->proto);
		if (q->sport)
			mnl_attr_put_u16(m.header, RTA_SPORT, htons(q->sport));
		if (q->dport)
			mnl_attr_put_u16(m.header, RTA_DPORT, htons(q->dport));
	}
	return netlink_ask(nl, &m, route_read, r, NULL);
}

bool live_route(int netns, const struct route_question *q, struct route_reply *r)
{
	struct route_reply match = {0};
	struct netlink nl;

	*r = (struct route_reply){0};
	if (netlink_open(&nl, NETLINK_ROUTE, netns))
		return false;
	r->error = -route_ask(&nl, q, 0, r);
	if (!route_ask(&nl, q, RTM_F_FIB_MATCH, &match)) {
		r->matched = true;
		r->type = match.type;
		r->table = match.table;
		r->prefix_length = match.prefix_length;
		memcpy(r->prefix, match.prefix, sizeof(r->prefix));
		if (!r->oif)
			r->oif = match.oif;
		if (match.gateway_family) {
			r->gateway_family = match.gateway_family;
			memcpy(r->gateway, match.gateway, sizeof(r->gateway));
		}
	}
	netlink_close(&nl);
	return true;
}

static int neighbour_read(const struct nlmsghdr *h, void *arg)
{
	struct neighbour_reply *n = arg;
	const struct ndmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *table[RTA_MAX + 1] = {0};

	if (h->nlmsg_type != RTM_NEWNEIGH)
		return 0;
	mnl_attr_parse(h, sizeof(*m), attribute_note, table);
	n->found = true;
	n->state = m->ndm_state;
	n->has_mac = table[NDA_LLADDR] && mnl_attr_get_payload_len(table[NDA_LLADDR]) == 6;
	if (n->has_mac)
		memcpy(n->mac, mnl_attr_get_payload(table[NDA_LLADDR]), 6);
	return 0;
}

bool live_neighbour(
	int netns, uint32_t ifindex, uint8_t family, const uint8_t *ip, struct neighbour_reply *n)
{
	struct message m;
	struct ndmsg *neighbour = message_begin(&m, RTM_GETNEIGH, 0, sizeof(*neighbour));
	struct netlink nl;
	int err;

	*n = (struct neighbour_reply){0};
	neighbour->ndm_family = (unsigned char)domain(family);
	neighbour->ndm_ifindex = (int)ifindex;
	mnl_attr_put(m.header, NDA_DST, address_size(family), ip);
	if (netlink_open(&nl, NETLINK_ROUTE, netns))
		return false;
	err = netlink_ask(&nl, &m, neighbour_read, n, NULL);
	netlink_close(&nl);
	return err == 0 || err == -ENOENT;
}

struct listener {
	uint8_t family;
	const uint8_t *ip;
	uint16_t port;
	bool found;
};

static int listener_read(const struct nlmsghdr *h, void *arg)
{
	static const uint8_t any[16];
	struct listener *l = arg;
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
	const uint8_t *bound = (const uint8_t *)m->id.idiag_src;

	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || ntohs(m->id.idiag_sport) != l->port)
		return 0;
	/* A socket on :: takes IPv4, too, unless it was told not to. */
	if (!memcmp(bound, any, m->idiag_family == AF_INET6 ? 16 : 4) ||
		(m->idiag_family == domain(l->family) &&
			!memcmp(bound, l->ip, address_size(l->family))))
		l->found = true;
	return 0;
}

bool live_listener(int netns, uint8_t family, uint8_t proto, const uint8_t *ip, uint16_t port)
{
	struct listener l = {.family = family, .ip = ip, .port = port};
	struct netlink nl;

	if (netlink_open(&nl, NETLINK_SOCK_DIAG, netns))
		return false;
	for (int six = family == 6; six < 2 && !l.found; six++) {
		struct message m;
		struct inet_diag_req_v2 *request =
			message_begin(&m, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sizeof(*request));

		request->sdiag_family = six ? AF_INET6 : AF_INET;
		request->sdiag_protocol = proto;
		/* TCP: TCP_LISTEN is 10; UDP: unconnected sockets are TCP_CLOSE, 7 */
		request->idiag_states = proto == IPPROTO_TCP ? 1u << 10 : 1u << 7;
		netlink_ask(&nl, &m, listener_read, &l, NULL);
	}
	netlink_close(&nl);
	return l.found;
}

/* Enters the namespace; returns the way home, or -1. */
static int go_in(int netns)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (home >= 0 && netns >= 0 && node_go(netns)) {
		close(home);
		return -1;
	}
	return home;
}

static void go_home(int home)
{
	/* A thread that cannot come back would look at the wrong network from here on. */
	if (node_go(home))
		abort();
	close(home);
}

long live_sysctl(int netns, long fallback, const char *format, ...)
{
	char path[256], text[64] = "", *end;
	int home, fd, used;
	ssize_t got;
	va_list args;
	long value;

	used = snprintf(path, sizeof(path), "/proc/sys/");
	va_start(args, format);
	vsnprintf(path + used, sizeof(path) - (size_t)used, format, args);
	va_end(args);
	home = go_in(netns);
	if (home < 0)
		return fallback;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	go_home(home);
	if (got <= 0)
		return fallback;
	value = strtol(text, &end, 10);
	return end == text ? fallback : value;
}

char *live_proc_net(int netns, const char *name)
{
	enum { SIZE = 4096 };
	char path[128], *text = calloc(1, SIZE);
	int home = go_in(netns), fd;
	ssize_t got = -1;

	snprintf(path, sizeof(path), "/proc/thread-self/net/%s", name);
	fd = home >= 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0 && text)
		got = read(fd, text, SIZE - 1);
	if (fd >= 0)
		close(fd);
	if (home >= 0)
		go_home(home);
	if (got > 0)
		return text;
	free(text);
	return NULL;
}

char live_process_state(pid_t pid)
{
	char path[64], line[512] = "";
	const char *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return '?';
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	end = strrchr(line, ')');
	return end && end[1] == ' ' ? end[2] : '?';
}

static char *output_read(int fd)
{
	size_t size = 0, room = 65536;
	char *text = malloc(room + 1);
	ssize_t got;

	while (text && (got = read(fd, text + size, room - size)) > 0) {
		size += (size_t)got;
		if (size < room)
			continue;
		char *grown = room < OUTPUT_MAX ? realloc(text, 2 * room + 1) : NULL;

		if (!grown)
			break;
		text = grown;
		room *= 2;
	}
	if (text)
		text[size] = '\0';
	return text;
}

char *live_command(int netns, const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	char *text = NULL;
	int pipes[2], home, status = -1, err;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	home = go_in(netns);
	err = home < 0 ? EPERM
		       : posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	if (home >= 0)
		go_home(home);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (!err) {
		text = output_read(pipes[0]);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(pipes[0]);
	if (status != 0) {
		free(text);
		return NULL;
	}
	return text;
}

json_t *live_json(int netns, const char *const argv[])
{
	SCOPED_FREE char *text = live_command(netns, argv);

	return text ? json_loads(text, 0, NULL) : NULL;
}
