#include "see/watcher.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "see/frame.h"
#include "see/packet.h"

/* A filter that runs here is fed from the socket's queue; it must not overflow between calls. */
enum { QUEUE_SIZE = 32 << 20 };

static int socket_prepare(struct watcher *w, const struct packet_device *d)
{
	int one = 1, size = w->filter.needs_tag ? QUEUE_SIZE : 0;
	int err;

	/* Without it a packet on lo is counted when it leaves and when it arrives. */
	if (d->hatype == ARPHRD_LOOPBACK &&
		setsockopt(w->socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)))
		return -errno;
	if (setsockopt(w->socket, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)))
		return -errno;
	/* The counters include what finds no room, so the queue need hold nothing. */
	if (setsockopt(w->socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(w->socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	err = filter_attach(&w->filter, w->socket);
	return err ? err : packet_bind(w->socket, d->index);
}

int watcher_open(
	struct watcher *w, int netns, const char *device, const char *filter, struct error *e)
{
	struct packet_device d;
	int err, link;

	*w = (struct watcher){.socket = packet_open(netns, e)};
	if (w->socket < 0) {
		err = w->socket;
		*w = (struct watcher){0};
		return err;
	}
	err = packet_device_find(w->socket, device, &d);
	if (err) {
		error_errno(e, -err, "device %s", device);
		goto failed;
	}
	link = filter_link(d.hatype);
	if (link < 0) {
		err = error_set(e, EOPNOTSUPP, "device %s: type %d is neither Ethernet nor IP",
			device, d.hatype);
		goto failed;
	}
	err = filter_compile(&w->filter, filter, link, FILTER_SNAPLEN, e);
	if (err)
		goto failed;
	err = socket_prepare(w, &d);
	if (!err)
		return 0;
	error_errno(e, -err, "device %s: packet socket", device);
failed:
	watcher_close(w);
	return err;
}

/* For filters that need the tag: read what is queued, put the tag back, ask. */
static void queue_count(struct watcher *w)
{
	static _Thread_local uint8_t frame[FRAME_TAG_SIZE + 65536];

	for (;;) {
		char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct iovec part = {frame + FRAME_TAG_SIZE, sizeof(frame) - FRAME_TAG_SIZE};
		struct msghdr m = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		ssize_t got = recvmsg(w->socket, &m, MSG_DONTWAIT | MSG_TRUNC);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		struct tpacket_auxdata aux = {0};
		uint8_t *start = frame + FRAME_TAG_SIZE;
		uint32_t len, held;

		if (got < 0)
			return;
		if (c && c->cmsg_type == PACKET_AUXDATA)
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		len = (uint32_t)got;
		held = len < part.iov_len ? len : (uint32_t)part.iov_len;
		if (aux.tp_status & TP_STATUS_VLAN_VALID &&
			frame_tag(&start, held, aux.tp_vlan_tpid, aux.tp_vlan_tci)) {
			len += FRAME_TAG_SIZE;
			held += FRAME_TAG_SIZE;
		}
		w->counted += filter_matches(&w->filter, start, held, len);
	}
}

int watcher_count(struct watcher *w, uint64_t *count, struct error *e)
{
	uint64_t arrived, lost;
	int err;

	if (w->filter.needs_tag) {
		queue_count(w);
	} else {
		err = packet_counters(w->socket, &arrived, &lost);
		if (err)
			return error_errno(e, -err, "packet counters");
		w->counted += arrived;
	}
	*count = w->counted;
	return 0;
}

void watcher_close(struct watcher *w)
{
	if (w->socket > 0)
		close(w->socket);
	filter_done(&w->filter);
	*w = (struct watcher){0};
}
