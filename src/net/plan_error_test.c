/* Each wrong file, and the one line that says so. */
#include "net/plan.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

struct wrong {
	const char *text, *error;
};

static void check_wrong(const struct wrong *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct plan p = {0};
		struct error e = {0};

		CHECK(plan_parse(&p, "t", w[i].text, strlen(w[i].text), &e) < 0);
		CHECK_TEXT(e.text, w[i].error);
		CHECK(!p.arena); /* untouched */
	}
}

#define CHECK_WRONG(...)                                                                           \
	do {                                                                                       \
		static const struct wrong list[] = {__VA_ARGS__};                                  \
		check_wrong(list, sizeof(list) / sizeof(list[0]));                                 \
	} while (0)

TEST(broken_yaml_is_named_where_it_breaks)
{
	CHECK_WRONG({"", "t:1:1: found nothing, expected a network: `nodes:` and more"},
		{"# nothing\n", "t:1:1: found nothing, expected a network: `nodes:` and more"},
		{"~\n", "t:1:1: the file: found '~', expected a mapping with name, nodes, nets, links, tunnels, checks"},
		{"- a\n",
			"t:1:1: the file: found a list, expected a mapping with name, nodes, nets, links, tunnels, checks"},
		{"hello\n",
			"t:1:1: the file: found 'hello', expected a mapping with name, nodes, nets, links, tunnels, checks"},
		{"nodes:\n"
		 "\ta: {}\n",
			"t:2:1: found a tab, expected spaces as indentation"},
		{"nodes: {a\xff"
		 ": {}}\n",
			"t:1:10: found a byte that is no text (invalid leading UTF-8 octet), expected UTF-8"},
		{"nodes: {\"a\\0\": {}}\n",
			"t:1:9: found a NUL character in a text, expected none"},
		{"nodes: {a: {}}\n"
		 "---\n"
		 "nodes: {}\n",
			"t:2:1: found a second document, expected one network in a file"},
		{"nodes: &x {a: {}}\n",
			"t:1:8: found the anchor 'x', expected the value itself: there are no anchors here"},
		{"nodes: {a: {}, b: *x}\n",
			"t:1:19: found the alias 'x', expected the value itself: there are no aliases here"},
		{"nodes: !!map {a: {}}\n",
			"t:1:8: found the tag 'tag:yaml.org,2002:map', expected the value itself: there are no tags here"},
		{"nodes: {a: {}\n",
			"t:2:1: YAML: did not find expected ',' or '}' while parsing a flow mapping of line 1; texts with [ ] { } , or # need quotes there"},
		{"nodes:\n"
		 "  a: {}\n"
		 " b: {}\n",
			"t:3:2: YAML: did not find expected key while parsing a block mapping of line 1"},
		{"nodes:\n"
		 "  a: b: c\n",
			"t:2:7: found a ':' that YAML does not allow here, expected quotes around the text or a line of its own"},
		{"nodes:\n"
		 "  a: {}\n"
		 "  a: {}\n",
			"t:3:3: found 'a' a second time, expected it once (first in line 2)"},
		{"nodes: {a: {}}\n"
		 "checks:\n"
		 "  - {from: h[1-3], ping: 10.0.0.1}\n",
			"t:3:13: YAML: did not find expected ',' or '}' while parsing a flow mapping of line 3; texts with [ ] { } , or # need quotes there"},
		{"nodes: {\"a\\x01b\\nc\": {}}\n",
			"t:1:9: nodes: found 'a b c', expected a name of letters, digits, '_' and '-', at most 63 of them, or a range like h[1-20]"});
}

TEST(a_text_that_needs_quotes_is_pointed_at)
{
	CHECK_WRONG(
		{"nodes: {a: {routes: [::/0 via fd00::1]}}\n",
			"t:1:22: found ':', expected a value; a text that begins with it needs quotes"},
		{"nodes: {a: {devices: {x: %y}}}\n",
			"t:1:26: found '%', expected a value; a text that begins with it needs quotes"});
}

TEST(a_byte_order_mark_and_carriage_returns_are_nothing)
{
	struct plan p = {0};
	struct error e = {0};
	static const char text[] = "\xef\xbb\xbfnodes:\r\n  a: {}\r\n  b: {foo: 1}\r\n";

	CHECK(plan_parse(&p, "t", text, sizeof(text) - 1, &e) < 0);
	CHECK_TEXT(e.text,
		"t:3:7: unknown key 'foo' in a node, expected one of devices, routes, sysctl, nft, processes");
}

TEST(an_unknown_key_is_named_with_the_one_that_was_meant)
{
	CHECK_WRONG({"nodes:\n"
		     "  a:\n"
		     "    devices:\n"
		     "      e: {adress: 10.0.0.1/24}\n",
			    "t:4:11: unknown key 'adress' in a device; did you mean 'addr'?"},
		{"nodes:\n"
		 "  a:\n"
		 "    devcies: {}\n",
			"t:3:5: unknown key 'devcies' in a node; did you mean 'devices'?"},
		{"nodes: {}\n"
		 "foobar: 1\n",
			"t:2:1: unknown key 'foobar' in the file, expected one of name, nodes, nets, links, tunnels, checks"},
		{"Nodes: {}\n", "t:1:1: unknown key 'Nodes' in the file; did you mean 'nodes'?"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - {ends: [a:x, b:x], rate: 10mbit}\n",
			"t:3:24: unknown key 'rate' in a link; did you mean 'shape'?"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels:\n"
		 " - {ends: [a:t, b:t], presharedkey: yes}\n",
			"t:4:23: unknown key 'presharedkey' in a tunnel; did you mean 'psk'?"},
		{"nodes: {a: {xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: 1}}\n",
			"t:1:13: unknown key 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' in a node, expected one of devices, routes, sysctl, nft, processes"});
}

TEST(a_name_must_be_one_that_the_kernel_takes)
{
	CHECK_WRONG(
		{"nodes: {a.b: {}}\n",
			"t:1:9: nodes: found 'a.b', expected a name of letters, digits, '_' and '-', at most 63 of them, or a range like h[1-20]"},
		{"name: a.b\n"
		 "nodes: {}\n",
			"t:1:7: name: found 'a.b', expected a name of letters, digits, '_' and '-', at most 63 of them"},
		{"nodes: {a: {devices: {averyveryverylongname: 10.0.0.1/24}}}\n",
			"t:1:23: devices: found 'averyveryverylongname', expected the name of a device: at most 15 characters, no '/', ':' or space, or a range like p[1-4]"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 " - a:averyveryverylongname -- b:e\n",
			"t:3:4: found 'averyveryverylongname', expected the name of a device: at most 15 characters, no '/', ':' or space"});
}

TEST(a_node_or_device_that_is_not_there_is_named)
{
	CHECK_WRONG({"nodes: {a: {}, b: {}}\n"
		     "links:\n"
		     "  - a:e -- c:e\n",
			    "t:3:12: unknown node 'c', expected one of a, b"},
		{"nodes: {site-a: {}, site-b: {}}\n"
		 "links:\n"
		 "  - site-a:e -- site-bb:e\n",
			"t:3:17: unknown node 'site-bb'; did you mean 'site-b'?"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices:\n"
		 "      br0: {kind: bridge, ports: [p1]}\n",
			"t:4:35: unknown device 'p1' in node a, expected one of br0"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: a, ping: 10.9.0.2, seen: {device: q}}\n",
			"t:5:45: unknown device 'q' in node a, expected one of e, t"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: a, ping: q}\n",
			"t:5:20: unknown node 'q', expected one of a, b, c"},
		{"nodes: {a: {sysctl: {net.ipv4.conf.eth9.rp_filter: 1}}}\n",
			"t:1:22: unknown device 'eth9', and node a has none"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via 10.0.0.9 dev y\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:34: unknown device 'y' in node a, expected one of x"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices:\n"
		 "      x: 10.0.0.1/24\n",
			"t:4:7: found device a:x in no link, net or tunnel, expected one of them to name it, or 'kind'"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices:\n"
		 "      x: {ports: []}\n",
			"t:4:7: found device a:x in no link, net or tunnel, expected one of them to name it, or 'kind: bridge'"},
		{"nodes: {a: {devices: {eht0: 10.0.0.1/24}}, b: {}}\n"
		 "links: [a:eth0 -- b:eth0]\n",
			"t:1:23: found device a:eht0 in no link, net or tunnel; did you mean 'eth0'?"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices:\n"
		 "      x: {kind: veth}\n",
			"t:4:7: found the veth a:x in no link or net, expected one of them to be its cable"},
		{"name: x\n",
			"t:1:1: found the file without 'nodes', expected network namespaces by name"});
}

TEST(what_can_be_used_once_is_refused_a_second_time)
{
	CHECK_WRONG(
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - a:e -- b:e\n"
		 "  - a:e -- b:f\n",
			"t:4:5: found the end a:e a second time, expected it once (the link in line 3 has it)"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - a:e -- a:e\n",
			"t:3:12: found the end a:e a second time, expected it once (the link in line 3 has it)"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - a:e -- b:e\n"
		 "tunnels:\n"
		 "  - a:e == b:t\n",
			"t:5:5: found the end a:e a second time, expected it once (the link in line 3 has it)"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices:\n"
		 "      x: 10.0.0.1/24\n"
		 "      y: 10.0.0.1/16\n"
		 "  b: {}\n"
		 "links:\n"
		 "  - a:x -- b:x\n"
		 "  - a:y -- b:y\n",
			"t:5:10: found the address 10.0.0.1 a second time in node a, expected it once (first in line 4)"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels:\n"
		 " - a:t == b:t\n"
		 " - b:t == a:t\n",
			"t:5:4: found a second tunnel between the same two ends, expected one (first in line 4)"},
		{"nodes: {a: {}, b: {}}\n"
		 "tunnels: [a:t == a:t]\n",
			"t:2:18: found a:t at both ends, expected two devices"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via 10.0.0.2\n"
		 "      - 0.0.0.0/0 via 10.0.0.3\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:6:9: found a second route to the same prefix, expected another metric or table (first in line 5)"},
		{"nodes: {a: {sysctl: {net.ipv4.ip_forward: 1, net/ipv4/ip_forward: 1}}}\n",
			"t:1:46: found the sysctl 'net/ipv4/ip_forward' a second time, expected it once (first in line 1)"},
		{"nodes: {a: {devices: {b1: {kind: bridge, ports: x}, b2: {kind: bridge, ports: x}}}, b: {}}\n"
		 "links: [a:x -- b:x]\n",
			"t:1:79: found x as a port of b2, expected a free device: it is a port of b1"},
		{"nodes:\n"
		 "  h[1-3]: {}\n"
		 "  h2: {}\n",
			"t:3:3: found node 'h2' a second time, expected it once (first in line 2)"},
		{"nodes: {lan: {}}\n"
		 "nets:\n"
		 "  lan: {members: 'lan:eth0'}\n",
			"t:3:3: found node 'lan' a second time, expected it once (first in line 1)"},
		{"nodes:\n"
		 "  hub:\n"
		 "    devices: {e: 10.0.0.1/24, wg0: 10.9.0.1/24}\n"
		 "  a: {devices: {e: 10.0.0.2/24, wg0: 10.9.0.2/24}}\n"
		 "  b: {devices: {e: 10.0.0.3/24, wg0: 10.9.0.2/24}}\n"
		 "nets: {lan: {members: [hub:e, a:e, b:e]}}\n"
		 "tunnels: [hub:wg0 == a:wg0, hub:wg0 == b:wg0]\n",
			"t:7:40: found 10.9.0.2/32 as reached from hub:wg0 through two peers, expected one (the other in line 7)"});
}

TEST(a_value_is_refused_with_what_was_expected)
{
	CHECK_WRONG(
		{"nodes: {a: {devices: {x: 10.0.0.256/24}}}\n",
			"t:1:26: x: found '10.0.0.256/24', expected an address with its prefix length, like 10.0.0.1/24"},
		{"nodes: {a: {devices: {x: 10.0.0.1}}}\n",
			"t:1:26: x: found '10.0.0.1', expected an address with its prefix length, like 10.0.0.1/24"},
		{"nodes: {a: {devices: {x: 10.0.0.1/33}}}\n",
			"t:1:26: x: found '10.0.0.1/33', expected an address with its prefix length, like 10.0.0.1/24"},
		{"nodes: {a: {devices: {x: {mtu: big}}}}\n",
			"t:1:32: mtu: found 'big', expected a whole number from 68 to 65535"},
		{"nodes: {a: {devices: {x: {mtu: 70000}}}}\n",
			"t:1:32: mtu: found '70000', expected a whole number from 68 to 65535"},
		{"nodes: {a: {devices: {x: {up: maybe}}}}\n",
			"t:1:31: up: found 'maybe', expected yes or no"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices:\n"
		 "      x: {kind: brige}\n",
			"t:4:17: kind: found 'brige', expected veth, bridge, tun, tap, vxlan, macvlan, vlan, ifb or dummy; did you mean 'bridge'?"},
		{"nodes: {a: {devices: {v: {kind: dummy, mtu: }}}}\n",
			"t:1:45: mtu: found nothing, expected a whole number from 68 to 65535"},
		{"nodes: {a: {devices: {v: {kind: [dummy]}}}}\n",
			"t:1:33: kind: found a list, expected veth, bridge, tun, tap, vxlan, macvlan, vlan, ifb or dummy"},
		{"nodes: {a: {devices: {v: {kind: dummy, mac: 01:00:00:00:00:01}}}}\n",
			"t:1:45: mac: found '01:00:00:00:00:01', expected the MAC address of one device, like 02:00:00:00:00:01"},
		{"nodes: {a: {devices: {v: {kind: dummy, addr: 224.0.0.1/24}}}}\n",
			"t:1:46: found '224.0.0.1/24', expected an address that one device can have"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - {ends: [a:x, b:x], shape: {rate: fast}}\n",
			"t:3:38: rate: found 'fast', expected a rate, like 10mbit"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels:\n"
		 " - {ends: [a:t, b:t], listen_port: {a: 70000}}\n",
			"t:4:40: a: found '70000', expected a whole number from 1 to 65535"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels:\n"
		 " - {ends: [a:t, b:t], allowed: {a: 10.0.0.1/8}}\n",
			"t:4:36: a: found '10.0.0.1/8', expected a prefix without host bits, like 10.0.0.0/24"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels:\n"
		 " - {ends: [a:t, b:t], endpoint: {a: foo}}\n",
			"t:4:37: endpoint: found 'foo', expected ADDRESS:PORT, ADDRESS, or none"},
		{"nodes: {a: {devices: {v: {kind: vlan, id: 5000, dev: x}, x: {kind: dummy}}}}\n",
			"t:1:43: id: found 5000, expected a VLAN from 1 to 4094"},
		{"nodes: {a: {devices: {v: {kind: vxlan}}}}\n",
			"t:1:23: found the vxlan a:v without 'id', expected the network identifier"},
		{"nodes: {a: {processes: [{ready: x}]}}\n",
			"t:1:25: found a process without 'run', expected a command for the shell, in the node"},
		{"nodes: {'h[1-5]': {}}\n"
		 "nets:\n"
		 "  lan: {members: 'h[1-5]:eth0', prefix: 10.0.0.1/24}\n",
			"t:3:41: prefix: found '10.0.0.1/24', expected a prefix without host bits, like 10.0.0.0/24"});
}

TEST(a_device_must_fit_what_is_said_of_it)
{
	CHECK_WRONG(
		{"nodes:\n"
		 "  a:\n"
		 "    devices:\n"
		 "      br0: {kind: bridge, ports: [br1]}\n"
		 "      br1: {kind: bridge, ports: [br0]}\n",
			"t:4:35: found br1 as a port of br0, expected another device: a bridge cannot be a port of a bridge"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices:\n"
		 "      br0: {kind: bridge, ports: [br0]}\n",
			"t:4:35: found br0 as a port of br0, expected another device: a bridge cannot be a port of a bridge"},
		{"nodes: {a: {devices: {x: {master: y}, y: {}}}, b: {}}\n"
		 "links: [a:x -- b:x, a:y -- b:y]\n",
			"t:1:35: found y as the master of x, expected a bridge: it is a veth"},
		{"nodes: {a: {devices: {x: {ports: []}}}, b: {}}\n"
		 "links: [a:x -- b:x]\n",
			"t:1:27: found 'ports' for a:x, which is a veth, expected it for a bridge only"},
		{"nodes: {a: {devices: {x: {isolated: yes}}}, b: {}}\n"
		 "links: [a:x -- b:x]\n",
			"t:1:27: found 'isolated' for a:x, expected it for a port of a bridge only"},
		{"nodes: {a: {devices: {v: {kind: tun, mac: 02:00:00:00:00:01}}}}\n",
			"t:1:38: found 'mac' for a:v, which is a tun, expected it for a veth, bridge, tap, vxlan, macvlan, vlan, ifb or dummy only"},
		{"nodes: {a: {devices: {v: {kind: vlan, id: 5, dev: w}, w: {kind: vlan, id: 5, dev: v}}}}\n",
			"t:1:23: found a:v below itself, expected a device that stands on another"},
		{"nodes: {a: {devices: {v: {kind: dummy, mtu: 1000, addr: 'fd00::1/64'}}}}\n",
			"t:1:57: found fd00::1/64 on a device with an MTU of 1000, expected at least 1280 for IPv6"},
		{"nodes: {a: {devices: {lo: {kind: dummy}}}}\n",
			"t:1:34: found kind dummy for lo, expected none: it is the loopback"},
		{"nodes: {a: {}, b: {}}\n"
		 "links: [a:lo -- b:x]\n",
			"t:2:9: found lo as the end of a link, expected another name: lo is the loopback"});
}

TEST(a_route_is_read_as_ip_route_reads_it)
{
	CHECK_WRONG(
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - via 10.0.0.1\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:9: found 'via' in the route, expected a prefix, an address or default"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:9: found a route without a way, expected via or dev"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:9: found nothing behind via in the route, expected an address"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via 10.0.0.9 dev\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:9: found nothing behind dev in the route, expected a device"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default vai 10.0.0.9\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:17: unknown word 'vai' in the route; did you mean 'via'?"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - 10.0.0.1/8 via 10.0.0.9\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:9: found '10.0.0.1/8' in the route, expected 10.0.0.0/8: its prefix has no host bits"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - 10.1.0.0/33 via 10.0.0.9\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:9: found '10.1.0.0/33' in the route, expected a prefix, an address or default"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via 10.0.0.9 metric x\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:37: found 'x' behind metric in the route, expected a number up to 4294967295"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - blackhole 10.0.0.0/8 via 10.0.0.9\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:9: found via or dev in a route of type blackhole, expected none"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - 10.0.0.0/8 via 10.0.0.9 mtuu 3\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:33: unknown word 'mtuu' in the route; did you mean 'mtu'?"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - 10.3.0.0/16 nexthop via 10.0.0.8 nexthop\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:9: found nothing behind nexthop in the route, expected via or dev"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default dev e0\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:21: unknown device 'e0' in node a, expected one of x"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via 10.0.0.9 foo\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:30: unknown word 'foo' in the route, expected one of via, dev, onlink, src, metric, table, scope, proto, tos, mtu, advmss, nexthop"});
}

TEST(a_gateway_must_be_a_neighbour)
{
	CHECK_WRONG(
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via 10.9.9.9\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:21: found the gateway 10.9.9.9, expected one in a subnet of a: it has 10.0.0.1/24 on x"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via 10.0.0.1\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:21: found the gateway 10.0.0.1, which a has itself, expected a neighbour"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via fd00::1\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:21: found the gateway fd00::1, expected one in a subnet of a: it has 10.0.0.1/24 on x"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - fd00::/8 via 10.0.0.9\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:22: found the IPv4 gateway 10.0.0.9 for an IPv6 prefix, expected an IPv6 one"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - default via fe80::1\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:21: found the link-local gateway fe80::1 without dev, expected dev behind it"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - 10.3.0.0/16 dev x src 10.9.0.1\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:9: found src 10.9.0.1, expected an address of a and of the route's family"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - 10.0.0.0/8 via fd00::1 dev x\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:24: found the IPv6 gateway fd00::1 for an IPv4 prefix, expected an IPv4 one, or 'via inet6'"},
		{"nodes:\n"
		 "  a:\n"
		 "    devices: {x: 10.0.0.1/24}\n"
		 "    routes:\n"
		 "      - 10.1.0.0/16 via 10.0.0.9 onlink\n"
		 "  b: {}\n"
		 "links: [a:x -- b:x]\n",
			"t:5:25: found onlink without dev, expected dev as well"});
}

TEST(a_cable_or_tunnel_has_two_ends)
{
	CHECK_WRONG(
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - a:x - b:x\n",
			"t:3:5: found 'a:x - b:x', expected a cable: NODE:DEVICE -- NODE:DEVICE"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - a:x == b:x\n",
			"t:3:9: found '==', expected '--', as in a cable: NODE:DEVICE -- NODE:DEVICE"},
		{"nodes: {a: {}, b: {}}\n"
		 "tunnels:\n"
		 "  - a:x -- b:x\n",
			"t:3:9: found '--', expected '==', as in a tunnel: NODE:DEVICE == NODE:DEVICE"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - a -- b\n",
			"t:3:5: found 'a', expected an end: NODE:DEVICE"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - a:x -- b:x -- c:x\n",
			"t:3:5: found 'a:x -- b:x -- c:x', expected a cable: NODE:DEVICE -- NODE:DEVICE"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - {ends: [a:x]}\n",
			"t:3:12: found 1 ends, expected two: [NODE:DEVICE, NODE:DEVICE]"},
		{"nodes: {a: {}, b: {}}\n"
		 "links:\n"
		 "  - {mtu: 1500}\n",
			"t:3:5: found a link without 'ends', expected its two ends"},
		{"nodes: {a: {}, b: {}}\n"
		 "links: {a: b}\n",
			"t:2:8: links: found a mapping, expected a list of cables: NODE:DEVICE -- NODE:DEVICE"});
}

TEST(a_range_is_refused_when_it_names_nothing_or_too_much)
{
	CHECK_WRONG(
		{"nodes:\n"
		 "  h[5-1]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found the empty range 5-1 in 'h[5-1]', expected it to count up"},
		{"nodes:\n"
		 "  h[]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found 'h[]', expected numbers in the brackets, like h[1-20]"},
		{"nodes:\n"
		 "  h[1-: {}\n"
		 "  h2: {}\n",
			"t:2:3: found 'h[1-', expected numbers in the brackets, like h[1-20]"},
		{"nodes:\n"
		 "  h[1-3]]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found ']' without '[' in 'h[1-3]]'"},
		{"nodes:\n"
		 "  h[1,1]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found 1 twice in 'h[1,1]', expected each number once"},
		{"nodes:\n"
		 "  h[1-3,2]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found 2 twice in 'h[1-3,2]', expected each number once"},
		{"nodes:\n"
		 "  h[1-99999999]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found more than 16384 names in 'h[1-99999999]', expected fewer"},
		{"nodes:\n"
		 "  h[a-c]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found 'h[a-c]', expected numbers in the brackets, like h[1-20]"},
		{"nodes:\n"
		 "  h[1-70000]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found more than 16384 names in 'h[1-70000]', expected fewer"},
		{"nodes:\n"
		 "  h[1-2][1-10000]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found more than 16384 names in 'h[1-2][1-10000]', expected fewer"},
		{"nodes:\n"
		 "  h[99999999999]: {}\n"
		 "  h2: {}\n",
			"t:2:3: found 'h[99999999999]', expected numbers in the brackets, like h[1-20]"},
		{"nodes:\n"
		 "  n[1-16000]: {devices: {'d[1-16000]': {kind: dummy}}}\n",
			"t:2:26: found a network of more than 131072 objects, expected a smaller one"});
}

TEST(a_net_needs_members_and_room)
{
	CHECK_WRONG(
		{"nodes: {'h[1-5]': {}}\n"
		 "nets:\n"
		 "  lan: {members: 'h[1-5]:eth0', prefix: 10.0.0.0/30}\n",
			"t:3:41: found no free address in 10.0.0.0/30 for h3:eth0, expected a wider prefix"},
		{"nodes: {h: {}}\n"
		 "nets:\n"
		 "  lan: {members: 'lan:eth0'}\n",
			"t:3:18: found the net 'lan' as a member of a net, expected a node"},
		{"nodes: {h: {}}\n"
		 "nets:\n"
		 "  lan: {prefix: 10.0.0.0/24}\n",
			"t:3:8: found a net without 'members', expected the ends that share it"});
}

TEST(a_sysctl_is_one_that_each_node_has)
{
	CHECK_WRONG(
		{"nodes: {a: {sysctl: {kernel.hostname: x}}}\n",
			"t:1:22: found the sysctl 'kernel.hostname', expected one under net., as each node has it for itself"},
		{"nodes: {a: {sysctl: {net/ipv4/../../kernel/x: 1}}}\n",
			"t:1:22: found the sysctl 'net/ipv4/../../kernel/x', expected one under net., as each node has it for itself"},
		{"nodes: {a: {sysctl: {net.ipv4.ip_forward: }}}\n",
			"t:1:43: net.ipv4.ip_forward: found nothing, expected a text on one line"});
}

TEST(a_tunnel_must_be_possible)
{
	CHECK_WRONG(
		{"nodes: {a: {}, b: {}}\n"
		 "tunnels: [a:t == b:t]\n",
			"t:2:11: found a tunnel a:t == b:t that neither side can begin, expected an address outside of tunnels on one side, of a family that the other has, or `endpoint:`"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels:\n"
		 " - {ends: [a:t, b:t], allowed: {c: 10.0.0.0/8}}\n",
			"t:4:33: found 'c' for the tunnel a:t == b:t, expected one of its ends"},
		{"nodes:\n"
		 "  hub:\n"
		 "    devices: {e: 10.0.0.1/24, wg0: 10.9.0.1/24}\n"
		 "    routes: [10.5.0.0/16 dev wg0]\n"
		 "  a: {devices: {e: 10.0.0.2/24, wg0: 10.9.0.2/24}}\n"
		 "  b: {devices: {e: 10.0.0.3/24, wg0: 10.9.0.3/24}}\n"
		 "nets: {lan: {members: [hub:e, a:e, b:e]}}\n"
		 "tunnels: [hub:wg0 == a:wg0, hub:wg0 == b:wg0]\n",
			"t:4:14: found a route to hub:wg0, which has several peers, expected via one of them, or `allowed:` in its tunnels"});
}

TEST(a_check_has_one_probe_and_what_belongs_to_it)
{
	CHECK_WRONG(
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: a}\n",
			"t:5:4: found a check without a probe, expected ping, tcp, udp or run"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: a, ping: 10.9.0.2, tcp: 10.9.0.2}\n",
			"t:5:30: found both 'ping' and 'tcp' in a check, expected one of them"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: a, tcp: 10.9.0.2}\n",
			"t:5:4: found a check by tcp without 'port', expected one"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: a, ping: 10.9.0.2, expect: ok, cause: no-route}\n",
			"t:5:42: found 'cause' in a check that expects ok, expected it with fail only"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: x, ping: 10.9.0.2}\n",
			"t:5:11: unknown node 'x', expected one of a, b, c"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: a, ping: 10.9.0.2.3}\n",
			"t:5:20: ping: found '10.9.0.2.3', expected an address, NODE or NODE:DEVICE"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: a, ping: 10.9.0.2, expect: okay}\n",
			"t:5:38: expect: found 'okay', expected ok or fail; did you mean 'ok'?"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {ping: 10.9.0.2}\n",
			"t:5:4: found a check without 'from', expected the node that asks"},
		{"nodes: {a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}, b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}, c: {}}\n"
		 "links: [a:e -- b:e]\n"
		 "tunnels: [a:t == b:t]\n"
		 "checks:\n"
		 " - {from: a, ping: 10.9.0.2, seen: {device: e, count: lots}}\n",
			"t:5:55: count: found 'lots', expected how often, like 3, '>=1' or 2..4"});
}

TEST(a_nul_byte_and_deep_brackets_are_refused)
{
	static const char nul[] = "nodes: {a: {}}\0\n";
	static char deep[8 << 10];
	struct plan p = {0};
	struct error e = {0};

	CHECK(plan_parse(&p, "t", nul, sizeof(nul) - 1, &e) < 0);
	CHECK_TEXT(e.text, "t:1:15: found a NUL byte, expected text");
	memset(deep, '[', sizeof(deep));
	CHECK(plan_parse(&p, "t", deep, sizeof(deep), &e) < 0);
	CHECK_TEXT(e.text, "t:1:26: found more than 24 levels of nesting, expected a network");
}

TEST(a_file_without_a_usable_name_says_so)
{
	struct plan p = {0};
	struct error e = {0};

	CHECK(plan_parse(&p, "a b.yaml", "nodes: {}", 9, &e) < 0);
	CHECK_TEXT(e.text,
		"a b.yaml:1:1: found no 'name', and none can be made of the file's, expected name: and a "
		"name of letters, digits, '_' and '-'");
	CHECK(plan_load(&p, "/nonexistent/x.yaml", &e) == -2);
	CHECK_TEXT(e.text, "/nonexistent/x.yaml: No such file or directory");
}
