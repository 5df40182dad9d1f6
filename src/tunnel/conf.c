#include "tunnel/conf.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/scoped.h"

enum section { SECTION_NONE, SECTION_INTERFACE, SECTION_PEER };
enum { LINE_SIZE = 16384, LONGEST_KEY = 32 };

/* The parser's place in the file. */
struct reader {
	struct conf *conf;
	const char *name;
	unsigned line;
	enum section section;
	bool has_key;		 /* the peer of this section has been named */
	unsigned peer_line;	 /* where its section began */
	struct peer_change peer; /* what was said before its key */
	struct error *error;
};

struct row {
	const char *key;
	enum section section;
	bool list;   /* items separated by commas, each handed over on its own */
	bool secret; /* the value is never repeated */
	/* Returns 0; -EINVAL: not what `expected` says; -ENOMEM */
	int (*apply)(struct reader *r, const char *value);
	const char *expected;
};

bool conf_list_add(struct conf_list *list, const char *text, size_t n)
{
	char **item = realloc(list->item, (list->count + 2) * sizeof(*item));

	if (!item)
		return false;
	list->item = item;
	item[list->count] = strndup(text, n);
	if (!item[list->count])
		return false;
	item[++list->count] = NULL;
	return true;
}

static int list_put(struct conf_list *list, const char *value)
{
	if (!*value)
		return -EINVAL;
	return conf_list_add(list, value, strlen(value)) ? 0 : -ENOMEM;
}

/* ---- [Interface] ---- */

static int private_key_apply(struct reader *r, const char *value)
{
	return base64_parse(r->conf->settings.private_key, SETTINGS_KEY, value) ? 0 : -EINVAL;
}

static int listen_port_apply(struct reader *r, const char *value)
{
	uint64_t port;

	if (!number_parse(&port, value, UINT16_MAX))
		return -EINVAL;
	r->conf->settings.given |= GIVEN_LISTEN_PORT;
	r->conf->settings.listen_port = (uint16_t)port;
	return 0;
}

static int fwmark_apply(struct reader *r, const char *value)
{
	uint64_t mark = 0;

	if (!strncasecmp(value, "0x", 2)) {
		char *end;

		if (!isxdigit((unsigned char)value[2]) || strlen(value) > 10)
			return -EINVAL;
		mark = strtoul(value, &end, 16);
		if (*end)
			return -EINVAL;
	} else if (strcasecmp(value, "off") && !number_parse(&mark, value, UINT32_MAX)) {
		return -EINVAL;
	}
	r->conf->settings.fwmark = (uint32_t)mark;
	return 0;
}

static int address_apply(struct reader *r, const char *value)
{
	struct conf *c = r->conf;
	struct prefix p, *list;

	if (!prefix_parse_host(&p, value))
		return -EINVAL;
	list = realloc(c->addresses, (c->address_count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	c->addresses = list;
	list[c->address_count++] = p;
	return 0;
}

static int mtu_apply(struct reader *r, const char *value)
{
	uint64_t mtu;

	if (!number_parse(&mtu, value, 65535) || mtu < 68)
		return -EINVAL;
	r->conf->mtu = (uint32_t)mtu;
	return 0;
}

static int table_apply(struct reader *r, const char *value)
{
	static const struct {
		const char *name;
		uint32_t number;
	} known[] = {{"main", CONF_TABLE_MAIN}, {"default", 253}, {"local", 255}};
	struct conf *c = r->conf;
	uint64_t number = 0;

	if (!strcasecmp(value, "off") || !strcasecmp(value, "auto")) {
		c->routes = strcasecmp(value, "off") ? CONF_ROUTES_AUTO : CONF_ROUTES_OFF;
		return 0;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcasecmp(value, known[i].name))
			number = known[i].number;
	if (!number && (!number_parse(&number, value, UINT32_MAX) || !number))
		return -EINVAL;
	c->routes = CONF_ROUTES_TABLE;
	c->table = (uint32_t)number;
	return 0;
}

/* Whatever is no address is a search domain, as wg-quick has it. */
static int dns_apply(struct reader *r, const char *value)
{
	struct prefix p;

	if (!*value || value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789.:-_~")])
		return -EINVAL; /* it is handed to other programs */
	if (conf_may_hold_key(value))
		return -EINVAL; /* hardly a name */
	if (prefix_parse(&p, value, true))
		return list_put(&r->conf->dns, value);
	return list_put(&r->conf->search, value);
}

static int save_apply(struct reader *r, const char *value)
{
	if (strcasecmp(value, "true") && strcasecmp(value, "false"))
		return -EINVAL;
	r->conf->save = !strcasecmp(value, "true");
	return 0;
}

static int pre_up_apply(struct reader *r, const char *value)
{
	return list_put(&r->conf->hooks[CONF_PRE_UP], value);
}

static int post_up_apply(struct reader *r, const char *value)
{
	return list_put(&r->conf->hooks[CONF_POST_UP], value);
}

static int pre_down_apply(struct reader *r, const char *value)
{
	return list_put(&r->conf->hooks[CONF_PRE_DOWN], value);
}

static int post_down_apply(struct reader *r, const char *value)
{
	return list_put(&r->conf->hooks[CONF_POST_DOWN], value);
}

/* ---- [Peer] ---- */

static struct peer_change *peer_current(struct reader *r)
{
	struct settings *s = &r->conf->settings;

	return r->has_key ? &s->peers[s->peer_count - 1] : &r->peer;
}

/* The key may stand below the other keys of its section: they wait in r->peer, and the
 * allowed-ips in the list, where they are already at their place. */
static int public_key_apply(struct reader *r, const char *value)
{
	uint8_t key[SETTINGS_KEY];
	struct peer_change *p;

	if (!base64_parse(key, sizeof(key), value))
		return -EINVAL;
	if (r->has_key) {
		memcpy(peer_current(r)->public_key, key, sizeof(key));
		return 0;
	}
	p = settings_peer_add(&r->conf->settings, key);
	if (!p)
		return -ENOMEM;
	memcpy(r->peer.public_key, key, sizeof(key));
	*p = r->peer;
	r->has_key = true;
	return 0;
}

static int preshared_key_apply(struct reader *r, const char *value)
{
	return base64_parse(peer_current(r)->preshared_key, SETTINGS_KEY, value) ? 0 : -EINVAL;
}

static int allowed_ip_apply(struct reader *r, const char *value)
{
	struct prefix p;

	if (!prefix_parse(&p, value, true))
		return -EINVAL;
	return settings_allowed_ip_add(&r->conf->settings, peer_current(r), &p, false) ? 0
										       : -ENOMEM;
}

static int keepalive_apply(struct reader *r, const char *value)
{
	uint64_t seconds = 0;

	if (strcasecmp(value, "off") && !number_parse(&seconds, value, UINT16_MAX))
		return -EINVAL;
	peer_current(r)->keepalive = (uint16_t)seconds;
	return 0;
}

/* The last line of a section wins: forget the name that an earlier one gave. */
static void name_forget(struct reader *r)
{
	struct conf *c = r->conf;

	if (c->name_count && c->names[c->name_count - 1].line >= r->peer_line)
		c->name_count--;
}

static int name_add(struct reader *r, const char *host, size_t n, uint16_t port)
{
	struct conf *c = r->conf;
	struct conf_name *list = realloc(c->names, (c->name_count + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	c->names = list;
	list += c->name_count++;
	*list = (struct conf_name){.port = port, .line = r->line};
	memcpy(list->host, host, n);
	return 0;
}

static int endpoint_apply(struct reader *r, const char *value)
{
	struct peer_change *p = peer_current(r);
	size_t n = strcspn(value, ":");
	uint64_t port;

	if (address_parse(&p->endpoint, value)) {
		if (!address_port(&p->endpoint))
			return -EINVAL;
		name_forget(r);
		p->given |= GIVEN_ENDPOINT;
		return 0;
	}
	if (!n || n >= CONF_HOST || !value[n] ||
		strspn(value,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != n)
		return -EINVAL;
	if (value[strspn(value, "0123456789.")] == ':')
		return -EINVAL; /* a wrong IPv4 address, not a name */
	if (!number_parse(&port, value + n + 1, UINT16_MAX) || !port)
		return -EINVAL;
	name_forget(r);
	p->given &= (uint8_t)~GIVEN_ENDPOINT;
	return name_add(r, value, n, (uint16_t)port);
}

#define KEY_EXPECTED "expected 32 bytes in base64"
#define COMMAND_EXPECTED "expected a command"

static const struct row rows[] = {
	{"PrivateKey", SECTION_INTERFACE, false, true, private_key_apply, KEY_EXPECTED},
	{"ListenPort", SECTION_INTERFACE, false, false, listen_port_apply,
		"expected a port from 0 to 65535"},
	{"FwMark", SECTION_INTERFACE, false, false, fwmark_apply,
		"expected off, or a number of 32 bits"},
	{"Address", SECTION_INTERFACE, true, false, address_apply,
		"expected an address such as 192.168.3.11/24"},
	{"MTU", SECTION_INTERFACE, false, false, mtu_apply, "expected a number from 68 to 65535"},
	{"Table", SECTION_INTERFACE, false, false, table_apply,
		"expected off, auto, or a table's number"},
	{"DNS", SECTION_INTERFACE, true, false, dns_apply, "expected an address or a domain"},
	{"SaveConfig", SECTION_INTERFACE, false, false, save_apply, "expected true or false"},
	{"PreUp", SECTION_INTERFACE, false, false, pre_up_apply, COMMAND_EXPECTED},
	{"PostUp", SECTION_INTERFACE, false, false, post_up_apply, COMMAND_EXPECTED},
	{"PreDown", SECTION_INTERFACE, false, false, pre_down_apply, COMMAND_EXPECTED},
	{"PostDown", SECTION_INTERFACE, false, false, post_down_apply, COMMAND_EXPECTED},
	{"PublicKey", SECTION_PEER, false, false, public_key_apply, KEY_EXPECTED},
	{"PresharedKey", SECTION_PEER, false, true, preshared_key_apply, KEY_EXPECTED},
	{"AllowedIPs", SECTION_PEER, true, false, allowed_ip_apply,
		"expected prefixes such as 192.168.3.0/24"},
	{"Endpoint", SECTION_PEER, false, false, endpoint_apply,
		"expected ADDRESS:PORT, [ADDRESS]:PORT or NAME:PORT"},
	{"PersistentKeepalive", SECTION_PEER, false, false, keepalive_apply,
		"expected off, or seconds from 0 to 65535"},
};

/* ---- lines ---- */

/* Cuts the spaces at both ends, in place. */
static char *trim(char *text)
{
	size_t n;

	while (isspace((unsigned char)*text))
		text++;
	n = strlen(text);
	while (n && isspace((unsigned char)text[n - 1]))
		text[--n] = '\0';
	return text;
}

enum { KEY_RUN = 40, TORN_RUN = 24 }; /* a key has 43 characters in base64, and 64 in hex */

/* Does the text hold so many characters of base64 in a row? */
static bool has_run(const char *text, size_t least)
{
	static const char base64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; *text; text++) {
		size_t n = strspn(text, base64);

		if (n >= least)
			return true;
		text += n;
		if (!*text)
			return false;
	}
	return false;
}

bool conf_may_hold_key(const char *text)
{
	return has_run(text, KEY_RUN);
}

/* A key at the wrong place, whole or a large part of it, is not repeated in the error. */
static const char *shown(const char *text)
{
	return has_run(text, TORN_RUN) ? "..." : text;
}

static int wrong(struct reader *r, const struct row *row, const char *value, int err)
{
	if (err == -ENOMEM)
		return error_errno(r->error, ENOMEM, "%s:%u", r->name, r->line);
	if (row->secret)
		return error_set(r->error, EINVAL, "%s:%u: %s: %s", r->name, r->line, row->key,
			row->expected);
	return error_set(r->error, EINVAL, "%s:%u: %s '%.80s': %s", r->name, r->line, row->key,
		shown(value), row->expected);
}

static int value_read(struct reader *r, const struct row *row, char *value)
{
	char *next = value;
	int err = 0;

	if (!row->list) {
		err = row->apply(r, value);
		return err ? wrong(r, row, value, err) : 0;
	}
	if (!*value && row->section == SECTION_PEER)
		return 0; /* `wg showconf` writes an empty list so */
	/* To wg-quick spaces separate as well, and what is empty is nothing; not so to wg. */
	while (!err && next) {
		value = strsep(&next, row->section == SECTION_PEER ? "," : ", \t");
		value = trim(value);
		if (*value || row->section == SECTION_PEER)
			err = row->apply(r, value);
	}
	return err ? wrong(r, row, value, err) : 0;
}

static int setting_read(struct reader *r, char *key, char *value)
{
	const char *section = r->section == SECTION_PEER ? "Peer" : "Interface";
	bool elsewhere = false;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcasecmp(rows[i].key, key))
			continue;
		if (rows[i].section == r->section)
			return value_read(r, &rows[i], value);
		elsewhere = true;
	}
	if (r->section == SECTION_NONE)
		return error_set(r->error, EINVAL,
			"%s:%u: '%.80s' stands before the first section: "
			"expected [Interface] or [Peer]",
			r->name, r->line, shown(key));
	if (elsewhere)
		return error_set(r->error, EINVAL, "%s:%u: %.80s does not belong in [%s]", r->name,
			r->line, key, section);
	return error_set(r->error, EINVAL, "%s:%u: [%s] has no key '%.80s'", r->name, r->line,
		section, shown(key));
}

static int section_end(struct reader *r)
{
	struct conf *c = r->conf;
	struct peer_change *p = peer_current(r);

	if (r->section != SECTION_PEER)
		return 0;
	if (!r->has_key)
		return error_set(r->error, EINVAL, "%s:%u: this [Peer] has no PublicKey", r->name,
			r->peer_line);
	/* What the file does not say is none, so that reading it again takes away what was
	 * deleted from it. */
	p->given |= GIVEN_PRESHARED_KEY | GIVEN_KEEPALIVE;
	p->replace_allowed_ips = true;
	if (c->name_count) {
		struct conf_name *name = &c->names[c->name_count - 1];

		if (name->line >= r->peer_line)
			memcpy(name->public_key, p->public_key, SETTINGS_KEY);
	}
	return 0;
}

static int section_begin(struct reader *r, const char *name)
{
	int err = section_end(r);

	if (err)
		return err;
	if (!strcasecmp(name, "[Interface]")) {
		r->section = SECTION_INTERFACE;
		return 0;
	}
	if (strcasecmp(name, "[Peer]")) { /* only its beginning: a key may follow on the line */
		char first[21];

		snprintf(first, sizeof(first), "%s", name);
		return error_set(r->error, EINVAL, "%s:%u: '%s': expected [Interface] or [Peer]",
			r->name, r->line, has_run(first, TORN_RUN / 2) ? "..." : first);
	}
	r->section = SECTION_PEER;
	r->has_key = false;
	r->peer_line = r->line;
	sodium_memzero(&r->peer, sizeof(r->peer));
	r->peer.allowed_ip = r->conf->settings.allowed_count;
	return 0;
}

static int line_read(struct reader *r, char *line)
{
	char *equals;

	line[strcspn(line, "#")] = '\0';
	line = trim(line);
	if (!*line)
		return 0;
	if (*line == '[')
		return section_begin(r, line);
	equals = strchr(line, '=');
	/* It might be a secret that lost its name, with the `=` that ends base64: not repeated. */
	if (!equals || equals - line > LONGEST_KEY)
		return error_set(r->error, EINVAL, "%s:%u: expected KEY = VALUE", r->name, r->line);
	*equals = '\0';
	return setting_read(r, trim(line), trim(equals + 1));
}

static int text_read(struct reader *r, const char *text, size_t size)
{
	char line[LINE_SIZE];
	int err = 0;

	for (size_t at = 0; !err && at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t n = end ? (size_t)(end - text) - at : size - at;

		r->line++;
		if (n >= sizeof(line)) {
			err = error_set(r->error, EINVAL, "%s:%u: the line is longer than %d bytes",
				r->name, r->line, LINE_SIZE - 1);
			break;
		}
		memcpy(line, text + at, n);
		line[n] = '\0';
		if (strlen(line) != n)
			err = error_set(r->error, EINVAL, "%s:%u: there is a zero byte in it",
				r->name, r->line);
		else
			err = line_read(r, line);
		at += n + 1;
	}
	sodium_memzero(line, sizeof(line));
	return err ? err : section_end(r);
}

int conf_parse(struct conf *out, const char *name, const char *text, size_t size, struct error *e)
{
	struct conf conf = {0};
	struct reader r = {.conf = &conf, .name = name, .error = e};
	int err;

	conf.settings.given = GIVEN_PRIVATE_KEY | GIVEN_FWMARK;
	conf.settings.sync_peers = true;
	err = text_read(&r, text, size);
	sodium_memzero(&r.peer, sizeof(r.peer));
	if (err)
		conf_done(&conf);
	else
		*out = conf;
	sodium_memzero(&conf, sizeof(conf));
	return err;
}

int conf_read(struct conf *out, const char *path, struct error *e)
{
	SCOPED_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;
	size_t size = 0;
	ssize_t n;
	int err;

	if (fd < 0 || fstat(fd, &st))
		return error_errno(e, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return error_errno(e, EISDIR, "%s", path);
	/* It may be a pipe: `-c <(...)`.  Then its size is not known before. */
	size_t room = S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : 1 << 20;

	if (room > CONF_SIZE)
		return error_errno(e, EFBIG, "%s", path);
	text = malloc(room);
	if (!text)
		return error_errno(e, ENOMEM, "%s", path);
	while (size < room && (n = read(fd, text + size, room - size)) > 0)
		size += (size_t)n;
	if (size == room)
		err = error_errno(e, EFBIG, "%s", path);
	else
		err = conf_parse(out, path, text, size, e);
	sodium_memzero(text, size);
	free(text);
	return err;
}

static void list_done(struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
}

void conf_done(struct conf *c)
{
	settings_done(&c->settings);
	free(c->names);
	free(c->addresses);
	list_done(&c->dns);
	list_done(&c->search);
	for (size_t i = 0; i < CONF_HOOKS; i++)
		list_done(&c->hooks[i]);
	*c = (struct conf){0};
}
