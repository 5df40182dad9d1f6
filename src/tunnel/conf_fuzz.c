/* Any bytes are a file or an error with a line. */
#include <stdlib.h>
#include <string.h>

#include "tunnel/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf c = {0};
	struct error e = {0};
	int err = conf_parse(&c, "f", (const char *)data, size, &e);

	if (err && strncmp(e.text, "f:", 2))
		abort();
	if (!err && e.text[0])
		abort();
	for (size_t i = 0; i < c.settings.peer_count; i++)
		if (c.settings.peers[i].allowed_ip + c.settings.peers[i].allowed_ips >
			c.settings.allowed_count)
			abort();
	conf_done(&c);
	return 0;
}
