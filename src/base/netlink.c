#include "base/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/node.h"
#include "base/scoped.h"

/* Dumps of thousands of links come in parts of up to this size. */
enum { REPLY_SIZE = 65536 };

void *message_begin(struct message *m, uint16_t type, uint16_t flags, size_t extra)
{
	m->header = mnl_nlmsg_put_header(m->buffer);
	m->header->nlmsg_type = type;
	m->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return mnl_nlmsg_put_extra_header(m->header, extra);
}

static int netlink_open_here(struct netlink *nl, int bus)
{
	int one = 1;

	nl->sequence = 0;
	nl->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->socket)
		return -errno;
	if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int err = -errno;

		netlink_close(nl);
		return err;
	}
	nl->port = mnl_socket_get_portid(nl->socket);
	/* Kernels before 4.12 have neither; then there is just less text. */
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	if (bus == NETLINK_ROUTE) /* lets the kernel filter dumps (5.0) */
		mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	return 0;
}

int netlink_open(struct netlink *nl, int bus, int netns)
{
	SCOPED_FD int home = -1;
	int err;

	*nl = (struct netlink){0};
	if (netns < 0)
		return netlink_open_here(nl, bus);
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return -errno;
	if (node_go(netns))
		return -errno;
	err = netlink_open_here(nl, bus);
	if (node_go(home) && !err) {
		err = -errno;
		netlink_close(nl);
	}
	return err;
}

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

static int extended_text(const struct nlattr *attr, void *arg)
{
	const char **text = arg;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		*text = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

/* Returns the errno of an NLMSG_ERROR (0: an ack) and says it in `e`. */
static int error_read(const struct nlmsghdr *h, struct error *e)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(h);
	const char *text = NULL;
	size_t skip = sizeof(*answer);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*answer))
		return error_errno(e, EBADMSG, "netlink");
	if (!answer->error)
		return 0;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&answer->msg);
	if (h->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_parse(h, (unsigned int)skip, extended_text, &text);
	if (text)
		return error_set(
			e, -answer->error, "%s (kernel: %s)", strerror(-answer->error), text);
	return error_set(e, -answer->error, "%s", strerror(-answer->error));
}

int netlink_ask(
	struct netlink *nl, struct message *m, netlink_reply *reply, void *arg, struct error *e)
{
	bool dump = (m->header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	bool interrupted = false;
	SCOPED_FREE char *buffer = malloc(REPLY_SIZE);

	if (!buffer)
		return error_errno(e, ENOMEM, "netlink");
	m->header->nlmsg_seq = ++nl->sequence;
	if (!dump)
		m->header->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, m->header, m->header->nlmsg_len) < 0)
		return error_errno(e, errno, "netlink");

	for (;;) {
		ssize_t got = mnl_socket_recvfrom(nl->socket, buffer, REPLY_SIZE);
		const struct nlmsghdr *h = (const struct nlmsghdr *)buffer;
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(e, errno, "netlink");
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			int err = 0;

			if (h->nlmsg_seq != nl->sequence)
				continue; /* the rest of an earlier call that was ended early */
			if (h->nlmsg_flags & NLM_F_DUMP_INTR)
				interrupted = true;
			if (h->nlmsg_type == NLMSG_ERROR)
				return error_read(h, e);
			if (h->nlmsg_type == NLMSG_DONE) {
				if (mnl_nlmsg_get_payload_len(h) >= sizeof(int))
					err = *(const int *)mnl_nlmsg_get_payload(h);
				if (err < 0)
					return error_set(e, -err, "%s", strerror(-err));
				return interrupted ? -EINTR : 0;
			}
			if (h->nlmsg_type >= NLMSG_MIN_TYPE && reply)
				err = reply(h, arg);
			if (err < 0)
				return err;
		}
	}
}

int netlink_call(struct netlink *nl, struct message *m, struct error *e)
{
	return netlink_ask(nl, m, NULL, NULL, e);
}
