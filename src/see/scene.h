/* scene.h - what the rules have in common: places, names, commands, walks
 *
 * Commands that are printed can be pasted: scene_ip() gives "ip -n A" for a
 * named namespace, "ip" for the host's, and "nsenter -t PID -n ip" for one
 * without a name.
 */
#pragma once
#include "see/diagnose.h"

enum { COMMAND_PREFIX = 160 };

/* scene_ip - "ip -n A"; scene_exec - "ip netns exec A " with a space behind, or "" */
const char *scene_ip(const struct scene *s, int netns, char out[COMMAND_PREFIX]);
const char *scene_exec(const struct scene *s, int netns, char out[COMMAND_PREFIX]);
/* scene_tool - "bridge -n A", "tc -n A": programs that take -n as ip does */
const char *scene_tool(
	const struct scene *s, int netns, const char *tool, char out[COMMAND_PREFIX]);

const char *scene_name(const struct scene *s, int netns); /* "A" */
int scene_fd(const struct scene *s, int netns);

/* scene_conf4 - net.ipv4.conf.DEVICE.KEY; scene_conf4_max - the value in force for many switches:
 * the greater of all and device */
long scene_conf4(const struct scene *s, int netns, const char *device, const char *key);
long scene_conf4_max(const struct scene *s, int netns, const char *device, const char *key);

/* scene_at - the place of the verdict */
void scene_at(struct scene *s, int netns, const char *device);
/* scene_why - the sentence */
void scene_why(struct scene *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The deciding event, and its place; TOPOLOGY_NONE when the snapshot does not know it. */
const struct seen *scene_seen(const struct scene *s); /* NULL: none */
int scene_netns(const struct scene *s, const struct seen *n);
int scene_device(const struct scene *s, const struct seen *n);

/* Addresses. */
bool scene_address_equal(uint8_t family, const uint8_t *a, const uint8_t *b);
bool address_covers(const struct address *a, uint8_t family, const uint8_t *ip);
uint8_t address_family(const struct address *a); /* 4 or 6 */
/* scene_owner - as topology_owner(), of the namespaces that the asker's packets can come to: the
 * same address elsewhere on the machine is another network's affair */
int scene_owner(const struct scene *s, uint8_t family, const void *ip, int after);
/* scene_covering - the device of `netns` with an address whose prefix covers ip, or NONE;
 * *with is that address */
int scene_covering(const struct scene *s, int netns, uint8_t family, const uint8_t *ip,
	const struct address **with);
/* scene_is_local - does the namespace have the address; the device index, or NONE */
int scene_is_local(const struct scene *s, int netns, uint8_t family, const uint8_t *ip);
/* prefix_holds - does "10.0.0.0/8" (or a plain address, or "default") hold the address */
bool prefix_holds(const char *text, uint8_t family, const uint8_t *ip);
/* prefix_text - "10.0.2.0/24" */
const char *prefix_text(char out[64], uint8_t family, const uint8_t *ip, unsigned int length);

/* scene_segment - the devices of the segment that `device` is on; flags, free() them
 *
 * *open  out: something on it leads where we cannot see (a wire, a process, a closed namespace)
 */
bool *scene_segment(const struct scene *s, int device, enum segment_walk walk, bool *open);

/* scene_underlay - the tunnel that had no way for its datagram, when it ended there; else NULL
 *
 * Then scene_packet() is the datagram that was to be, and scene_router() the namespace that was
 * to send it: that of the underlay.
 */
const struct device *scene_underlay(const struct scene *s);

/* scene_router - where the packet was to be routed when it ended; *iif: the device it had come in
 * by, 0 for the node's own */
int scene_router(const struct scene *s, uint32_t *iif);

/* scene_leg - "the request", "the answer" */
const char *scene_leg(const struct scene *s);

/* scene_packet - the addresses of the packet whose journey ended, as it was last seen (or as the
 * probe would have been sent); for an answer that was not seen, the request's turned round */
struct packet_view {
	uint8_t family;
	uint8_t source[16], destination[16];
	uint8_t proto; /* IPPROTO_* */
	uint16_t first, second;
	uint32_t length;
	uint8_t icmp_type;
};
void scene_packet(const struct scene *s, struct packet_view *p);
void scene_turn(struct packet_view *p); /* into the answer to it */

/* scene_route - what the namespace would do with that packet; iif 0: its own */
bool scene_route(const struct scene *s, int netns, const struct packet_view *p, uint32_t iif,
	struct route_reply *r);

/* scene_way - how `netns` could reach ip, as `ip route` writes it: "dev r2" where it is on the
 * link, "via 10.0.9.2" where a neighbour leads there; false when neither was found */
enum { WAY_TEXT = 64 };
bool scene_way(
	const struct scene *s, int netns, uint8_t family, const uint8_t *ip, char out[WAY_TEXT]);

/* scene_prefix_length - of the prefix that goes with an address: its owner's */
unsigned int scene_prefix_length(
	const struct scene *s, int netns, uint8_t family, const uint8_t *ip);

/* scene_suggest_route - print the command that gives `netns` a route to ip: over a neighbour that
 * can reach it; false when no such neighbour was found */
bool scene_suggest_route(struct scene *s, int netns, uint8_t family, const uint8_t *ip);

/* firewall_drops_bridged - would the rules drop the packet if bridged packets were not handed to
 * the IP chains (causes_firewall.c) */
bool firewall_drops_bridged(const struct scene *s);

/* firewall_writes - does a rule of the node write this address (NULL: a checksum) into packets;
 * says which, and how to remove it */
bool firewall_writes(struct scene *s, int netns, const char *address);
