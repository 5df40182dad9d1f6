/* fake.h - topologies for tests, made of nothing
 *
 *	struct topology t = fake_begin("A", "B", NULL);
 *	int a0 = fake_device(&t, 0, "a0", DEVICE_VETH, "10.0.0.1/24");
 *	int b0 = fake_device(&t, 1, "b0", DEVICE_VETH, "10.0.0.2/24");
 *
 *	fake_cable(&t, a0, b0);
 *	...
 *	topology_free(&t);
 *
 * Namespaces come first, and devices namespace by namespace, as in a real one.
 */
#pragma once
#include "see/topology.h"

struct topology fake_begin(const char *name, ...) __attribute__((sentinel));
void fake_netns(struct topology *t, const char *name);

/* Up and with a carrier; address NULL: none.  Returns its index. */
int fake_device(struct topology *t, int netns, const char *name, enum device_kind kind,
	const char *address);
void fake_cable(struct topology *t, int a, int b);
void fake_port(struct topology *t, int port, int bridge);
void fake_lower(struct topology *t, int upper, int lower);
void fake_holder(struct topology *t, int device, int pid, const char *comm);
