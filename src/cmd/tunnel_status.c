#include "cmd/tunnel_status.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "base/bytes.h"
#include "base/options.h"
#include "base/scoped.h"
#include "tunnel/status.h"
#include "tunnel/uapi_socket.h"

enum { KEY_TEXT = 4 * ((SETTINGS_KEY + 2) / 3) + 1 };

/* ---- asking ---- */

/* The whole answer to status=1: it ends with an empty line. */
static int answer_read(int fd, char **text, size_t *size)
{
	size_t room = 65536, used = 0;
	char *bytes = malloc(room);

	while (bytes) {
		ssize_t n;

		if (used == room) {
			char *more = realloc(bytes, room * 2);

			if (!more)
				break;
			bytes = more;
			room *= 2;
		}
		n = read(fd, bytes + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
		if (used < 2 || memcmp(bytes + used - 2, "\n\n", 2))
			continue;
		*text = bytes;
		*size = used;
		return 0;
	}
	free(bytes);
	return bytes ? -EBADMSG : -ENOMEM;
}

static int status_ask(const char *name, struct status *out, struct error *e)
{
	static const char question[] = "status=1\n\n";
	SCOPED_FD int fd = uapi_socket_connect(name, e);
	SCOPED_FREE char *text = NULL;
	size_t size;
	int err;

	if (fd < 0)
		return fd;
	if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0)
		return error_errno(e, errno, "%s", name);
	err = answer_read(fd, &text, &size);
	if (!err)
		err = status_parse(out, text, size);
	if (!err)
		err = out->error;
	if (err)
		return error_set(e, -err,
			"%s: it does not tell its status: is it a tunnel of Warren?", name);
	return 0;
}

/* ---- JSON ---- */

static json_t *drops_json(const uint64_t drops[DROP_REASONS])
{
	json_t *object = json_object();

	for (enum drop why = DROP_NONE + 1; why < DROP_REASONS; why++)
		if (drops[why])
			json_object_set_new(
				object, drop_name(why), json_integer((json_int_t)drops[why]));
	return object;
}

static json_t *address_json(const union address *a)
{
	char text[ADDRESS_TEXT];

	address_format(text, a);
	return text[0] ? json_string(text) : json_null();
}

static json_t *key_json(const uint8_t key[SETTINGS_KEY])
{
	char text[KEY_TEXT];

	base64_format(text, key, SETTINGS_KEY);
	return json_string(text);
}

static json_t *time_json(uint64_t seconds)
{
	return seconds ? json_integer((json_int_t)seconds) : json_null();
}

static json_t *sessions_json(const struct status_peer *p)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < p->session_count; i++) {
		const struct status_session *s = &p->sessions[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:f, s:I}", "which", s->which, "role",
				      s->initiator ? "initiator" : "responder", "age",
				      (double)s->age / 1000, "sent", (json_int_t)s->sent));
	}
	return list;
}

static json_t *reason_json(const struct status *s, const struct status_peer *p)
{
	const char *text, *reason = status_reason(s, p, &text);
	json_t *object;

	if (!reason)
		return json_null();
	object = json_pack("{s:s, s:s}", "reason", reason, "text", text);
	if (p->trouble_errno)
		json_object_set_new(object, "error", json_string(strerror(abs(p->trouble_errno))));
	if (p->trouble != TROUBLE_NONE)
		json_object_set_new(object, "at", time_json(p->trouble_at));
	return object;
}

static json_t *peer_json(const struct status *s, const struct status_peer *p)
{
	json_t *allowed = json_array();

	for (size_t i = 0; i < p->allowed_ips; i++) {
		char text[PREFIX_TEXT];

		prefix_format(text, &s->allowed_ips[p->allowed_ip + i]);
		json_array_append_new(allowed, json_string(text));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:i, s:o, s:i, s:o, s:o}", "public_key",
		key_json(p->public_key), "endpoint", address_json(&p->endpoint), "allowed_ips",
		allowed, "last_handshake", time_json(p->last_handshake), "rx_bytes",
		(json_int_t)p->rx_bytes, "tx_bytes", (json_int_t)p->tx_bytes,
		"persistent_keepalive", (int)p->keepalive, "sessions", sessions_json(p), "attempts",
		(int)p->attempts, "no_handshake", reason_json(s, p), "drops", drops_json(p->drops));
}

static json_t *words_json(const char *words)
{
	json_t *list = json_array();

	for (size_t n; *(words += strspn(words, " ")); words += n) {
		n = strcspn(words, " ");
		json_array_append_new(list, json_stringn(words, n));
	}
	return list;
}

static json_t *status_json(const char *name, const struct status *s)
{
	json_t *peers = json_array(), *strangers = json_array();

	for (size_t i = 0; i < s->peer_count; i++)
		json_array_append_new(peers, peer_json(s, &s->peers[i]));
	for (unsigned i = 0; i < s->stranger_count; i++) {
		const struct status_stranger *from = &s->strangers[i];
		json_t *object =
			json_pack("{s:s, s:s, s:o, s:o, s:I}", "reason", trouble_name(from->why),
				"text", trouble_text(from->why), "from", address_json(&from->from),
				"at", time_json(from->at), "count", (json_int_t)from->count);

		if (from->why == TROUBLE_UNKNOWN_KEY)
			json_object_set_new(object, "public_key", key_json(from->key));
		json_array_append_new(strangers, object);
	}
	return json_pack("{s:s, s:b, s:o, s:i, s:I, s:o, s:o, s:o, s:o}", "interface", name, "up",
		s->up, "public_key", s->has_key ? key_json(s->own_key) : json_null(), "listen_port",
		(int)s->listen_port, "fwmark", (json_int_t)s->fwmark, "offload",
		words_json(s->offload), "peers", peers, "strangers", strangers, "drops",
		drops_json(s->drops));
}

/* ---- text ---- */

static const char *ago(uint64_t now, uint64_t then)
{
	static char text[48];
	uint64_t s = now > then ? now - then : 0;

	if (s < 120)
		snprintf(text, sizeof(text), "%llu s ago", (unsigned long long)s);
	else if (s < 7200)
		snprintf(text, sizeof(text), "%llu min ago", (unsigned long long)s / 60);
	else
		snprintf(text, sizeof(text), "%llu h ago", (unsigned long long)s / 3600);
	return text;
}

static const char *bytes_text(uint64_t n)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	static char text[2][32];
	static unsigned turn;
	double v = (double)n;
	size_t unit = 0;

	for (; v >= 1024 && unit < 5; unit++)
		v /= 1024;
	turn ^= 1;
	snprintf(text[turn], sizeof(text[turn]), unit ? "%.1f %s" : "%.0f %s", v, units[unit]);
	return text[turn];
}

static void drops_print(const uint64_t drops[DROP_REASONS], const char *indent)
{
	for (enum drop why = DROP_NONE + 1; why < DROP_REASONS; why++)
		if (drops[why])
			printf("%sdropped      %llu %s: %s\n", indent,
				(unsigned long long)drops[why], drop_name(why), drop_text(why));
}

static void peer_print(const struct status *s, const struct status_peer *p)
{
	char key[KEY_TEXT], text[ADDRESS_TEXT];
	const char *why, *reason = status_reason(s, p, &why);

	base64_format(key, p->public_key, SETTINGS_KEY);
	printf("\n  peer %s\n", key);
	address_format(text, &p->endpoint);
	printf("    endpoint     %s\n", text[0] ? text : "(none)");
	printf("    allowed-ips ");
	for (size_t i = 0; i < p->allowed_ips; i++) {
		prefix_format(text, &s->allowed_ips[p->allowed_ip + i]);
		printf("%s %s", i ? "," : "", text);
	}
	printf("%s\n", p->allowed_ips ? "" : " (none)");
	printf("    handshake    %s\n",
		p->last_handshake ? ago(s->now, p->last_handshake) : "never");
	for (unsigned i = 0; i < p->session_count; i++)
		printf("    session      %s, as %s, %llu s old, %llu packets sent\n",
			p->sessions[i].which, p->sessions[i].initiator ? "initiator" : "responder",
			(unsigned long long)p->sessions[i].age / 1000,
			(unsigned long long)p->sessions[i].sent);
	if (reason) {
		printf("    no handshake %s: %s", reason, why);
		if (p->trouble_errno)
			printf(" (%s)", strerror(abs(p->trouble_errno)));
		if (p->trouble != TROUBLE_NONE)
			printf(", %s", ago(s->now, p->trouble_at));
		putchar('\n');
	}
	if (p->attempts)
		printf("    attempts     %u\n", p->attempts);
	printf("    traffic      %s received, %s sent\n", bytes_text(p->rx_bytes),
		bytes_text(p->tx_bytes));
	drops_print(p->drops, "    ");
}

static void status_print(const char *name, const struct status *s)
{
	char key[KEY_TEXT], text[ADDRESS_TEXT];

	printf("%s is %s, port %u\n", name, s->up ? "up" : "down", s->listen_port);
	base64_format(key, s->own_key, SETTINGS_KEY);
	printf("  public key   %s\n", s->has_key ? key : "(none)");
	printf("  offload      %s\n", s->offload[0] ? s->offload : "(none)");
	drops_print(s->drops, "  ");
	for (unsigned i = 0; i < s->stranger_count; i++) {
		const struct status_stranger *from = &s->strangers[i];

		address_format(text, &from->from);
		printf("  refused      %s, %llu time%s, last %s: %s", text,
			(unsigned long long)from->count, from->count == 1 ? "" : "s",
			ago(s->now, from->at), trouble_text(from->why));
		base64_format(key, from->key, SETTINGS_KEY);
		printf(from->why == TROUBLE_UNKNOWN_KEY ? " (%s)\n" : "\n", key);
	}
	for (size_t i = 0; i < s->peer_count; i++)
		peer_print(s, &s->peers[i]);
}

/* ---- which ---- */

static int status_one(const char *name, json_t *list)
{
	struct status s = {0};
	struct error e = {0};
	int err = status_ask(name, &s, &e);

	if (err)
		fprintf(stderr, "warren tunnel status: %s\n", e.text);
	else if (list)
		json_array_append_new(list, status_json(name, &s));
	else
		status_print(name, &s);
	status_done(&s);
	return err;
}

static int is_socket(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && !strcmp(d->d_name + n - 5, ".sock");
}

static int status_all(json_t *list)
{
	struct dirent **entries;
	int n = scandir(UAPI_DIRECTORY, &entries, is_socket, alphasort), err = 0;

	if (n < 0 && errno != ENOENT) {
		fprintf(stderr, "warren tunnel status: %s: %s\n", UAPI_DIRECTORY, strerror(errno));
		return -errno;
	}
	for (int i = 0; i < n; i++) {
		int one;

		entries[i]->d_name[strlen(entries[i]->d_name) - 5] = '\0';
		if (i && !list)
			putchar('\n');
		one = status_one(entries[i]->d_name, list);
		err = err ? err : one;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	if (n <= 0 && !list)
		fprintf(stderr, "no tunnel runs here\n");
	return err;
}

int tunnel_status_run(const char *name, bool json)
{
	json_t *list = json ? json_array() : NULL;
	int err = name ? status_one(name, list) : status_all(list);

	if (json && !(name && err)) {
		json_t *whole = json_pack("{s:O}", "tunnels", list);

		json_dumpf(whole, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(whole);
	}
	json_decref(list);
	return err ? EXIT_FAILED : EXIT_DONE;
}
