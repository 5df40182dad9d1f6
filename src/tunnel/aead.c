#include "tunnel/aead.h"

#include <stdlib.h>
#include <string.h>

#include "tunnel/aead_kinds.h"

struct aead {
	const struct aead_kind *kind;
	void *memory;
};

/* Best first. */
static const struct aead_kind *const families[] = {
	aead_avx512,
#ifdef HAVE_IPSEC_MB
	aead_ipsec_mb,
#endif
	aead_openssl,
};
enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

static const struct aead_kind *usable_kind(unsigned i)
{
	for (int f = 0; f < FAMILIES; f++)
		for (const struct aead_kind *k = families[f]; k->name; k++)
			if (k->usable() && i-- == 0)
				return k;
	return NULL;
}

/* "ipsec-mb" names "ipsec-mb-avx512" too: the first usable one that begins so. */
static bool is_called(const struct aead_kind *k, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(k->name, name, n) && (k->name[n] == '\0' || k->name[n] == '-');
}

const char *aead_kind(unsigned i)
{
	const struct aead_kind *k = usable_kind(i);

	return k ? k->name : NULL;
}

const char *aead_kind_best(void)
{
	return aead_kind(0);
}

static const struct aead_kind *find(const char *name)
{
	const struct aead_kind *k;

	for (unsigned i = 0; (k = usable_kind(i)); i++)
		if (!name || is_called(k, name))
			return k;
	return NULL;
}

bool aead_has(const char *name)
{
	return find(name);
}

struct aead *aead_new(const char *name)
{
	const struct aead_kind *k = find(name);
	struct aead *a;

	if (!k || !(a = malloc(sizeof(*a))))
		return NULL;
	*a = (struct aead){.kind = k, .memory = k->init(k)};
	if (!a->memory) {
		free(a);
		return NULL;
	}
	return a;
}

void aead_free(struct aead *a)
{
	if (!a)
		return;
	a->kind->done(a->memory);
	free(a);
}

void aead_seal(struct aead *a, struct aead_job *jobs, size_t n)
{
	a->kind->seal(a->memory, jobs, n);
}

void aead_open(struct aead *a, struct aead_job *jobs, size_t n)
{
	a->kind->open(a->memory, jobs, n);
}
