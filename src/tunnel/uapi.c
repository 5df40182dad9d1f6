#include "tunnel/uapi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/clock.h"

/* ---- requests ---- */

/* What a line may come after: in a peer's section, or before the first. */
enum section { IN_DEVICE, IN_PEER };

struct key_row {
	const char *name;
	enum section section;
	int (*apply)(struct settings *s, struct peer_change *p, const char *value);
};

static int bool_apply(bool *out, const char *value)
{
	if (strcmp(value, "true"))
		return -EINVAL; /* the protocol has no "false" */
	*out = true;
	return 0;
}

static int private_key_apply(struct settings *s, struct peer_change *p, const char *value)
{
	s->given |= GIVEN_PRIVATE_KEY;
	return hex_parse(s->private_key, SETTINGS_KEY, value) ? 0 : -EINVAL;
}

static int listen_port_apply(struct settings *s, struct peer_change *p, const char *value)
{
	uint64_t port;

	if (!number_parse(&port, value, UINT16_MAX))
		return -EINVAL;
	s->given |= GIVEN_LISTEN_PORT;
	s->listen_port = (uint16_t)port;
	return 0;
}

static int fwmark_apply(struct settings *s, struct peer_change *p, const char *value)
{
	uint64_t mark;

	if (!number_parse(&mark, value, UINT32_MAX))
		return -EINVAL;
	s->given |= GIVEN_FWMARK;
	s->fwmark = (uint32_t)mark;
	return 0;
}

static int replace_peers_apply(struct settings *s, struct peer_change *p, const char *value)
{
	return bool_apply(&s->replace_peers, value);
}

static int public_key_apply(struct settings *s, struct peer_change *p, const char *value)
{
	uint8_t key[SETTINGS_KEY];

	if (!hex_parse(key, sizeof(key), value))
		return -EINVAL;
	return settings_peer_add(s, key) ? 0 : -ENOMEM;
}

static int remove_apply(struct settings *s, struct peer_change *p, const char *value)
{
	return bool_apply(&p->remove, value);
}

static int update_only_apply(struct settings *s, struct peer_change *p, const char *value)
{
	return bool_apply(&p->update_only, value);
}

static int preshared_key_apply(struct settings *s, struct peer_change *p, const char *value)
{
	p->given |= GIVEN_PRESHARED_KEY;
	return hex_parse(p->preshared_key, SETTINGS_KEY, value) ? 0 : -EINVAL;
}

static int endpoint_apply(struct settings *s, struct peer_change *p, const char *value)
{
	p->given |= GIVEN_ENDPOINT;
	return address_parse(&p->endpoint, value) ? 0 : -EINVAL;
}

static int keepalive_apply(struct settings *s, struct peer_change *p, const char *value)
{
	uint64_t seconds;

	if (!number_parse(&seconds, value, UINT16_MAX))
		return -EINVAL;
	p->given |= GIVEN_KEEPALIVE;
	p->keepalive = (uint16_t)seconds;
	return 0;
}

static int replace_allowed_ips_apply(struct settings *s, struct peer_change *p, const char *value)
{
	p->replaced = p->allowed_ips;
	return bool_apply(&p->replace_allowed_ips, value);
}

static int allowed_ip_apply(struct settings *s, struct peer_change *p, const char *value)
{
	struct prefix prefix;
	bool remove = value[0] == '-';

	if (!prefix_parse(&prefix, value + (remove || value[0] == '+'), false))
		return -EINVAL;
	return settings_allowed_ip_add(s, p, &prefix, remove) ? 0 : -ENOMEM;
}

static int protocol_version_apply(struct settings *s, struct peer_change *p, const char *value)
{
	return strcmp(value, "1") ? -EINVAL : 0;
}

static const struct key_row keys[] = {
	{"private_key", IN_DEVICE, private_key_apply},
	{"listen_port", IN_DEVICE, listen_port_apply},
	{"fwmark", IN_DEVICE, fwmark_apply},
	{"replace_peers", IN_DEVICE, replace_peers_apply},
	{"allowed_ip", IN_PEER, allowed_ip_apply},
	{"preshared_key", IN_PEER, preshared_key_apply},
	{"endpoint", IN_PEER, endpoint_apply},
	{"persistent_keepalive_interval", IN_PEER, keepalive_apply},
	{"replace_allowed_ips", IN_PEER, replace_allowed_ips_apply},
	{"remove", IN_PEER, remove_apply},
	{"update_only", IN_PEER, update_only_apply},
	{"protocol_version", IN_PEER, protocol_version_apply},
};

static int change_read(struct settings *s, const char *key, const char *value)
{
	struct peer_change *p = s->peer_count ? &s->peers[s->peer_count - 1] : NULL;

	if (!strcmp(key, "public_key")) /* leads from the device's part to the first peer, and on */
		return public_key_apply(s, p, value);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(keys[i].name, key))
			continue;
		if (keys[i].section != (p ? IN_PEER : IN_DEVICE))
			return -EINVAL;
		return keys[i].apply(s, p, value);
	}
	return -EINVAL;
}

static enum uapi_kind kind_read(const char *line)
{
	if (!strcmp(line, "get=1"))
		return UAPI_GET;
	if (!strcmp(line, "set=1"))
		return UAPI_SET;
	if (!strcmp(line, "status=1"))
		return UAPI_STATUS;
	return UAPI_UNKNOWN;
}

static void line_read(struct uapi_request *r)
{
	char *value;

	if (r->kind == UAPI_NOTHING) {
		r->kind = kind_read(r->line);
		if (r->kind == UAPI_UNKNOWN)
			r->error = -EINVAL;
		return;
	}
	if (r->error)
		return; /* the rest of a request that has failed */
	value = strchr(r->line, '=');
	if (r->kind != UAPI_SET || !value) {
		r->error = r->kind == UAPI_SET ? -EPROTO : -EINVAL;
		return;
	}
	*value++ = '\0';
	r->error = change_read(&r->settings, r->line, value);
}

/* Returns true at the empty line that ends a request. */
static bool line_end(struct uapi_request *r)
{
	size_t used = r->used;

	r->used = 0;
	if (!used && r->kind != UAPI_NOTHING)
		return true;
	if (!used)
		return false; /* empty lines between requests */
	if (used == UAPI_LINE || memchr(r->line, '\0', used)) {
		if (r->kind == UAPI_NOTHING)
			r->kind = UAPI_UNKNOWN;
		if (!r->error)
			r->error = -EINVAL;
		return false;
	}
	r->line[used] = '\0';
	line_read(r);
	return false;
}

bool uapi_request_feed(struct uapi_request *r, const char *bytes, size_t size, size_t *taken)
{
	size_t at = 0;

	while (at < size) {
		const char *end = memchr(bytes + at, '\n', size - at);
		size_t n = end ? (size_t)(end - bytes) - at : size - at;

		/* A line that fills the buffer has no room for its NUL: too long, and stays so. */
		if (n >= UAPI_LINE - r->used) {
			r->used = UAPI_LINE;
		} else {
			memcpy(r->line + r->used, bytes + at, n);
			r->used += n;
		}
		at += n + (end ? 1 : 0);
		if (end && line_end(r)) {
			*taken = at;
			return true;
		}
	}
	*taken = at;
	return false;
}

void uapi_request_done(struct uapi_request *r)
{
	settings_done(&r->settings);
	sodium_memzero(r, sizeof(*r));
}

/* ---- replies ---- */

/* Returns where n bytes may be written, or NULL when memory has run out. */
static char *reply_room(struct uapi_reply *r, size_t n)
{
	size_t room = r->room ? r->room : 4096;
	char *bytes;

	if (r->failed)
		return NULL;
	if (r->room - r->size >= n)
		return r->bytes + r->size;
	while (room - r->size < n)
		room *= 2;
	bytes = malloc(room); /* not realloc(): there are keys in the old block */
	if (!bytes) {
		r->failed = true;
		return NULL;
	}
	if (r->bytes) {
		memcpy(bytes, r->bytes, r->size);
		sodium_memzero(r->bytes, r->size);
		free(r->bytes);
	}
	r->bytes = bytes;
	r->room = room;
	return bytes + r->size;
}

static void reply_line(struct uapi_reply *r, const char *key, const char *value, size_t n)
{
	size_t k = strlen(key);
	char *to = reply_room(r, k + n + 2);

	if (!to)
		return;
	memcpy(to, key, k);
	to[k] = '=';
	memcpy(to + k + 1, value, n);
	to[k + 1 + n] = '\n';
	r->size += k + n + 2;
}

void uapi_reply_bytes(struct uapi_reply *r, const char *bytes, size_t n)
{
	char *to = reply_room(r, n);

	if (!to)
		return;
	memcpy(to, bytes, n);
	r->size += n;
}

void uapi_reply_text(struct uapi_reply *r, const char *key, const char *text)
{
	reply_line(r, key, text, strlen(text));
}

void uapi_reply_number(struct uapi_reply *r, const char *key, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	reply_line(r, key, digits + at, sizeof(digits) - at);
}

void uapi_reply_hex(struct uapi_reply *r, const char *key, const uint8_t *bytes, size_t n)
{
	size_t k = strlen(key);
	char *to = reply_room(r, k + 2 * n + 2);

	if (!to)
		return;
	memcpy(to, key, k);
	to[k] = '=';
	hex_format(to + k + 1, bytes, n);
	to[k + 1 + 2 * n] = '\n'; /* in place of hex_format()'s NUL */
	r->size += k + 2 * n + 2;
}

void uapi_reply_device(struct uapi_reply *r, const struct uapi_device *d)
{
	if (!sodium_is_zero(d->private_key, sizeof(d->private_key)))
		uapi_reply_hex(r, "private_key", d->private_key, sizeof(d->private_key));
	if (d->listen_port)
		uapi_reply_number(r, "listen_port", d->listen_port);
	if (d->fwmark)
		uapi_reply_number(r, "fwmark", d->fwmark);
}

void uapi_reply_peer(struct uapi_reply *r, const struct uapi_peer *p)
{
	uapi_reply_hex(r, "public_key", p->public_key, sizeof(p->public_key));
	uapi_reply_hex(r, "preshared_key", p->preshared_key, sizeof(p->preshared_key));
	uapi_reply_text(r, "protocol_version", "1");
	if (p->endpoint.sa.sa_family != AF_UNSPEC) {
		char text[ADDRESS_TEXT];

		address_format(text, &p->endpoint);
		uapi_reply_text(r, "endpoint", text);
	}
	uapi_reply_number(r, "last_handshake_time_sec", (uint64_t)(p->last_handshake / SECOND));
	uapi_reply_number(r, "last_handshake_time_nsec", (uint64_t)(p->last_handshake % SECOND));
	uapi_reply_number(r, "tx_bytes", p->tx_bytes);
	uapi_reply_number(r, "rx_bytes", p->rx_bytes);
	uapi_reply_number(r, "persistent_keepalive_interval", p->keepalive);
}

void uapi_reply_allowed_ip(struct uapi_reply *r, const struct prefix *p)
{
	char text[PREFIX_TEXT];

	prefix_format(text, p);
	uapi_reply_text(r, "allowed_ip", text);
}

void uapi_reply_end(struct uapi_reply *r, int error)
{
	if (r->failed) {
		uapi_reply_done(r);
		error = -ENOMEM;
	}
	if (error < 0) {
		char text[16] = "-";
		size_t n = 1;
		unsigned number = (unsigned)-error;

		for (unsigned scale = 1000; scale; scale /= 10)
			if (number >= scale)
				text[n++] = (char)('0' + number / scale % 10);
		reply_line(r, "errno", text, n);
	} else {
		uapi_reply_text(r, "errno", "0");
	}
	uapi_reply_bytes(r, "\n", 1);
}

void uapi_reply_done(struct uapi_reply *r)
{
	if (r->bytes)
		sodium_memzero(r->bytes, r->size);
	free(r->bytes);
	*r = (struct uapi_reply){0};
}
