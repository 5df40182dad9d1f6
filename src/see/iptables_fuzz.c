/* Any text that a program called iptables-save could print, and a packet judged by it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "see/firewall.h"
#include "see/iptables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hooks[] = {"prerouting", "input", "forward", NULL};
	struct firewall_packet p = {
		.family = 4, .proto = 6, .has_ports = true, .second = 22, .iif = "a", .oif = "b"};
	struct firewall_verdict v;
	char *text = malloc(size + 1);
	json_t *rules;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	rules = json_pack("{s:o}", "nftables", iptables_parse(text, "ip", true));
	if (rules)
		firewall_judge(rules, &p, NULL, hooks, &v);
	json_decref(rules);
	free(text);
	return 0;
}
