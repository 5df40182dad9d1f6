#include "tunnel/trouble.h"

#include <stddef.h>

static const struct {
	const char *name, *text;
} words[] = {[TROUBLE_NONE] = {"none", "no trouble"},
#define TROUBLE_WORDS(id, name, text) [TROUBLE_##id] = {name, text},
	TROUBLE_LIST(TROUBLE_WORDS)
#undef TROUBLE_WORDS
};

const char *trouble_name(enum trouble t)
{
	return words[t].name;
}

const char *trouble_text(enum trouble t)
{
	return words[t].text;
}
