#include "tunnel/settings.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

void settings_done(struct settings *s)
{
	if (s->peers)
		sodium_memzero(s->peers, s->peer_count * sizeof(*s->peers));
	free(s->peers);
	free(s->allowed_ips);
	sodium_memzero(s, sizeof(*s));
}

struct peer_change *settings_peer_add(struct settings *s, const uint8_t key[SETTINGS_KEY])
{
	struct peer_change *p;

	if (s->peer_count == s->peer_room) {
		/* Not realloc(): it would leave the pre-shared keys behind in the old block. */
		size_t room = s->peer_room ? 2 * s->peer_room : 8;

		p = malloc(room * sizeof(*p));
		if (!p)
			return NULL;
		if (s->peers) {
			memcpy(p, s->peers, s->peer_count * sizeof(*p));
			sodium_memzero(s->peers, s->peer_count * sizeof(*p));
			free(s->peers);
		}
		s->peers = p;
		s->peer_room = room;
	}
	p = &s->peers[s->peer_count++];
	*p = (struct peer_change){.allowed_ip = s->allowed_count};
	memcpy(p->public_key, key, sizeof(p->public_key));
	return p;
}

bool settings_allowed_ip_add(
	struct settings *s, struct peer_change *p, const struct prefix *prefix, bool remove)
{
	if (s->allowed_count == s->allowed_room) {
		size_t room = s->allowed_room ? 2 * s->allowed_room : 8;
		struct allowed_ip *list = realloc(s->allowed_ips, room * sizeof(*list));

		if (!list)
			return false;
		s->allowed_ips = list;
		s->allowed_room = room;
	}
	s->allowed_ips[s->allowed_count++] = (struct allowed_ip){*prefix, remove};
	p->allowed_ips++;
	return true;
}
