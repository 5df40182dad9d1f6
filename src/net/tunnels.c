#include "net/tunnels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"

int tunnels_check(const struct plan *p, struct error *e)
{
	for (size_t i = 0; i < p->tunnel_count; i++) {
		const struct plan_tunnel *t = &p->tunnels[i];
		const char *what = t->mode == TUNNEL_TAP	  ? "mode: tap"
				   : t->compress != COMPRESS_NONE ? "compress:"
				   : t->rate			  ? "rate:"
								  : NULL;

		if (what)
			return plan_error(
				e, p, t->at, ENOTSUP, "the tunnel does not support `%s` yet", what);
	}
	return 0;
}

static void peer_write(FILE *f, const struct plan *p, const struct plan_tunnel *t,
	const struct plan_tunnel_end *far, const char *public, const char *shared)
{
	const struct plan_tunnel_end *near = far == &t->ends[0] ? &t->ends[1] : &t->ends[0];
	const struct plan_node *node = &p->nodes[far->end.node];

	fprintf(f, "\n[Peer]\n# %s:%s\nPublicKey = %s\n", node->name,
		node->devices[far->end.device].name, public);
	if (*shared)
		fprintf(f, "PresharedKey = %s\n", shared);
	for (size_t i = 0; i < far->allowed_count; i++) {
		char text[PREFIX_TEXT];
		struct prefix net = ip_prefix_mask(far->allowed[i]);

		ip_prefix_format(text, &net);
		fprintf(f, "%s%s", i ? ", " : "AllowedIPs = ", text);
	}
	if (far->allowed_count)
		fprintf(f, "\n");
	if (far->endpoint.family != AF_UNSPEC) {
		char text[ADDRESS_TEXT];
		bool six = far->endpoint.family == AF_INET6;

		ip_format(text, &far->endpoint);
		fprintf(f, "Endpoint = %s%s%s:%u\n", six ? "[" : "", text, six ? "]" : "",
			far->port);
	}
	if (near->keepalive)
		fprintf(f, "PersistentKeepalive = %u\n", near->keepalive);
}

static int peers_write(
	FILE *f, const struct plan *p, int node, int device, struct keys *keys, struct error *e)
{
	char public[KEY_BASE64], shared[KEY_BASE64];
	int err = 0;

	for (size_t i = 0; i < 2 * p->tunnel_count && !err; i++) {
		const struct plan_tunnel *t = &p->tunnels[i / 2];
		const struct plan_tunnel_end *near = &t->ends[i % 2], *far = &t->ends[1 - i % 2];
		const struct plan_node *a = &p->nodes[near->end.node];
		const struct plan_node *b = &p->nodes[far->end.node];
		const char *device_b = b->devices[far->end.device].name;

		if (near->end.node != node || near->end.device != device)
			continue;
		err = keys_public(keys, b->name, device_b, public, e);
		shared[0] = '\0';
		if (!err && t->psk)
			err = keys_shared(keys, a->name, a->devices[device].name, b->name, device_b,
				shared, e);
		if (!err)
			peer_write(f, p, t, far, public, shared);
	}
	sodium_memzero(shared, sizeof(shared));
	return err;
}

int tunnels_config(
	char **out, const struct plan *p, int node, int device, struct keys *keys, struct error *e)
{
	const struct plan_node *n = &p->nodes[node];
	char private[KEY_BASE64], *text = NULL;
	size_t size;
	FILE *f;
	int err = keys_private(keys, n->name, n->devices[device].name, private, e);

	if (err)
		return err;
	f = open_memstream(&text, &size);
	if (!f)
		return error_errno(e, ENOMEM, "the tunnel's file");
	fprintf(f, "[Interface]\nPrivateKey = %s\n", private);
	sodium_memzero(private, sizeof(private));
	if (n->devices[device].tunnel.listen_port)
		fprintf(f, "ListenPort = %u\n", n->devices[device].tunnel.listen_port);
	fprintf(f, "Table = off\n");
	err = peers_write(f, p, node, device, keys, e);
	if (fclose(f) && !err)
		err = error_errno(e, ENOMEM, "the tunnel's file");
	if (err) {
		if (text)
			sodium_memzero(text, size);
		free(text);
		return err;
	}
	*out = text;
	return 0;
}

/* The part of a file from `at` to the next section. */
struct section {
	const char *text;
	size_t size;
};

static struct section section_next(const char *at)
{
	const char *start = strchr(at, '[');
	const char *end = start ? strstr(start, "\n[") : NULL;

	if (!start)
		return (struct section){0};
	return (struct section){start, end ? (size_t)(end + 1 - start) : strlen(start)};
}

static bool section_value(struct section s, const char *name, char *value, size_t size)
{
	const char *line = s.text, *end = s.text + s.size;
	size_t length = strlen(name);

	while (line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t n = stop ? (size_t)(stop - line) : (size_t)(end - line);

		if (n > length + 3 && !strncmp(line, name, length) &&
			!strncmp(line + length, " = ", 3) && n - length - 3 < size) {
			memcpy(value, line + length + 3, n - length - 3);
			value[n - length - 3] = '\0';
			return true;
		}
		line += n + 1;
	}
	return false;
}

/* The peer of that key in a file; size 0: none. */
static struct section peer_find(const char *text, const char *key)
{
	struct section s = section_next(text);

	for (; s.size; s = section_next(s.text + s.size)) {
		char other[KEY_BASE64];

		if (section_value(s, "PublicKey", other, sizeof(other)) && !strcmp(other, key))
			return s;
	}
	return s;
}

static void key_say(FILE *f, const char *name, const char *base64)
{
	uint8_t key[KEY_BYTES] = {0};
	char hex[2 * KEY_BYTES + 1];

	/* What is no key becomes zeroes, which as a pre-shared key means none. */
	base64_parse(key, sizeof(key), base64);
	hex_format(hex, key, sizeof(key));
	fprintf(f, "%s=%s\n", name, hex);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(hex, sizeof(hex));
}

static void peer_say(FILE *f, struct section peer, const char *key)
{
	char *text = malloc(peer.size + 1), *rest = NULL, *word;

	if (!text)
		return;
	key_say(f, "public_key", key);
	key_say(f, "preshared_key",
		section_value(peer, "PresharedKey", text, peer.size) ? text : "");
	if (section_value(peer, "Endpoint", text, peer.size))
		fprintf(f, "endpoint=%s\n", text);
	fprintf(f, "persistent_keepalive_interval=%s\n",
		section_value(peer, "PersistentKeepalive", text, peer.size) ? text : "0");
	fprintf(f, "replace_allowed_ips=true\n");
	if (section_value(peer, "AllowedIPs", text, peer.size))
		for (word = strtok_r(text, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest))
			fprintf(f, "allowed_ip=%s\n", word);
	sodium_memzero(text, peer.size);
	free(text);
}

int tunnels_change(char **out, const char *was, const char *want)
{
	char *text = NULL, key[KEY_BASE64], other[KEY_BASE64];
	struct section s;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fprintf(f, "set=1\n");
	if (section_value(section_next(want), "PrivateKey", key, sizeof(key)) &&
		!(section_value(section_next(was), "PrivateKey", other, sizeof(other)) &&
			!strcmp(key, other)))
		key_say(f, "private_key", key);
	if (section_value(section_next(want), "ListenPort", key, sizeof(key)) &&
		!(section_value(section_next(was), "ListenPort", other, sizeof(other)) &&
			!strcmp(key, other)))
		fprintf(f, "listen_port=%s\n", key);
	for (s = section_next(was); s.size; s = section_next(s.text + s.size))
		if (section_value(s, "PublicKey", key, sizeof(key)) && !peer_find(want, key).size) {
			key_say(f, "public_key", key);
			fprintf(f, "remove=true\n");
		}
	for (s = section_next(want); s.size; s = section_next(s.text + s.size)) {
		struct section old;

		if (!section_value(s, "PublicKey", key, sizeof(key)))
			continue;
		old = peer_find(was, key);
		if (old.size != s.size || memcmp(old.text, s.text, s.size) != 0)
			peer_say(f, s, key);
	}
	fprintf(f, "\n");
	sodium_memzero(key, sizeof(key));
	sodium_memzero(other, sizeof(other));
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*out = text;
	return 0;
}
