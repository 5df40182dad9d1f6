#include "see/wireguard_kernel.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/netlink.h"

#pragma GCC diagnostic ignored "-Wconversion" /* in libmnl's loops over attributes */

static bool key_take(const struct nlattr *a, uint8_t key[WIREGUARD_KEY])
{
	if (mnl_attr_get_payload_len(a) != WIREGUARD_KEY)
		return false;
	memcpy(key, mnl_attr_get_payload(a), WIREGUARD_KEY);
	return true;
}

static uint16_t u16(const struct nlattr *a)
{
	return mnl_attr_get_payload_len(a) < sizeof(uint16_t) ? 0 : mnl_attr_get_u16(a);
}

static void endpoint_take(const struct nlattr *a, struct wireguard_peer *p)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	size_t size = mnl_attr_get_payload_len(a);

	memset(p->endpoint, 0, sizeof(p->endpoint));
	if (size == sizeof(four)) {
		memcpy(&four, mnl_attr_get_payload(a), sizeof(four));
		memcpy(p->endpoint, &four.sin_addr, 4);
		p->port = ntohs(four.sin_port);
	} else if (size == sizeof(six)) {
		memcpy(&six, mnl_attr_get_payload(a), sizeof(six));
		memcpy(p->endpoint, &six.sin6_addr, 16);
		p->port = ntohs(six.sin6_port);
	} else {
		return;
	}
	p->endpoint_family = size == sizeof(four) ? AF_INET : AF_INET6;
	p->has_endpoint = true;
}

static void handshake_take(const struct nlattr *a, struct wireguard_peer *p)
{
	struct __kernel_timespec time;

	if (mnl_attr_get_payload_len(a) != sizeof(time))
		return;
	memcpy(&time, mnl_attr_get_payload(a), sizeof(time));
	p->handshake = time.tv_sec;
}

static bool allowed_take(const struct nlattr *nest, struct wireguard_peer *p)
{
	struct wireguard_prefix prefix = {0}, *grown;
	const struct nlattr *a;
	size_t size = 0;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == WGALLOWEDIP_A_IPADDR) {
			size = mnl_attr_get_payload_len(a);
			if (size != 4 && size != 16)
				return true;
			memcpy(prefix.ip, mnl_attr_get_payload(a), size);
			prefix.family = size == 16 ? 6 : 4;
		} else if (mnl_attr_get_type(a) == WGALLOWEDIP_A_CIDR_MASK &&
			   mnl_attr_get_payload_len(a) == 1) {
			prefix.length = mnl_attr_get_u8(a);
		}
	}
	if (!size || prefix.length > 8 * size)
		return true;
	grown = reallocarray(p->allowed, p->allowed_count + 1, sizeof(*grown));
	if (!grown)
		return false;
	p->allowed = grown;
	p->allowed[p->allowed_count++] = prefix;
	return true;
}

/* The peer with that key: the one before goes on, or a new one begins. */
static struct wireguard_peer *peer_begin(struct wireguard *w, const struct nlattr *nest)
{
	uint8_t key[WIREGUARD_KEY] = {0};
	struct wireguard_peer *grown;
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == WGPEER_A_PUBLIC_KEY)
			key_take(a, key);
	}
	if (w->peer_count && !memcmp(w->peers[w->peer_count - 1].key, key, WIREGUARD_KEY))
		return &w->peers[w->peer_count - 1];
	grown = reallocarray(w->peers, w->peer_count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	w->peers = grown;
	grown = &w->peers[w->peer_count++];
	*grown = (struct wireguard_peer){0};
	memcpy(grown->key, key, WIREGUARD_KEY);
	return grown;
}

static bool peer_take(const struct nlattr *nest, struct wireguard *w)
{
	struct wireguard_peer *p = peer_begin(w, nest);
	const struct nlattr *a, *inner;

	if (!p)
		return false;
	mnl_attr_for_each_nested(a, nest)
	{
		switch (mnl_attr_get_type(a)) {
		case WGPEER_A_PRESHARED_KEY:
			key_take(a, p->preshared);
			break;
		case WGPEER_A_ENDPOINT:
			endpoint_take(a, p);
			break;
		case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
			p->keepalive = u16(a);
			break;
		case WGPEER_A_LAST_HANDSHAKE_TIME:
			handshake_take(a, p);
			break;
		case WGPEER_A_ALLOWEDIPS:
			mnl_attr_for_each_nested(inner, a)
			{
				if (!allowed_take(inner, p))
					return false;
			}
			break;
		default:
			break;
		}
	}
	return true;
}

bool wireguard_kernel_decode(const struct nlmsghdr *header, struct wireguard *w)
{
	const struct nlattr *a, *inner;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(struct genlmsghdr))
		return true;
	mnl_attr_for_each(a, header, sizeof(struct genlmsghdr))
	{
		switch (mnl_attr_get_type(a)) {
		case WGDEVICE_A_PUBLIC_KEY:
			w->has_key = key_take(a, w->public_key);
			break;
		case WGDEVICE_A_LISTEN_PORT:
			w->port = u16(a);
			break;
		case WGDEVICE_A_PEERS:
			mnl_attr_for_each_nested(inner, a)
			{
				if (!peer_take(inner, w))
					return false;
			}
			break;
		default:
			break;
		}
	}
	return true;
}

static int device_reply(const struct nlmsghdr *header, void *arg)
{
	bool good = wireguard_kernel_decode(header, arg);

	/* The private key is in it; nobody needs it here. */
	sodium_memzero((void *)mnl_nlmsg_get_payload(header), mnl_nlmsg_get_payload_len(header));
	return good ? 0 : -ENOMEM;
}

static int family_reply(const struct nlmsghdr *header, void *arg)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, header, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
			*(uint16_t *)arg = u16(a);
	}
	return 0;
}

/* The number that this kernel has given to WireGuard's messages; 0: none. */
static uint16_t family_ask(struct netlink *nl)
{
	uint16_t family = 0;
	struct message m;
	struct genlmsghdr *g = message_begin(&m, GENL_ID_CTRL, 0, sizeof(*g));

	g->cmd = CTRL_CMD_GETFAMILY;
	g->version = 1;
	mnl_attr_put_strz(m.header, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	return netlink_ask(nl, &m, family_reply, &family, NULL) ? 0 : family;
}

bool wireguard_kernel_read(int netns, const char *name, struct wireguard *w)
{
	struct genlmsghdr *g;
	struct netlink nl;
	struct message m;
	uint16_t family;
	bool good = false;

	*w = (struct wireguard){.device = TOPOLOGY_NONE};
	if (netlink_open(&nl, NETLINK_GENERIC, netns))
		return false;
	family = family_ask(&nl);
	if (family) {
		g = message_begin(&m, family, NLM_F_DUMP, sizeof(*g));
		g->cmd = WG_CMD_GET_DEVICE;
		g->version = WG_GENL_VERSION;
		mnl_attr_put_strz(m.header, WGDEVICE_A_IFNAME, name);
		good = !netlink_ask(&nl, &m, device_reply, w, NULL);
	}
	netlink_close(&nl);
	if (!good)
		wireguard_done(w);
	return good;
}
