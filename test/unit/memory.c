#include "memory.h"

#include <stdatomic.h>
#include <stdlib.h>

static _Atomic size_t left = MEMORY_ENOUGH;

void memory_for(size_t allocations)
{
	atomic_store(&left, allocations);
}

static bool is_granted(void)
{
	size_t n = atomic_load(&left);

	if (n == MEMORY_ENOUGH)
		return true;
	while (n && !atomic_compare_exchange_weak(&left, &n, n - 1))
		;
	return n;
}

/* The linker's --wrap sends each call from our own code here. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
	return is_granted() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_granted() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
	return is_granted() ? __real_realloc(old, size) : NULL;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return is_granted() ? __real_aligned_alloc(alignment, size) : NULL;
}
