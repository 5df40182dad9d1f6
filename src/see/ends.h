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

/* nsid_ask - the number that namespace `in` has for namespace `other` (indexes), -1: none */
typedef int32_t nsid_ask(void *arg, int in, int other);

/* ends_find - fill `end` of every device; holders are not touched
 *
 * Returns 0 or -ENOMEM.
 */
int ends_find(struct topology *t, nsid_ask *ask, void *arg);
