/* Any bytes as a program's file: nothing beyond them is read, and places are inside the bounds
 * that the kernel's side relies on. */
#include <stdlib.h>
#include <string.h>

#include "see/usdt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct usdt_probe list[8];
	size_t count = usdt_read(data, size, "warren", list, 8);

	for (size_t i = 0; i < count; i++) {
		if (!memchr(list[i].name, 0, USDT_NAME) ||
			list[i].argument_count > STATION_ARGUMENTS || !list[i].at)
			abort();
		for (size_t k = 0; k < list[i].argument_count; k++)
			if (list[i].arguments[k].base > 31 * 8 ||
				list[i].arguments[k].index > 31 * 8 ||
				list[i].arguments[k].bytes > 8 || list[i].arguments[k].scale > 8)
				abort();
	}
	return 0;
}
