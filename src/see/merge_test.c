#include "see/merge.h"

#include "test.h"

TEST(the_oldest_comes_first_and_nothing_younger_than_the_limit)
{
	struct merge m = {0};
	struct merge_item x;

	CHECK(!merge_take(&m, 100, &x));
	CHECK(merge_add(&m, (struct merge_item){.time = 9}));
	CHECK(merge_add(&m, (struct merge_item){.time = 7}));
	CHECK(merge_add(&m, (struct merge_item){.time = 8}));
	CHECK(merge_take(&m, 8, &x) && x.time == 7);
	CHECK(merge_take(&m, 8, &x) && x.time == 8);
	CHECK(!merge_take(&m, 8, &x));
	CHECK(merge_take(&m, 9, &x) && x.time == 9);
	merge_done(&m);
}

/* The obvious model: the smallest (time, order) of a plain list. */
TEST(it_agrees_with_a_plain_list_on_random_times)
{
	enum { N = 3000 };
	static struct merge_item list[N];
	size_t count = 0;
	uint64_t order = 0;
	struct merge m = {0};

	for (int round = 0; round < 20000; round++) {
		struct merge_item x = {.time = (int64_t)dice(50)};
		size_t best = 0;
		int64_t limit = (int64_t)dice(50);

		if (count < N && dice(2)) {
			CHECK(merge_add(&m, x));
			x.order = order++;
			list[count++] = x;
			continue;
		}
		for (size_t i = 1; i < count; i++)
			if (list[i].time < list[best].time ||
				(list[i].time == list[best].time &&
					list[i].order < list[best].order))
				best = i;
		if (!count || list[best].time > limit) {
			CHECK(!merge_take(&m, limit, &x));
			continue;
		}
		CHECK(merge_take(&m, limit, &x));
		CHECK(x.time == list[best].time && x.order == list[best].order);
		list[best] = list[--count];
	}
	merge_done(&m);
}
