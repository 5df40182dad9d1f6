#include "net/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/netlink.h"
#include "base/scoped.h"

/* Runs nft in the namespace with `in` as its standard input; *out is what it said. */
static int nft_run(int netns, char *const argv[], const char *in, char **out, struct error *e)
{
	SCOPED_FD int input = memfd_create("nft", MFD_CLOEXEC);
	SCOPED_FD int output = memfd_create("nft", MFD_CLOEXEC);
	size_t size = in ? strlen(in) : 0;
	int status;
	off_t end;
	pid_t pid;

	if (input < 0 || output < 0 || (size && write(input, in, size) != (ssize_t)size))
		return error_errno(e, errno, "nft");
	pid = fork();
	if (pid < 0)
		return error_errno(e, errno, "nft");
	if (!pid) {
		if (lseek(input, 0, SEEK_SET) < 0 || setns(netns, CLONE_NEWNET))
			_exit(126);
		dup2(input, STDIN_FILENO);
		dup2(output, STDOUT_FILENO);
		dup2(output, STDERR_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(e, errno, "nft");
	end = lseek(output, 0, SEEK_END);
	*out = calloc(1, (size_t)end + 1);
	if (!*out || pread(output, *out, (size_t)end, 0) != end)
		return error_errno(e, ENOMEM, "nft");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(e, ENOENT, "the program nft (package nftables) is not installed");
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EINVAL;
}

/* "/dev/stdin:3:5-9: Error: syntax error, ..." -> "line 3: syntax error, ..." */
static int complain(const char *said, struct error *e)
{
	const char *place = strstr(said, "/dev/stdin:");
	const char *words = strstr(said, "Error: ");
	unsigned line = place ? (unsigned)strtoul(place + strlen("/dev/stdin:"), NULL, 10) : 0;

	words = words ? words + strlen("Error: ") : said;
	if (line)
		return error_set(
			e, EINVAL, "line %u: %.*s (nft)", line, (int)strcspn(words, "\n"), words);
	return error_set(e, EINVAL, "%.*s (nft)", (int)strcspn(words, "\n"), words);
}

static int generation_attribute(const struct nlattr *a, void *arg)
{
	if (mnl_attr_get_type(a) == NFTA_GEN_ID && mnl_attr_get_payload_len(a) >= 4)
		*(uint32_t *)arg = ntohl(mnl_attr_get_u32(a));
	return MNL_CB_OK;
}

static int generation_read(const struct nlmsghdr *h, void *arg)
{
	mnl_attr_parse(h, sizeof(struct nfgenmsg), generation_attribute, arg);
	return 0;
}

static uint32_t generation(int netns)
{
	struct netlink nl = {0};
	uint32_t number = 0;
	struct message m;

	if (netlink_open(&nl, NETLINK_NETFILTER, netns))
		return 0;
	message_begin(&m, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0, sizeof(struct nfgenmsg));
	netlink_ask(&nl, &m, generation_read, &number, NULL);
	netlink_close(&nl);
	return number;
}

/* FNV-1a; 0 when there is nothing to list. */
static uint64_t listing_hash(int netns)
{
	char *const argv[] = {"nft", "-s", "list", "ruleset", NULL};
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	char *listing = NULL;

	if (nft_run(netns, argv, NULL, &listing, NULL))
		hash = 0;
	for (const char *at = hash ? listing : ""; *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
	free(listing);
	return hash;
}

int nft_load(int netns, const char *text, struct nft_mark *mark, struct error *e)
{
	char *const argv[] = {"nft", "-f", "-", NULL};
	SCOPED_FREE char *said = NULL, *whole = NULL;
	int err;

	/* On the first line, so that nft's line numbers are those of the text. */
	if (asprintf(&whole, "flush ruleset; %s\n", text ? text : "") < 0) {
		whole = NULL;
		return error_errno(e, ENOMEM, "nft");
	}
	err = nft_run(netns, argv, whole, &said, e);
	if (err == -EINVAL)
		return complain(said, e);
	if (!err)
		*mark = (struct nft_mark){generation(netns), listing_hash(netns)};
	return err;
}

bool nft_stands(int netns, const struct nft_mark *mark)
{
	return generation(netns) == mark->generation || listing_hash(netns) == mark->hash;
}

bool nft_parse(struct nft_mark *mark, const char *text)
{
	unsigned long long hash;
	unsigned number;

	if (sscanf(text, "%u %llx", &number, &hash) != 2)
		return false;
	*mark = (struct nft_mark){number, hash};
	return true;
}

void nft_format(char out[48], const struct nft_mark *mark)
{
	snprintf(out, 48, "%u %llx", mark->generation, (unsigned long long)mark->hash);
}
