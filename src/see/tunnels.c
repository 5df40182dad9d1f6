#include "see/tunnels.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/scoped.h"

static bool endpoint_parse(const char *text, size_t length, struct tunnel_endpoint *e)
{
	char host[64];
	const char *colon = memrchr(text, ':', length);
	bool bracket = text[0] == '[';
	long port;
	char *end;

	if (!colon)
		return false;
	size_t size = (size_t)(colon - text);

	if (bracket && (size < 2 || colon[-1] != ']'))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(bracket ? size - 2 : size), text + bracket);
	host[strcspn(host, "%")] = '\0'; /* the scope of a link-local address */
	port = strtol(colon + 1, &end, 10);
	if (end != text + length || port <= 0 || port > UINT16_MAX)
		return false;
	memset(e, 0, sizeof(*e));
	e->family = bracket ? AF_INET6 : AF_INET;
	e->port = (uint16_t)port;
	return inet_pton(e->family, host, e->ip) == 1;
}

void tunnel_facts_parse(const char *text, struct tunnel_facts *f)
{
	*f = (struct tunnel_facts){0};
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (!strncmp(text, "listen_port=", 12))
			f->listen_port = (uint16_t)strtol(text + 12, NULL, 10);
		else if (!strncmp(text, "endpoint=", 9) && f->endpoint_count < TUNNEL_ENDPOINTS &&
			 endpoint_parse(text + 9, length - 9, &f->endpoints[f->endpoint_count]))
			f->endpoint_count++;
		text += length + (text[length] == '\n');
	}
}

enum { ANSWER_SIZE = 256 << 10 };
#define PATIENCE (200 * MILLISECOND) /* for the whole answer: whoever drips is left alone, too */

static bool ask(const char *path, char *answer)
{
	SCOPED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_usec = PATIENCE / 1000};
	int64_t deadline = clock_now() + PATIENCE;
	size_t used = 0;
	ssize_t n;

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, strlen(path) + 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) ||
		send(fd, "get=1\n\n", 7, MSG_NOSIGNAL) != 7)
		return false;
	/* It ends with an empty line; the connection stays open for another request. */
	while (used + 1 < ANSWER_SIZE &&
		(n = recv(fd, answer + used, ANSWER_SIZE - used - 1, 0)) > 0) {
		used += (size_t)n;
		answer[used] = '\0';
		if ((used >= 2 && !strcmp(answer + used - 2, "\n\n")) || clock_now() > deadline)
			break;
	}
	answer[used] = '\0';
	return used > 0;
}

static bool facts_read(
	const struct topology *t, const struct device *d, char *answer, struct tunnel_facts *f)
{
	const struct node *node = &device_netns(t, d)->node;
	char path[512], network[NODE_NAME], name[NODE_NAME];
	bool found = false;

	if (node->network[0] && node_split(node->netns, network, name)) {
		snprintf(path, sizeof(path), "%s/%s/%s/wireguard/%s.sock", node_state_directory(),
			network, name, d->name);
		found = ask(path, answer);
	}
	for (size_t i = 0; i < d->holder_count && !found; i++) {
		/* Not var/run: that is a link, which would lead out of the process's view. */
		snprintf(path, sizeof(path), "/proc/%d/root/run/wireguard/%s.sock",
			(int)d->holders[i].process.pid, d->name);
		found = ask(path, answer);
	}
	if (found)
		tunnel_facts_parse(answer, f);
	sodium_memzero(answer, ANSWER_SIZE); /* it had keys in it */
	return found;
}

/* Does device `at` listen where the endpoint is?  Its socket is where the process lives, or
 * where the device is.  near: where the packets of who asks can come to, for other networks may
 * have the same addresses. */
static bool listens_at(const struct topology *t, const bool *near, const struct device *d,
	const struct tunnel_facts *f, const struct tunnel_endpoint *e)
{
	int owner = TOPOLOGY_NONE;

	if (!f->listen_port || f->listen_port != e->port)
		return false;
	while ((owner = topology_owner(t, e->family, e->ip, owner)) >= 0) {
		if (!near[t->devices[owner].netns])
			continue;
		if (t->devices[owner].netns == d->netns)
			return true;
		for (size_t i = 0; i < d->holder_count; i++)
			if (d->holders[i].home == t->devices[owner].netns)
				return true;
	}
	return false;
}

struct asked {
	int device;
	struct tunnel_facts facts;
};

static bool reaches(
	const struct topology *t, const bool *near, const struct asked *a, const struct asked *b)
{
	for (size_t i = 0; i < a->facts.endpoint_count; i++)
		if (listens_at(t, near, &t->devices[b->device], &b->facts, &a->facts.endpoints[i]))
			return true;
	return false;
}

ssize_t tunnels_find(const struct topology *t, struct tunnel_pair **pairs)
{
	SCOPED_FREE struct asked *asked = NULL;
	SCOPED_FREE char *answer = malloc(ANSWER_SIZE);
	SCOPED_FREE bool *near = malloc(t->netns_count + 1);
	size_t count = 0, found = 0;

	*pairs = NULL;
	if (!answer || !near)
		return -ENOMEM;
	for (size_t i = 0; i < t->device_count; i++) {
		struct asked *grown;
		struct tunnel_facts facts;

		if (!t->devices[i].holder_count || !facts_read(t, &t->devices[i], answer, &facts))
			continue;
		grown = reallocarray(asked, count + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		asked = grown;
		asked[count++] = (struct asked){(int)i, facts};
	}
	for (size_t i = 0; i < count; i++) {
		memset(near, 0, t->netns_count);
		topology_reach(t, t->devices[asked[i].device].netns, near);
		for (size_t k = i + 1; k < count; k++) {
			struct tunnel_pair *grown;

			if (!near[t->devices[asked[k].device].netns] ||
				(!reaches(t, near, &asked[i], &asked[k]) &&
					!reaches(t, near, &asked[k], &asked[i])))
				continue;
			grown = reallocarray(*pairs, found + 1, sizeof(*grown));
			if (!grown) {
				free(*pairs);
				*pairs = NULL;
				return -ENOMEM;
			}
			*pairs = grown;
			grown[found++] = (struct tunnel_pair){asked[i].device, asked[k].device};
		}
	}
	return (ssize_t)found;
}
