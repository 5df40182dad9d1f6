/* memory.h - what happens when there is no memory
 *
 *	memory_for(3);          the next three allocations of our code succeed, then none
 *	...                     what is tested
 *	memory_for(MEMORY_ENOUGH);
 *
 * Only calls from the code that is linked in are counted; libraries have theirs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_ENOUGH SIZE_MAX

void memory_for(size_t allocations);
