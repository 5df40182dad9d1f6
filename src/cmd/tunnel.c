/* warren tunnel: the encrypted tunnel as a daemon, speaking WireGuard's
 * protocol */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/tunnel_status.h"
#include "tunnel/aead.h"
#include "tunnel/parent.h"
#include "tunnel/worker.h"

struct tunnel {
	bool foreground;
	const char *file;
	int64_t ready_fd;
	const char *log_level;
	const char *offload, *crypto;
	int64_t threads;
	const char *metrics;
	bool json;
};

static const struct option_row options[] = {
	{"foreground", 'f', NULL, "stay in the foreground, log to stderr", OPTION_FLAG,
		offsetof(struct tunnel, foreground), 0, 0},
	{"config", 'c', "FILE", "read keys, peers, addresses from FILE, in wg-quick's format",
		OPTION_TEXT, offsetof(struct tunnel, file), 0, 0},
	{"ready-fd", 0, "N", "write a newline to descriptor N once it is ready", OPTION_NUMBER,
		offsetof(struct tunnel, ready_fd), 0, 65535},
	{"log-level", 0, "LEVEL", "error, warning, info or debug (also: LOG_LEVEL)", OPTION_TEXT,
		offsetof(struct tunnel, log_level), 0, 0},
	{"offload", 0, "auto|off",
		"exchange superframes with the device where the kernel can; off: never",
		OPTION_TEXT, offsetof(struct tunnel, offload), 0, 0},
	{"crypto", 0, "KIND", "openssl, ipsec-mb-sse, ... instead of the fastest of this machine",
		OPTION_TEXT, offsetof(struct tunnel, crypto), 0, 0},
	{"threads", 0, "N",
		"that carry packets: so many, half of them each way, instead of as load demands",
		OPTION_NUMBER, offsetof(struct tunnel, threads), 1, WORKER_THREADS},
	{"metrics", 0, "WHERE",
		"serve counters for Prometheus at 127.0.0.1:PORT or a socket's PATH", OPTION_TEXT,
		offsetof(struct tunnel, metrics), 0, 0},
	{"json", 0, NULL, "status: print JSON", OPTION_FLAG, offsetof(struct tunnel, json), 0, 0},
	{0},
};

static bool log_level_parse(enum log_level *out, const char *text)
{
	static const struct {
		const char *name;
		enum log_level level;
	} names[] = {
		{"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING},
		{"info", LOG_LEVEL_INFO}, {"debug", LOG_LEVEL_DEBUG},
		{"verbose", LOG_LEVEL_DEBUG}, /* what wireguard-go calls it */
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcasecmp(names[i].name, text))
			continue;
		*out = names[i].level;
		return true;
	}
	return false;
}

static int tunnel_serve(const struct tunnel *t, const char *name)
{
	struct parent_options o = {.name = name, .file = t->file, .metrics = t->metrics};
	enum log_level level = LOG_LEVEL_WARNING;
	const char *foreground = getenv("WG_PROCESS_FOREGROUND");
	struct error e = {0};

	if (!parent_name_check(name)) {
		fprintf(stderr,
			"warren tunnel: '%s': expected the name of a device, 1 to 15 letters, "
			"digits or any of _=+.-\n",
			name);
		return EXIT_USAGE;
	}
	if (t->log_level && !log_level_parse(&level, t->log_level)) {
		fprintf(stderr,
			"warren tunnel: --log-level '%s': expected error, warning, info or "
			"debug\n",
			t->log_level);
		return EXIT_USAGE;
	}
	if (t->offload && strcmp(t->offload, "auto") && strcmp(t->offload, "off")) {
		fprintf(stderr, "warren tunnel: --offload '%s': expected auto or off\n",
			t->offload);
		return EXIT_USAGE;
	}
	if (!aead_has(t->crypto)) {
		fprintf(stderr, "warren tunnel: --crypto '%s': this machine has", t->crypto);
		for (unsigned i = 0; aead_kind(i); i++)
			fprintf(stderr, " %s", aead_kind(i));
		fprintf(stderr, "\n");
		return EXIT_USAGE;
	}
	o.no_offload = t->offload && !strcmp(t->offload, "off");
	o.crypto = t->crypto;
	o.threads = (unsigned)t->threads;
	o.daemon.foreground = t->foreground || (foreground && !strcmp(foreground, "1"));
	o.daemon.ready_fd = (int)t->ready_fd;
	o.daemon.quiet = !t->log_level && !getenv("LOG_LEVEL");
	if (!t->log_level && getenv("LOG_LEVEL"))
		log_level_parse(&level, getenv("LOG_LEVEL"));
	else if (!t->log_level && o.daemon.foreground)
		level = LOG_LEVEL_INFO;
	log_open(name, level);
	if (parent_run(&o, &e)) {
		fprintf(stderr, "warren tunnel: %s\n", e.text);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static int tunnel_run(const struct command *c, int argc, char **argv)
{
	struct tunnel t = {.ready_fd = -1};
	int at = options_parse(c, &t, argc, argv);

	if (at < 0)
		return options_exit(at);
	if (!strcmp(argv[at], "status"))
		return tunnel_status_run(argc - at > 1 ? argv[at + 1] : NULL, t.json);
	if (argc - at > 1) {
		fprintf(stderr, "warren tunnel: '%s': expected one device\n", argv[at + 1]);
		return EXIT_USAGE;
	}
	return tunnel_serve(&t, argv[at]);
}

const struct command cmd_tunnel = {
	.name = "tunnel",
	.takes = "IFNAME | status [IFNAME]",
	.summary = "connect: an encrypted tunnel that speaks WireGuard's protocol",
	.about = "Creates the device IFNAME and carries what is routed to it to "
		 "its peers, encrypted.\n"
		 "Configure it with `wg`, or with -c FILE as `wg-quick` would. It "
		 "goes into the background\n"
		 "once the device works, unless -f is given (or "
		 "WG_PROCESS_FOREGROUND=1).\n\n"
		 "SIGHUP reads FILE again and keeps the sessions. SIGTERM, "
		 "deleting the device, or deleting\n"
		 "/var/run/wireguard/IFNAME.sock ends it.\n\n"
		 "Needs CAP_NET_ADMIN in the network namespace, and /dev/net/tun.",
	.options = options,
	.min = 1,
	.max = 2,
	.run = tunnel_run,
};
