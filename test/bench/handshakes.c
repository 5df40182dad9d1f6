/* handshakes config PEERS            a configuration for `wg setconf`: the device, and so many
 * peers handshakes run ADDRESS PORT PEERS SECONDS [WINDOW] handshakes forge ADDRESS PORT RATE
 * SECONDS
 *
 * run: as all of those peers, sends initiations that were computed beforehand,
 * WINDOW of them in flight, and prints how many were answered in a second.  The
 * answers are counted, one in a hundred is decrypted as well.
 *
 * forge: initiations with a valid mac1 and random contents, from many source
 * ports, at a steady rate: what a stranger who knows the public key can send.
 *
 * All keys come from numbers, so that both sides of a bench agree on them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tunnel/cookie.h"
#include "tunnel/hash.h"
#include "tunnel/noise.h"
#include "tunnel/tai64n.h"

enum { SOURCES = 64, SAMPLE = 100 };

struct attempt {
	struct noise_handshake state;
	struct wire_initiation message;
	bool answered;
};

static void identity(struct noise_identity *me, uint32_t number)
{
	uint8_t key[WIRE_KEY] = {0};

	memcpy(key, "warren handshakes", 17);
	memcpy(key + 20, &number, sizeof(number));
	noise_identity_set(me, key);
}

static int print_config(uint32_t peers)
{
	struct noise_identity me;
	char text[64];

	identity(&me, 0);
	base64_format(text, me.private_key, WIRE_KEY);
	printf("[Interface]\nPrivateKey = %s\nListenPort = 51820\n", text);
	for (uint32_t i = 1; i <= peers; i++) {
		identity(&me, i);
		base64_format(text, me.public_key, WIRE_KEY);
		printf("[Peer]\nPublicKey = %s\nAllowedIPs = 10.%u.%u.%u/32\n", text, i >> 16,
			i >> 8 & 255, i & 255);
	}
	return 0;
}

static int open_socket(const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = 4 << 20;

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
		connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror(address);
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return fd;
}

static void prepare(struct attempt *a, const struct noise_identity *target, uint32_t number)
{
	uint8_t secret[WIRE_KEY], ephemeral[WIRE_KEY], stamp[WIRE_STAMP];
	struct noise_identity me;

	identity(&me, number + 1);
	randombytes_buf(ephemeral, sizeof(ephemeral));
	tai64n_encode(stamp, clock_wall());
	a->message.type = le32_put(WIRE_INITIATION);
	a->message.sender = le32_put(number);
	if (!noise_precompute(&me, target->public_key, secret) ||
		!noise_initiate(
			&a->state, &me, target->public_key, secret, ephemeral, stamp, &a->message))
		abort();
	cookie_sign(&a->message, sizeof(a->message), target->public_key, NULL);
}

/* Does the answer decrypt? */
static bool is_genuine(const struct attempt *a, uint32_t number, const struct wire_response *w)
{
	static const uint8_t none[WIRE_KEY];
	struct noise_identity me;
	struct noise_keys keys;

	identity(&me, number + 1);
	return noise_finish(&a->state, &me, none, w, &keys);
}

/* Take what has arrived; returns how many attempts were answered for the first time. */
static uint32_t take_answers(int fd, struct attempt *attempts, uint32_t peers, uint32_t *others)
{
	struct wire_response w;
	uint32_t n = 0;
	ssize_t length;

	while ((length = recv(fd, &w, sizeof(w), MSG_DONTWAIT | MSG_TRUNC)) > 0) {
		uint32_t number = le32_get(w.receiver);

		if (length != sizeof(w) || number >= peers || attempts[number].answered) {
			++*others;
			continue;
		}
		if (number % SAMPLE == 0 && !is_genuine(&attempts[number], number, &w)) {
			fprintf(stderr, "the answer to peer %u does not decrypt\n", number);
			exit(1);
		}
		attempts[number].answered = true;
		n++;
	}
	return n;
}

static int run(int fd, uint32_t peers, int seconds, uint32_t window)
{
	struct attempt *attempts = calloc(peers, sizeof(*attempts));
	struct noise_identity target;
	uint32_t sent = 0, answered = 0, others = 0, lost = 0;

	identity(&target, 0);
	for (uint32_t i = 0; i < peers; i++)
		prepare(&attempts[i], &target, i);
	fprintf(stderr, "%u initiations are ready\n", peers);

	int64_t began = clock_now(), progress = began, last = began;

	while (last - began < seconds * SECOND && answered + lost < peers) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint32_t n;

		while (sent < peers && sent - answered - lost < window)
			if (send(fd, &attempts[sent++].message, sizeof(attempts[0].message), 0) < 0)
				usleep(1000);
		poll(&p, 1, 10);
		n = take_answers(fd, attempts, peers, &others);
		answered += n;
		last = clock_now();
		if (n)
			progress = last;
		else if (last - progress > SECOND / 5)
			lost = sent - answered, progress = last; /* go on without those */
	}
	printf("{\"answered\":%u,\"unanswered\":%u,\"others\":%u,\"seconds\":%.3f,\"rate\":%.0f}\n",
		answered, sent - answered, others, (double)(last - began) / 1e9,
		answered / ((double)(last - began) / 1e9));
	free(attempts);
	return 0;
}

static int forge(const char *address, const char *port, uint32_t rate, int seconds)
{
	int64_t began = clock_now();
	struct noise_identity target;
	uint64_t sent = 0;
	int fd[SOURCES];

	for (int i = 0; i < SOURCES; i++)
		fd[i] = open_socket(address, port);
	identity(&target, 0);
	while (clock_now() - began < seconds * SECOND) {
		struct wire_initiation w = {.type = le32_put(WIRE_INITIATION)};

		for (; sent < (uint64_t)(clock_now() - began) * rate / SECOND; sent++) {
			randombytes_buf(w.ephemeral, sizeof(w.ephemeral));
			cookie_sign(&w, sizeof(w), target.public_key, NULL);
			send(fd[sent % SOURCES], &w, sizeof(w), MSG_DONTWAIT);
		}
		usleep(500);
	}
	printf("{\"sent\":%llu}\n", (unsigned long long)sent);
	return 0;
}

int main(int argc, char **argv)
{
	if (sodium_init() < 0 || hash_start())
		return 1;
	if (argc == 3 && !strcmp(argv[1], "config"))
		return print_config((uint32_t)atoi(argv[2]));
	if (argc >= 6 && !strcmp(argv[1], "run"))
		return run(open_socket(argv[2], argv[3]), (uint32_t)atoi(argv[4]), atoi(argv[5]),
			argc > 6 ? (uint32_t)atoi(argv[6]) : 64);
	if (argc == 6 && !strcmp(argv[1], "forge"))
		return forge(argv[2], argv[3], (uint32_t)atoi(argv[4]), atoi(argv[5]));
	fprintf(stderr, "usage: handshakes config PEERS | run ADDRESS PORT PEERS SECONDS [WINDOW] "
			"| forge ADDRESS PORT RATE SECONDS\n");
	return 2;
}
