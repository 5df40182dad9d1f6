#include "see/carriers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/dlt.h>

#include "base/clock.h"
#include "see/headers.h"
#include "see/identity.h"

#define LOOK_EVERY (2 * SECOND)

static struct carried_packet *slot(struct carriers *c, const uint8_t *key)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (size_t i = 0; i < TRACE_KEY; i++)
		hash = (hash ^ key[i]) * 1099511628211u;
	return &c->kept[(hash ^ hash >> 32) % CARRIERS_KEPT];
}

static void seal_note(const struct trace_event *e, void *arg)
{
	struct carriers *c = arg;
	uint32_t held = e->held < TRACE_SENT ? e->held : TRACE_SENT;
	struct carried_packet *p;

	if (e->kind != TRACE_SEAL || held < TRACE_ETHERNET)
		return;
	p = slot(c, e->key);
	*p = (struct carried_packet){.pid = e->pid};
	memcpy(p->key, e->key, sizeof(p->key));
	memcpy(p->comm, e->comm, sizeof(p->comm) - 1);
	p->inner = signature_read(e->frame, held, DLT_EN10MB);
	headers_text(p->packet, sizeof(p->packet), e->protocol, e->frame + TRACE_ETHERNET,
		held - TRACE_ETHERNET);
}

int carriers_open(struct carriers *c, struct error *e)
{
	struct trace_wish wish = {.seals = true};
	int err;

	*c = (struct carriers){.kept = calloc(CARRIERS_KEPT, sizeof(*c->kept))};
	err = c->kept ? trace_open(&c->trace, &wish, seal_note, c, e)
		      : error_errno(e, ENOMEM, "tunnels");
	if (err) {
		carriers_close(c);
		return err;
	}
	c->open = true;
	c->looked = clock_now();
	trace_tunnels(&c->trace);
	return 0;
}

void carriers_close(struct carriers *c)
{
	if (c->open)
		trace_close(&c->trace);
	free(c->kept);
	*c = (struct carriers){0};
}

void carriers_read(struct carriers *c, int64_t now)
{
	if (!c->open)
		return;
	trace_read(&c->trace);
	if (now - c->looked < LOOK_EVERY)
		return;
	c->looked = now;
	trace_tunnels(&c->trace);
}

/* Where the payload of a UDP datagram begins, TRACE_KEY bytes of it at least; NULL: it is none. */
static const uint8_t *payload_find(const struct capture_frame *f)
{
	const uint8_t *p = f->bytes, *end = p + f->held;
	bool six;

	if (f->device->link == DLT_EN10MB)
		p += TRACE_ETHERNET;
	if (end - p < 40)
		return NULL;
	six = p[0] >> 4 == 6;
	if (six ? p[6] != 17 : p[0] >> 4 != 4 || p[9] != 17 || (p[6] & 0x1f) || p[7])
		return NULL;
	p += (six ? 40 : (p[0] & 15) * 4) + 8;
	return end - p >= TRACE_KEY ? p : NULL;
}

const char *carriers_find(
	struct carriers *c, const struct identity *known, const struct capture_frame *f)
{
	const uint8_t *payload = c->open ? payload_find(f) : NULL;
	const struct carried_packet *p;

	if (!payload || payload[0] != 4) /* a data message of WireGuard's protocol */
		return NULL;
	p = slot(c, payload);
	if (memcmp(p->key, payload, TRACE_KEY) != 0)
		return NULL;
	snprintf(c->text, sizeof(c->text), "carries packet %" PRIu64 ", encrypted by %s[%u]: %s",
		identity_find(known, &p->inner), p->comm, p->pid, p->packet);
	return c->text;
}
