/* filter.h - the filters people know from tcpdump, as programs
 *
 *	"icmp and host 10.0.0.1"  --libpcap-->  classic BPF  --attach-->  a socket
 *
 * libpcap compiles the text for one link type, because "icmp" lies elsewhere
 * in an Ethernet frame than in the bare IP packet of a tun device.  Where one
 * socket sees devices of both kinds, filter_pair() joins the two programs: it
 * asks the kernel for the device's type and goes on with the right one.
 *
 * "vlan" needs care: the kernel takes the tag out of a frame before a socket
 * sees it.  Such a filter runs in user space, over the frame with its tag put
 * back (filter_needs_tag), and never in the kernel.
 *
 * A struct filter owns its program; a zeroed one matches everything.
 * Source: pcap-filter(7); Linux Documentation/networking/filter.rst.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pcap/pcap.h>

#include "base/error.h"

enum { FILTER_SNAPLEN = 262144 }; /* as tcpdump: whole frames */

struct filter {
	struct bpf_program program;
	bool needs_tag; /* sees the VLAN tag, so cannot run in the kernel */
};

/* filter_compile - text (NULL or "": everything) to a program
 *
 * link     DLT_EN10MB or DLT_RAW
 * snaplen  how many bytes of a matching frame are kept, at least 1
 *
 * What can never match a bare IP packet ("arp") compiles for DLT_RAW all the
 * same, to a program that matches nothing.  Host names in it are looked up,
 * which can take as long as the resolver does.
 * Returns 0, or -EINVAL with libpcap's words.
 */
int filter_compile(struct filter *f, const char *text, int link, uint32_t snaplen, struct error *e);
void filter_done(struct filter *f);

/* filter_pair - a program for a socket that sees Ethernet frames and bare IP packets
 *
 * Runs `ethernet` or `raw` by the type of the device.  On lo, where a packet
 * leaves and arrives, it refuses those that leave.  Returns 0; -ENOMEM;
 * -E2BIG when the two together pass the kernel's 4096 instructions.
 */
int filter_pair(struct filter *f, const struct filter *ethernet, const struct filter *raw);

/* filter_attach - let the kernel run it on a packet socket; 0 or -errno
 *
 * One that needs the tag is not attached: then everything arrives, and the
 * reader asks filter_matches().
 */
int filter_attach(const struct filter *f, int socket);

/* filter_matches - run it here, over a frame of which `caplen` of `len` bytes are at hand */
bool filter_matches(const struct filter *f, const void *frame, uint32_t caplen, uint32_t len);

/* filter_link - DLT_EN10MB or DLT_RAW for a device type (ARPHRD_*)
 *
 * -1 for a device whose frames are neither (infiniband, 802.11 monitors ...).
 */
int filter_link(int hatype);
