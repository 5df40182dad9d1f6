/* symbol.h - the function of the kernel that a code address lies in
 *
 * Where the kernel runs programs on demand (5.14) it is asked itself, a few
 * microseconds a name; otherwise the first question reads /proc/kallsyms, some
 * fifty milliseconds.  Suffixes that a compiler has added are cut off:
 * ip_fragment.constprop.0 is ip_fragment.
 *
 * A zeroed struct has asked nothing yet.  One thread owns it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

struct symbol_bpf;
struct symbol;

enum { SYMBOL_NAME = 128, SYMBOLS_KNOWN = 64 };

struct symbols {
	bool asked; /* whether the kernel answers */
	struct symbol_bpf *bpf;
	struct {
		uint64_t location;
		char name[SYMBOL_NAME];
	} known[SYMBOLS_KNOWN];
	size_t known_count;
	char *text; /* /proc/kallsyms */
	struct symbol *list;
	size_t count;
};

/* symbols_name - "ip_rcv"; "" when unknown; stays valid until symbols_done()
 *
 * location  a return address: it lies behind the call
 */
const char *symbols_name(struct symbols *s, uint64_t location);

/* symbols_function - from a function's first byte to that of the next; reads /proc/kallsyms */
bool symbols_function(struct symbols *s, const char *name, __u64 *from, __u64 *to);
void symbols_done(struct symbols *s);

/* symbol_cut - cut "ip_fragment.constprop.0 [module]" to "ip_fragment"; an address is no name */
void symbol_cut(char *name);
