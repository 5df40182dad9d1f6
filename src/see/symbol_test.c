#include "see/symbol.h"

#include <string.h>

#include "test.h"

static const char *cut(const char *text)
{
	static char name[SYMBOL_NAME];

	memset(name, 0, sizeof(name));
	memcpy(name, text, strlen(text));
	symbol_cut(name);
	return name;
}

TEST(a_function_is_called_without_what_a_compiler_or_a_module_adds)
{
	CHECK(!strcmp(cut("ip_rcv"), "ip_rcv"));
	CHECK(!strcmp(cut("ip_fragment.constprop.0"), "ip_fragment"));
	CHECK(!strcmp(cut("vxlan_rcv [vxlan]"), "vxlan_rcv"));
	CHECK(!strcmp(cut("nft_do_chain+0x12/0x200"), "nft_do_chain"));
}

TEST(an_address_is_no_name)
{
	CHECK(!strcmp(cut("0xffffffff81000000"), ""));
	CHECK(!strcmp(cut(""), ""));
}
