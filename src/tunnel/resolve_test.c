#include "tunnel/resolve.h"

#include "test.h"

TEST(the_addresses_of_a_name_are_tried_in_turn)
{
	union address list[3], last = {0};

	CHECK(address_parse(&list[0], "[2001:db8::1]:5"));
	CHECK(address_parse(&list[1], "10.0.0.1:5"));
	CHECK(address_parse(&list[2], "10.0.0.2:5"));
	CHECK(resolve_pick(list, 3, &last) == 0);
	CHECK(resolve_pick(list, 3, &list[0]) == 1);
	CHECK(resolve_pick(list, 3, &list[1]) == 2);
	CHECK(resolve_pick(list, 3, &list[2]) == 0);
	CHECK(address_parse(&last, "10.0.0.9:5")); /* it is not among them any more */
	CHECK(resolve_pick(list, 3, &last) == 0);
	CHECK(resolve_pick(list, 1, &list[0]) == 0);
}
