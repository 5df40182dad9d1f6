#include "see/tunnels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "see/wireguard.h"

static bool reaches(const struct topology *t, const bool *near, const struct wireguard *a,
	const struct wireguard *b)
{
	for (size_t i = 0; i < a->peer_count; i++)
		if (wireguard_listens(t, near, b, &a->peers[i]))
			return true;
	return false;
}

ssize_t tunnels_find(const struct topology *t, struct tunnel_pair **pairs)
{
	SCOPED_FREE bool *near = malloc(t->netns_count + 1);
	struct wireguard *asked = NULL;
	ssize_t count = wireguard_read_all(t, &asked), found = 0;

	*pairs = NULL;
	if (count < 0)
		return count;
	if (!near)
		found = -ENOMEM;
	for (ssize_t i = 0; i < count && found >= 0; i++) {
		memset(near, 0, t->netns_count);
		topology_reach(t, t->devices[asked[i].device].netns, near);
		for (ssize_t k = i + 1; k < count && found >= 0; k++) {
			struct tunnel_pair *grown;

			if (!near[t->devices[asked[k].device].netns] ||
				(!reaches(t, near, &asked[i], &asked[k]) &&
					!reaches(t, near, &asked[k], &asked[i])))
				continue;
			grown = reallocarray(*pairs, (size_t)found + 1, sizeof(*grown));
			if (!grown) {
				free(*pairs);
				*pairs = NULL;
				found = -ENOMEM;
				break;
			}
			*pairs = grown;
			grown[found++] = (struct tunnel_pair){asked[i].device, asked[k].device};
		}
	}
	wireguard_done_all(asked, count);
	return found;
}
