/* Any bytes from a tunnel's socket are a status or none, and can be told as metrics. */
#include <stdlib.h>

#include "tunnel/metrics.h"
#include "tunnel/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct status s;

	if (!status_parse(&s, (const char *)data, size)) {
		struct uapi_reply out = {0};
		const char *text;

		metrics_format(&out, "wg0", &s);
		for (size_t i = 0; i < s.peer_count; i++) {
			if (s.peers[i].allowed_ip + s.peers[i].allowed_ips > s.allowed_count)
				abort();
			status_reason(&s, &s.peers[i], &text);
		}
		uapi_reply_done(&out);
	}
	status_done(&s);
	return 0;
}
