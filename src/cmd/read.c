/* warren read: be the process at the other end of a tun or tap, and show what comes out */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <jansson.h>

#include "base/scoped.h"
#include "cmd/commands.h"
#include "see/headers.h"

enum { PACKET = 65536, TEXT = 192, MAC_TEXT = 18 };

struct read {
	bool json;
	int64_t count;
	bool ethernet; /* a tap */
};

/* Attaches to the device as its process; it must be there, or the kernel would make it. */
static int attach(struct read *r, const char *name)
{
	static const short kinds[] = {
		IFF_TUN, IFF_TAP, IFF_TUN | IFF_MULTI_QUEUE, IFF_TAP | IFF_MULTI_QUEUE};
	SCOPED_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq request = {0};

	if (strlen(name) >= IFNAMSIZ || !if_nametoindex(name))
		return -ENODEV;
	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, name, strlen(name));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		request.ifr_flags = (short)(kinds[i] | IFF_NO_PI);
		r->ethernet = kinds[i] & IFF_TAP;
		if (!ioctl(fd, TUNSETIFF, &request))
			return keep(&fd);
		if (errno != EINVAL)
			return -errno;
	}
	return -EINVAL;
}

static int complain(const char *name, int err)
{
	const char *why = err == ENODEV	  ? "no such device in this namespace"
			  : err == EBUSY  ? "another process has it open"
			  : err == EINVAL ? "it is neither a tun nor a tap"
					  : strerror(err);

	fprintf(stderr, "warren read: %s: %s%s\n", name, why,
		err == EPERM || err == EACCES ? " (needs CAP_NET_ADMIN, or to be its owner)" : "");
	return EXIT_FAILED;
}

static void mac_text(char out[MAC_TEXT], const uint8_t *mac)
{
	snprintf(out, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
}

/* What a tun gives is a packet that begins with its IP header; what a tap gives, a frame. */
static void show(const struct read *r, const uint8_t *bytes, size_t n)
{
	char text[TEXT] = "", to[MAC_TEXT], from[MAC_TEXT];
	size_t header = r->ethernet ? ETH_HLEN : 0;
	uint16_t type = n && bytes[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
	json_t *o;

	if (n < header + 1)
		return;
	if (r->ethernet) {
		type = (uint16_t)(bytes[12] << 8 | bytes[13]);
		mac_text(to, bytes);
		mac_text(from, bytes + ETH_ALEN);
	}
	headers_text(text, sizeof(text), type, bytes + header, n - header);
	if (!r->json && r->ethernet)
		printf("%zu bytes: Ethernet %s > %s, %s\n", n, from, to, text);
	else if (!r->json)
		printf("%zu bytes: %s\n", n, text);
	if (r->json) {
		o = json_pack("{s:I, s:s}", "length", (json_int_t)n, "packet", text);
		if (r->ethernet)
			json_object_set_new(o, "ethernet",
				json_pack("{s:s, s:s, s:i}", "from", from, "to", to, "type", type));
		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
	}
	fflush(stdout);
}

static int read_run(const struct command *c, int argc, char **argv)
{
	static uint8_t packet[PACKET];
	struct read r = {0};
	int at = options_parse(c, &r, argc, argv);
	int64_t left;

	if (at < 0)
		return options_exit(at);

	SCOPED_FD int fd = attach(&r, argv[at]);

	if (fd < 0)
		return complain(argv[at], -fd);
	for (left = r.count; !r.count || left > 0; left--) {
		ssize_t n = read(fd, packet, sizeof(packet));

		if (n < 0 && errno == EBADFD)
			return complain(argv[at], ENODEV);
		if (n < 0)
			return complain(argv[at], errno);
		show(&r, packet, (size_t)n);
		if (ferror(stdout))
			return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static const struct option_row options[] = {
	{"count", 'c', "N", "end after N packets", OPTION_NUMBER, offsetof(struct read, count), 1,
		INT32_MAX},
	{"json", 0, NULL, "print JSON, one object a line", OPTION_FLAG, offsetof(struct read, json),
		0, 0},
	{0},
};

const struct command cmd_read = {
	.name = "read",
	.takes = "[-c N] [--json] DEVICE",
	.summary = "open a tun or tap as its process, show what comes out, answer nothing",
	.about =
		"The other end of a tun or tap device is a process: what the stack sends into the\n"
		"device, that process reads.  This is the smallest such process.  From a tun it reads\n"
		"packets that begin with their IP header, from a tap whole Ethernet frames.\n\n"
		"  ip tuntap add tun0 mode tun; ip addr add 10.8.0.1/24 dev tun0; ip link set tun0 up\n"
		"  warren read tun0 &  ping -c1 10.8.0.2",
	.options = options,
	.min = 1,
	.max = 1,
	.run = read_run,
};
