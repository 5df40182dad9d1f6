#include "cmd/sighting.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/node.h"
#include "see/filter.h"
#include "see/headers.h"
#include "see/packet.h"

enum { FRAME = 2048, ROOM = 4 << 20 };

int sighting_check(const char *filter, struct error *e)
{
	struct filter f = {0};
	int err = filter_compile(&f, filter, DLT_EN10MB, FRAME, e);

	filter_done(&f);
	return err;
}

static int attach(struct sighting *s, const char *device, const char *filter, struct error *e)
{
	struct packet_device d;
	struct filter f = {0};
	int room = ROOM;
	int err = packet_device_find(s->socket, device, &d);

	if (err)
		return error_errno(e, -err, "%s", device);
	s->loopback = d.hatype == ARPHRD_LOOPBACK;
	s->link = filter_link(d.hatype);
	if (s->link < 0)
		return error_set(e, EOPNOTSUPP, "%s: frames of its type cannot be read", device);
	err = filter_compile(&f, filter, s->link, FRAME, e);
	if (err)
		return err;
	err = filter_attach(&f, s->socket);
	filter_done(&f);
	if (err)
		return error_errno(e, -err, "%s: filter", device);
	setsockopt(s->socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	err = packet_bind(s->socket, d.index);
	return err ? error_errno(e, -err, "%s", device) : 0;
}

int sighting_open(struct sighting *s, const char *node, const char *device, const char *filter,
	struct error *e)
{
	struct sighting opened = {0};
	struct node n;
	int err = node_open(&n, node, e);

	if (err)
		return err;
	opened.socket = packet_open(n.fd, e);
	node_close(&n);
	if (opened.socket < 0)
		return opened.socket;
	err = attach(&opened, device, filter, e);
	if (err) {
		close(opened.socket);
		error_prefix(e, "%s", node);
		return err;
	}
	*s = opened;
	return 0;
}

void sighting_close(struct sighting *s)
{
	if (s->socket > 0)
		close(s->socket);
	s->socket = 0;
}

static void keep_text(struct sighting *s, const uint8_t *frame, size_t n, uint16_t protocol)
{
	size_t header = s->link == DLT_EN10MB ? ETH_HLEN : 0;

	if (n < header || s->count >= SIGHTING_KEPT)
		return;
	headers_text(s->packets[s->count], SIGHTING_TEXT, protocol, frame + header, n - header);
}

void sighting_read(struct sighting *s)
{
	uint8_t frame[FRAME];

	for (;;) {
		struct sockaddr_ll from = {0};
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(s->socket, frame, sizeof(frame), MSG_DONTWAIT,
			(struct sockaddr *)&from, &size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (s->loopback && from.sll_pkttype == PACKET_OUTGOING)
			continue;
		keep_text(s, frame, (size_t)n, ntohs(from.sll_protocol));
		s->count++;
	}
}
