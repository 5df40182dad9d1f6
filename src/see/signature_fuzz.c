/* Any bytes as a packet of either link type: nothing beyond them is read, and the result is
 * the same each time. */
#include <stdlib.h>

#include <pcap/dlt.h>

#include "see/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int link;

	if (size < 1 || size > 65536)
		return 0;
	link = data[0] & 1 ? DLT_EN10MB : DLT_RAW;
	struct signature a = signature_read(data + 1, (uint32_t)size - 1, link);
	struct signature b = signature_read(data + 1, (uint32_t)size - 1, link);

	if (a.whole != b.whole || a.loose != b.loose || a.from != b.from || a.life != b.life)
		abort();
	return 0;
}
