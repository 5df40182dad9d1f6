/* Any bytes from the network are an ICMP error about a datagram of ours, or nothing. */
#include <stdlib.h>
#include <string.h>

#include "tunnel/path_error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int family = size && data[0] & 1 ? AF_INET : AF_INET6;
	union address to = {0};
	uint8_t *copy;
	int error;

	if (!size)
		return 0;
	copy = malloc(size - 1 ? size - 1 : 1); /* exactly as long, for the sanitizer */
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	error = path_error_parse(family, copy, size - 1, 51820, &to);
	if (error < 0 || (error && to.sa.sa_family != family))
		abort();
	free(copy);
	return 0;
}
