#include "see/pressure.h"

#include "test.h"

TEST(a_neighbour_table_has_one_number_of_entries_and_refusals_of_each_cpu)
{
	struct neighbour_table t;

	neighbour_table_parse("entries  allocs   destroys unresolved_discards table_fulls\n"
			      "0000000b 00001c4d 00001c8f 00000000            00000002\n"
			      "0000000b 00001cc1 00001c74 00000000            0000000a\n",
		&t);
	CHECK(t.entries == 11);
	CHECK(t.fulls == 12);
}

TEST(columns_are_found_by_their_names_and_missing_ones_are_zero)
{
	struct neighbour_table t = {1, 1};

	neighbour_table_parse("table_fulls  entries\n3 4", &t);
	CHECK(t.entries == 4 && t.fulls == 3);
	neighbour_table_parse("entries  allocs\n00000005 00000001\n", &t);
	CHECK(t.entries == 5 && t.fulls == 0);
	neighbour_table_parse("", &t);
	CHECK(t.entries == 0 && t.fulls == 0);
	neighbour_table_parse("entries", &t);
	CHECK(t.entries == 0 && t.fulls == 0);
	neighbour_table_parse("fulls table_fulls_of\n7 8\n", &t);
	CHECK(t.fulls == 0);
}

TEST(the_backlog_of_all_cpus_is_summed_up)
{
	CHECK(backlog_drops_parse("46866532 00593312 0000004e 00000000\n"
				  "46a174f4 00000001 0000005b 00000000\n") == 0x593313);
	CHECK(backlog_drops_parse("46866532") == 0);
	CHECK(backlog_drops_parse("") == 0);
	CHECK(backlog_drops_parse("\n\n1 2") == 2);
}
