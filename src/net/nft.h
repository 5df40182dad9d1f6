/* nft.h - the firewall of a node, loaded by the `nft` program
 *
 * The ruleset of a node is the text in the file, whole: loading empties what
 * was there and puts the new one in its place in one step, or changes nothing
 * when there is an error in it.
 *
 * Whether it is still in force is told by the kernel's generation number,
 * which counts changes, and, where that has moved, by a hash of what `nft`
 * lists.  Source: nft(8); linux/netfilter/nf_tables.h.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct nft_mark {
	uint32_t generation;
	uint64_t hash;
};

/* nft_load - make `text` the ruleset of the namespace; NULL empties it.  `mark` is of the new one
 */
int nft_load(int netns, const char *text, struct nft_mark *mark, struct error *e);

/* nft_stands - is the ruleset still the one of `mark`? */
bool nft_stands(int netns, const struct nft_mark *mark);

/* nft_parse, nft_format - a mark as text for the journal */
bool nft_parse(struct nft_mark *mark, const char *text);
void nft_format(char out[48], const struct nft_mark *mark);
