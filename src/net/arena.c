#include "net/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 << 10, ALIGN = 16 };

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(ALIGN) uint8_t bytes[];
};

struct arena {
	struct block *blocks;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct arena *arena_new(void)
{
	return must(calloc(1, sizeof(struct arena)));
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

void *arena_get(struct arena *a, size_t size)
{
	size_t want = (size + ALIGN - 1) / ALIGN * ALIGN;
	struct block *b = a->blocks;

	if (want < size)
		abort();
	if (!b || b->size - b->used < want) {
		size_t room = want > BLOCK ? want : BLOCK;

		b = must(calloc(1, sizeof(*b) + room));
		b->size = room;
		b->next = a->blocks;
		a->blocks = b;
	}
	b->used += want;
	return b->bytes + b->used - want;
}

char *arena_copy(struct arena *a, const char *text, size_t size)
{
	return memcpy(arena_get(a, size + 1), text, size);
}

char *arena_text(struct arena *a, const char *text)
{
	return arena_copy(a, text, strlen(text));
}

char *arena_print(struct arena *a, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = arena_get(a, (size_t)n + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}

void *arena_grow(struct arena *a, void *array, size_t count, size_t size)
{
	/* Full at 0, 1, 2, 4, 8, ...: the count alone tells when to move. */
	bool full = (count & (count - 1)) == 0;
	void *bigger;

	if (!full)
		return array;
	bigger = arena_get(a, (count ? 2 * count : 1) * size);
	if (count)
		memcpy(bigger, array, count * size);
	return bigger;
}
