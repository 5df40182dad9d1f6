#include <string.h>

#include "drop.h"
#include "test.h"

TEST(every_reason_has_a_name_of_its_own_and_a_sentence)
{
	for (enum drop a = DROP_NONE + 1; a < DROP_REASONS; a++) {
		CHECK(drop_counter(a) != 0);
		CHECK(strlen(drop_name(a)) > 2 && strlen(drop_text(a)) > 10);
		for (enum drop b = DROP_NONE + 1; b < a; b++)
			CHECK(strcmp(drop_name(a), drop_name(b)) != 0);
	}
}

TEST(the_total_is_the_sum_of_the_reasons)
{
	struct drops d = {0};

	drop_count(&d, DROP_NO_PEER, 2);
	drop_count(&d, DROP_REPLAYED, 5);
	drop_count(&d, DROP_REPLAYED, 1);
	CHECK(drop_read(&d, DROP_REPLAYED) == 6);
	CHECK(drops_total(&d) == 8);
}
