/* Any bytes, of each EtherType that is decoded: two bytes of type, then the packet. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "see/headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[192], tiny[3];
	struct headers h, quoted;
	uint16_t type;
	uint8_t *copy;

	if (size < 2)
		return 0;
	type = (uint16_t)(data[0] << 8 | data[1]);
	size -= 2;
	copy = malloc(size ? size : 1); /* of the exact size, so that ASan sees one byte too far */
	if (!copy)
		return 0;
	memcpy(copy, data + 2, size);
	headers_text(line, sizeof(line), type, copy, size);
	headers_text(tiny, sizeof(tiny), type, copy, size);
	if (strlen(line) >= sizeof(line) || strlen(tiny) >= sizeof(tiny))
		abort();
	headers_innermost(&h, type, copy, size);
	if (headers_decode(&h, type, copy, size)) {
		if (h.inner_type && h.inner >= size)
			abort();
		headers_quoted(&quoted, &h, copy, size);
	}
	free(copy);
	return 0;
}
