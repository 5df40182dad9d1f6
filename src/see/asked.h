/* asked.h - an ARP or ND question that nobody answered: who should have, and did he hear it
 *
 *	asker --question--> segment --> owner: heard? --> told? --> asker
 *
 * A question that the owner of the address has not heard was lost on the
 * segment (causes_bridge.c); one that he heard, his own settings keep him from
 * answering (causes_owner.c, causes_arp.c); an answer that he gave was lost on the way back.
 */
#pragma once
#include "see/scene.h"

struct asked {
	int netns, device;	  /* who asks, on which device */
	int owner;		  /* device with the address, best guess; NONE: nobody in reach */
	const struct seen *heard; /* the question's arrival in the owner's namespace; NULL: none */
	int heard_device;
	bool told; /* the owner has sent an answer */
};

/* asked_find - of an ending ENDING_UNRESOLVED; false when it is none or its place is unknown */
bool asked_find(const struct scene *s, struct asked *a);

/* cable_path - the devices on the way between two, over cables, bridges and overlays
 *
 * path  out: indices, from first; room for `room`
 *
 * Returns how many, 0 when no way was found.
 */
size_t cable_path(const struct topology *t, int from, int to, int *path, size_t room);
