#include "tunnel/conf_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/scoped.h"
#include "tunnel/uapi_socket.h"

enum { KEY_TEXT = 4 * ((SETTINGS_KEY + 2) / 3) + 1, LINE = 512 };

__attribute__((format(printf, 2, 3))) static void put(
	struct uapi_reply *out, const char *format, ...)
{
	char *line = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&line, format, args);
	va_end(args);
	if (n < 0) {
		out->failed = true;
		return;
	}
	uapi_reply_bytes(out, line, (size_t)n);
	sodium_memzero(line, (size_t)n);
	free(line);
}

static void list_put(struct uapi_reply *out, const char *key, const struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		put(out, "%s = %s\n", key, list->item[i]);
}

/* What only wg-quick knows. */
static void interface_put(struct uapi_reply *out, const struct conf *c)
{
	static const char *const hooks[] = {"PreUp", "PostUp", "PreDown", "PostDown"};

	put(out, "[Interface]\n");
	for (size_t i = 0; i < c->address_count; i++) {
		char text[PREFIX_TEXT];

		prefix_format(text, &c->addresses[i]);
		put(out, "Address = %s\n", text);
	}
	list_put(out, "DNS", &c->dns);
	list_put(out, "DNS", &c->search);
	if (c->mtu)
		put(out, "MTU = %u\n", c->mtu);
	if (c->routes == CONF_ROUTES_OFF)
		put(out, "Table = off\n");
	else if (c->routes == CONF_ROUTES_TABLE)
		put(out, "Table = %u\n", c->table);
	put(out, "SaveConfig = true\n");
	for (size_t i = 0; i < CONF_HOOKS; i++)
		list_put(out, hooks[i], &c->hooks[i]);
}

static int key_put(struct uapi_reply *out, const char *name, const char *hex)
{
	uint8_t key[SETTINGS_KEY];
	char text[KEY_TEXT];

	if (!hex_parse(key, sizeof(key), hex))
		return -EBADMSG;
	if (!sodium_is_zero(key, sizeof(key))) {
		base64_format(text, key, sizeof(key));
		put(out, "%s = %s\n", name, text);
		sodium_memzero(text, sizeof(text));
		sodium_memzero(key, sizeof(key));
	}
	return 0;
}

/* A peer whose endpoint was given by name keeps the name. */
static const struct conf_name *name_of(const struct conf *c, const char *hex)
{
	uint8_t key[SETTINGS_KEY];

	if (!hex_parse(key, sizeof(key), hex))
		return NULL;
	for (size_t i = 0; i < c->name_count; i++)
		if (!memcmp(c->names[i].public_key, key, sizeof(key)))
			return &c->names[i];
	return NULL;
}

struct place {
	const struct conf *conf;
	uint32_t table;
	const struct conf_name *name; /* of this peer's endpoint */
};

static int line_put(struct uapi_reply *out, struct place *at, char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return -EBADMSG;
	*value++ = '\0';
	if (!strcmp(line, "private_key"))
		return key_put(out, "PrivateKey", value);
	if (!strcmp(line, "preshared_key"))
		return key_put(out, "PresharedKey", value);
	if (!strcmp(line, "public_key")) {
		at->name = name_of(at->conf, value);
		put(out, "\n[Peer]\n");
		if (at->name)
			put(out, "Endpoint = %s:%u\n", at->name->host, at->name->port);
		return key_put(out, "PublicKey", value);
	}
	if (!strcmp(line, "listen_port"))
		put(out, "ListenPort = %s\n", value);
	else if (!strcmp(line, "fwmark") && strtoul(value, NULL, 10) != at->table)
		put(out, "FwMark = %s\n", value);
	else if (!strcmp(line, "endpoint") && !at->name)
		put(out, "Endpoint = %s\n", value);
	else if (!strcmp(line, "allowed_ip"))
		put(out, "AllowedIPs = %s\n", value);
	else if (!strcmp(line, "persistent_keepalive_interval") && strcmp(value, "0"))
		put(out, "PersistentKeepalive = %s\n", value);
	return 0;
}

int conf_save_format(
	struct uapi_reply *out, const struct conf *c, const char *get, size_t size, uint32_t table)
{
	struct place at = {.conf = c, .table = table};
	char line[LINE];
	int err = 0;

	interface_put(out, c);
	while (!err && size) {
		const char *end = memchr(get, '\n', size);
		size_t n = end ? (size_t)(end - get) : LINE;

		if (n >= LINE) {
			err = -EBADMSG;
			break;
		}
		memcpy(line, get, n);
		line[n] = '\0';
		if (n)
			err = line_put(out, &at, line);
		get += n + 1;
		size -= n + 1;
	}
	sodium_memzero(line, sizeof(line));
	return err ? err : out->failed ? -ENOMEM : 0;
}

/* The answer to get=1, up to its empty line; free it with uapi_reply_done(). */
static int device_ask(struct uapi_reply *answer, const char *name, struct error *e)
{
	static const char question[] = "get=1\n\n";
	SCOPED_FD int fd = uapi_socket_connect(name, e);
	char part[16384];
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0)
		return error_errno(e, errno, "%s", name);
	do {
		uapi_reply_bytes(answer, part, (size_t)n);
		if (answer->size > 1 && !memcmp(answer->bytes + answer->size - 2, "\n\n", 2))
			break;
		n = recv(fd, part, sizeof(part), 0);
	} while (n > 0);
	sodium_memzero(part, sizeof(part));
	return n > 0 && !answer->failed ? 0 : error_errno(e, EBADMSG, "%s", name);
}

static int file_write(const char *path, const struct uapi_reply *text, struct error *e)
{
	SCOPED_FREE char *new = NULL;
	SCOPED_FD int fd = -1;

	if (asprintf(&new, "%s.new", path) < 0)
		return error_errno(e, ENOMEM, "%s", path);
	unlink(new);
	fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text->bytes, text->size) != (ssize_t)text->size || fsync(fd) ||
		rename(new, path)) {
		int err = errno;

		if (fd >= 0)
			unlink(new);
		return error_errno(e, err, "%s", path);
	}
	return 0;
}

int conf_save(
	const struct conf *c, const char *name, const char *path, uint32_t table, struct error *e)
{
	struct uapi_reply answer = {0}, text = {0};
	int err = device_ask(&answer, name, e);

	if (!err) {
		err = conf_save_format(&text, c, answer.bytes, answer.size, table);
		if (err)
			error_errno(e, -err, "%s", path);
	}
	if (!err)
		err = file_write(path, &text, e);
	uapi_reply_done(&answer);
	uapi_reply_done(&text);
	return err;
}
