/* describe.h - devices, their state and their ends, in the words that people read
 *
 * One place, so that `show`, `map` and a verdict say the same.  All functions
 * write a text without newline and return `out`.
 */
#pragma once
#include "see/topology.h"

enum { DESCRIBE_ADDRESS = 64, DESCRIBE_END = 160 };

/* "up", "no carrier", "down", and for a port that its bridge does not use "blocking" and the like
 */
const char *describe_state(const struct device *d);

/* "veth", "tun", "tap", "bridge" ...: the kernel's word, "physical" and "loopback" where it has
 * none */
const char *describe_kind(const struct device *d);

/* "10.0.0.1/24" */
char *describe_address(const struct address *a, char out[DESCRIBE_ADDRESS]);

/* "tentative", "duplicate" or "" */
const char *describe_trouble(const struct address *a);

/* "02:00:00:00:00:01", "" where there is none */
char *describe_mac(const struct device *d, char out[DESCRIBE_ADDRESS]);

/* ip is of `family`; "" when family is 0 */
char *describe_ip(uint8_t family, const uint8_t *ip, char out[DESCRIBE_ADDRESS]);

/* What is at the other end: "internet:a", "warren (pid 812)", "the wire: virtio_net, 10 Gbit/s" */
char *describe_end(const struct topology *t, const struct device *d, char out[DESCRIBE_END]);

/* "passthru", "bridge", "private", "vepa", "source" of a macvlan, else "" */
const char *describe_macvlan_mode(const struct device *d);

/* The VLANs of a bridge's port, as `bridge vlan` has them: "1 pvid untagged, 10-20"; cut when long
 */
char *describe_vlans(const struct device *d, char out[DESCRIBE_END]);

/* The word for an end's type in JSON: "device", "process", ... */
const char *describe_end_type(enum end_type type);

/* "forwarding", "blocking" ...: a bridge's word for the state of a port */
const char *describe_port_state(uint8_t state);

/* describe_plain - names of devices and nodes may be any bytes: what is no printable character of
 * UTF-8 becomes '?', in place */
void describe_plain(char *text);

/* A number with three figures and a unit: 0, 999, "1.2k", "56M", "1.0G"; 1000 a step */
char *describe_quantity(double value, char out[16]);
