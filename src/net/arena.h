/* arena.h - many small things that end together
 *
 * What a file becomes is made of thousands of names and arrays that all live
 * exactly as long as the plan.  They come from one arena and are never given
 * back one by one.  What comes is zeroed.  A program that has no memory left for
 * a few names has nothing sensible left to do: then it aborts.
 */
#pragma once
#include <stddef.h>

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine */

/* arena_get - `size` zeroed bytes, aligned for anything */
void *arena_get(struct arena *a, size_t size);

/* arena_copy - `size` bytes and a NUL behind them */
char *arena_copy(struct arena *a, const char *text, size_t size);
char *arena_text(struct arena *a, const char *text);
char *arena_print(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* arena_grow - see ARENA_PUSH; the array with room for one more, perhaps elsewhere */
void *arena_grow(struct arena *a, void *array, size_t count, size_t size);

/* ARENA_PUSH - one more element behind an array of `count`: a pointer to it, zeroed
 *
 * The array may move: keep indexes, not pointers, while it grows.
 */
#define ARENA_PUSH(a, array, count)                                                                \
	((array) = arena_grow((a), (array), (count), sizeof(*(array))), &(array)[(count)++])
