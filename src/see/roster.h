/* roster.h - what to call a namespace that an event tells by its inode
 *
 * Names are read when first asked for, and again when an inode is unknown; for
 * one that nobody knows not more often than once a second.  One that nobody named is called after a
 * process that lives there
 * ("pid:812"), and where there is none "net:[4026532008]".
 *
 * One thread owns a struct roster; a zeroed one is empty.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/node.h"

struct roster {
	struct {
		uint32_t inode;
		char name[NODE_NAME];
	} * list;
	size_t count;
	int64_t read;	  /* clock_now() */
	uint32_t unknown; /* nobody had a name for this one then */
};

/* roster_name - never NULL; lasts until the next call */
const char *roster_name(struct roster *n, uint32_t inode, int64_t now);
void roster_done(struct roster *n);
