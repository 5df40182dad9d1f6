/* Any bytes, in any pieces, are a sequence of requests; what one accepts can be told again. */
#include <stdlib.h>

#include "tunnel/uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct uapi_request r = {0};
	size_t piece = size ? 1 + data[0] : 1;

	for (size_t at = 1; at < size;) {
		size_t n = size - at < piece ? size - at : piece, taken;

		if (uapi_request_feed(&r, (const char *)data + at, n, &taken)) {
			struct uapi_reply reply = {0};

			for (size_t i = 0; i < r.settings.allowed_count; i++)
				uapi_reply_allowed_ip(&reply, &r.settings.allowed_ips[i].prefix);
			uapi_reply_end(&reply, r.error);
			uapi_reply_done(&reply);
			uapi_request_done(&r);
		} else if (taken != n) {
			abort();
		}
		at += taken;
	}
	uapi_request_done(&r);
	return 0;
}
