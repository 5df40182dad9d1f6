/* ends.h - from the devices to their other ends
 *
 * A veth names its twin by (ifindex, number of a namespace), and each
 * namespace numbers the others for itself: 0 here and 0 there are different
 * ones, and ifindexes repeat.  Only the kernel can say which namespace a
 * number means; it is asked about the few that can be meant.
 *
 * Pure but for that question.
 */
#pragma once
#include "see/topology.h"

/* What the kernel is asked meanwhile; of namespaces that are indexes. */
struct end_questions {
	/* the number that namespace `in` has for namespace `other`, -1: none */
	int32_t (*number)(void *arg, int in, int other);
	/* the device with that ifindex in the namespace that `in` calls `number`; false: it does
	 * not say.  Devices are told apart by it where many namespaces have the same ifindexes;
	 * NULL: not to be asked */
	bool (*look)(void *arg, int in, int32_t number, uint32_t ifindex, struct device *d);
	void *arg;
};

/* ends_find - fill `end` of every device; holders are not touched
 *
 * Returns 0 or -ENOMEM.
 */
int ends_find(struct topology *t, const struct end_questions *ask);
