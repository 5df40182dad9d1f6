#include "see/filter.h"

#include <ctype.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Does the text use the word?  Names that merely contain it ("vlan0") do not count. */
static bool word_in(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += n) {
		bool begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
		bool ends = !(isalnum((unsigned char)at[n]) || at[n] == '_');

		if (begins && ends)
			return true;
	}
	return false;
}

static int text_compile(
	struct filter *f, const char *text, int link, uint32_t snaplen, struct error *e)
{
	struct filter made = {0};
	pcap_t *pcap;
	int err = 0;

	pcap = pcap_open_dead(link, (int)snaplen);
	if (!pcap)
		return -ENOMEM;
	if (pcap_compile(pcap, &made.program, text, 1, PCAP_NETMASK_UNKNOWN))
		err = error_set(e, EINVAL, "filter '%s': %s", text, pcap_geterr(pcap));
	pcap_close(pcap);
	if (err)
		return err;
	made.needs_tag = word_in(text, "vlan");
	*f = made;
	return 0;
}

static int nothing_compile(struct filter *f)
{
	struct bpf_insn *refuse = calloc(1, sizeof(*refuse));

	if (!refuse)
		return -ENOMEM;
	refuse->code = BPF_RET | BPF_K;
	*f = (struct filter){{1, refuse}, false};
	return 0;
}

int filter_compile(struct filter *f, const char *text, int link, uint32_t snaplen, struct error *e)
{
	struct filter frames = {0};
	int err = text_compile(f, text ? text : "", link, snaplen, e);

	/* libpcap refuses what can never match, such as "arp" for a tun. */
	if (err != -EINVAL || link != DLT_RAW ||
		text_compile(&frames, text, DLT_EN10MB, snaplen, NULL))
		return err;
	filter_done(&frames);
	if (e)
		*e = (struct error){0};
	return nothing_compile(f);
}

void filter_done(struct filter *f)
{
	free(f->program.bf_insns); /* libpcap's come from malloc too: pcap_freecode() frees them */
	*f = (struct filter){0};
}

/* Is every frame wanted, whole?  Then there is nothing to attach. */
static bool filter_is_empty(const struct filter *f)
{
	return !f->program.bf_len;
}

static struct bpf_insn load(int what)
{
	return (struct bpf_insn){BPF_LD | BPF_W | BPF_ABS, 0, 0, (u_int)(SKF_AD_OFF + what)};
}

int filter_pair(struct filter *f, const struct filter *ethernet, const struct filter *raw)
{
	u_int first = ethernet->program.bf_len, second = raw->program.bf_len;
	u_int n = 0, total = first + second + 8;
	struct bpf_insn *code;

	if (total > BPF_MAXINSNS)
		return -E2BIG;
	code = calloc(total, sizeof(*code));
	if (!code)
		return -ENOMEM;
	/* A jump on a condition reaches 255 instructions only; an unconditional one, all. */
	code[n++] = load(SKF_AD_HATYPE);
	code[n++] = (struct bpf_insn){BPF_JMP | BPF_JEQ | BPF_K, 5, 0, ARPHRD_ETHER};
	code[n++] = (struct bpf_insn){BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARPHRD_LOOPBACK};
	code[n++] = (struct bpf_insn){BPF_JMP | BPF_JA, 0, 0, 3 + first};
	code[n++] = load(SKF_AD_PKTTYPE);
	code[n++] = (struct bpf_insn){BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PACKET_OUTGOING};
	code[n++] = (struct bpf_insn){BPF_RET | BPF_K, 0, 0, 0};
	memcpy(code + n, ethernet->program.bf_insns, first * sizeof(*code));
	n += first;
	memcpy(code + n, raw->program.bf_insns, second * sizeof(*code));
	n += second;
	*f = (struct filter){{n, code}, ethernet->needs_tag || raw->needs_tag};
	return 0;
}

int filter_attach(const struct filter *f, int socket)
{
	struct sock_fprog program = {
		(unsigned short)f->program.bf_len, (struct sock_filter *)f->program.bf_insns};

	if (filter_is_empty(f) || f->needs_tag)
		return 0;
	if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
		return -errno;
	return 0;
}

bool filter_matches(const struct filter *f, const void *frame, uint32_t caplen, uint32_t len)
{
	return filter_is_empty(f) || bpf_filter(f->program.bf_insns, frame, len, caplen);
}

int filter_link(int hatype)
{
	switch (hatype) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return DLT_EN10MB;
	case ARPHRD_NONE: /* tun, wireguard */
	case ARPHRD_RAWIP:
	case ARPHRD_TUNNEL: /* ipip */
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return DLT_RAW;
	default:
		return -1;
	}
}
