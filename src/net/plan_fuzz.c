/* Any bytes are either a plan or one line of error. */
#include <stdlib.h>
#include <string.h>

#include "net/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t size)
{
	struct plan plan = {0};
	struct error e = {0};
	int err = plan_parse(&plan, "f", (const char *)text, size, &e);

	if (err && (strncmp(e.text, "f:", 2) != 0 || strchr(e.text, '\n')))
		abort();
	if (!err && e.text[0])
		abort();
	for (size_t i = 0; i < plan.link_count; i++)
		for (int j = 0; j < 2; j++) {
			const struct plan_end *end = &plan.links[i].ends[j];

			if (plan.nodes[end->node].devices[end->device].kind != KIND_VETH)
				abort();
		}
	plan_free(&plan);
	return 0;
}
