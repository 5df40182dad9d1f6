/* crowd config PEERS   a configuration for `wg setconf`: the device, and so many peers
 * crowd key NUMBER     a peer's private key; of 0: the device's
 * crowd handshakes ADDRESS PORT PEERS SECONDS [WINDOW]
 * crowd live ADDRESS PORT PEERS SECONDS
 * crowd forge ADDRESS PORT RATE SECONDS
 * crowd prove ADDRESS PORT COUNT
 * crowd ahead ADDRESS PORT SECONDS COUNT
 *
 * Many peers in one process, against one tunnel, from one socket.  All keys come
 * from numbers, so that both sides agree on them; peer i has the address 10.i.
 *
 * handshakes: as all of those peers, sends initiations that were computed
 * beforehand, WINDOW of them in flight, and prints how many were answered in a
 * second.  The answers are counted, one in a hundred is decrypted as well.
 *
 * live: all of them keep a session and ping the device at 10.255.255.254, in
 * turn, as long as it lasts; each answer must come back under its own session.
 *
 * forge: initiations with a valid mac1 and random contents, from many source
 * ports, at a steady rate: what a stranger who knows the public key can send.
 *
 * prove: peer 1 asks under load; with the cookie it gets it proves its address,
 * COUNT times at once.
 *
 * ahead: peer 1 with a clock that is SECONDS ahead, COUNT initiations at once.
 *
 * Results are one line of JSON.
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
	struct noise_keys keys;
	le32 remote;
	uint64_t counter;
	uint32_t pongs;
};

static void identity(struct noise_identity *me, uint32_t number)
{
	uint8_t key[WIRE_KEY] = {0};

	memcpy(key, "a crowd of peers", 16);
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

static void prepare(struct attempt *a, const struct noise_identity *target, uint32_t number,
	int64_t wall, const uint8_t *cookie)
{
	uint8_t secret[WIRE_KEY], ephemeral[WIRE_KEY], stamp[WIRE_STAMP];
	struct noise_identity me;

	identity(&me, number + 1);
	randombytes_buf(ephemeral, sizeof(ephemeral));
	tai64n_encode(stamp, wall);
	a->message.type = le32_put(WIRE_INITIATION);
	a->message.sender = le32_put(number);
	if (!noise_precompute(&me, target->public_key, secret) ||
		!noise_initiate(
			&a->state, &me, target->public_key, secret, ephemeral, stamp, &a->message))
		abort();
	cookie_sign(&a->message, sizeof(a->message), target->public_key, cookie);
}

/* Does the answer decrypt?  Then there are keys. */
static bool finish(struct attempt *a, uint32_t number, const struct wire_response *w)
{
	static const uint8_t none[WIRE_KEY];
	struct noise_identity me;

	identity(&me, number + 1);
	a->remote = w->sender;
	return noise_finish(&a->state, &me, none, w, &a->keys);
}

/* How it goes. */
struct tally {
	uint32_t sent, answered, lost, others;
	bool all; /* finish every handshake, not only a sample */
};

/* Take the answers that have arrived. */
static void take_answers(int fd, struct attempt *attempts, uint32_t peers, struct tally *t)
{
	struct wire_response w;
	ssize_t length;

	while ((length = recv(fd, &w, sizeof(w), MSG_DONTWAIT | MSG_TRUNC)) > 0) {
		uint32_t number = le32_get(w.receiver);

		if (length != sizeof(w) || number >= peers || attempts[number].answered) {
			t->others++;
			continue;
		}
		if ((t->all || number % SAMPLE == 0) && !finish(&attempts[number], number, &w)) {
			fprintf(stderr, "the answer to peer %u does not decrypt\n", number);
			exit(1);
		}
		attempts[number].answered = true;
		t->answered++;
	}
}

/* All initiations, until they are answered or it takes too long; returns the time it took. */
static int64_t shake_hands(int fd, struct attempt *attempts, uint32_t peers, int64_t limit,
	uint32_t window, struct tally *t)
{
	int64_t began = clock_now(), progress = began, now = began;

	while (now - began < limit && t->answered + t->lost < peers) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint32_t before = t->answered;

		while (t->sent < peers && t->sent - t->answered - t->lost < window)
			if (send(fd, &attempts[t->sent++].message, sizeof(attempts[0].message), 0) <
				0)
				usleep(1000);
		poll(&p, 1, 10);
		take_answers(fd, attempts, peers, t);
		now = clock_now();
		if (t->answered != before) {
			progress = now;
		} else if (now - progress > SECOND / 5) {
			t->lost = t->sent - t->answered; /* go on without those */
			progress = now;
		}
	}
	return now - began;
}

static struct attempt *prepare_all(uint32_t peers)
{
	struct attempt *attempts = calloc(peers, sizeof(*attempts));
	struct noise_identity target;

	identity(&target, 0);
	for (uint32_t i = 0; i < peers; i++)
		prepare(&attempts[i], &target, i, clock_wall(), NULL);
	fprintf(stderr, "%u initiations are ready\n", peers);
	return attempts;
}

static int handshakes(int fd, uint32_t peers, int seconds, uint32_t window)
{
	struct attempt *attempts = prepare_all(peers);
	struct tally t = {0};
	double took = (double)shake_hands(fd, attempts, peers, seconds * SECOND, window, &t) / 1e9;

	printf("{\"answered\":%u,\"unanswered\":%u,\"others\":%u,\"seconds\":%.3f,\"rate\":%.0f}\n",
		t.answered, t.sent - t.answered, t.others, took, t.answered / took);
	free(attempts);
	return 0;
}

/* --- sessions ------------------------------------------------------------ */

enum { IP = 20, ICMP = 8, ECHO = 8, REPLY = 0, PACKET = 48 }; /* a multiple of 16 */

static void checksum(uint8_t *at, size_t length, size_t field)
{
	uint32_t sum = 0;

	memset(at + field, 0, 2);
	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	at[field] = (uint8_t)(sum >> 8);
	at[field + 1] = (uint8_t)sum;
}

/* An echo request of peer `number`, whose payload says so. */
static void make_ping(uint8_t packet[PACKET], uint32_t number)
{
	uint32_t host = number + 1;
	uint8_t head[IP] = {0x45, 0, 0, PACKET, 0, 0, 0, 0, 64, 1, 0, 0, 10, (uint8_t)(host >> 16),
		(uint8_t)(host >> 8), (uint8_t)host, 10, 255, 255, 254};

	memset(packet, 0, PACKET);
	memcpy(packet, head, IP);
	checksum(packet, IP, 10);
	packet[IP] = ECHO;
	memcpy(packet + IP + ICMP, &number, sizeof(number));
	checksum(packet + IP, PACKET - IP, 2);
}

static void send_ping(int fd, struct attempt *a, uint32_t number)
{
	uint8_t datagram[sizeof(struct wire_data) + PACKET + WIRE_TAG], nonce[12] = {0};
	uint8_t *sealed = datagram + sizeof(struct wire_data);
	struct wire_data head = {.type = le32_put(WIRE_DATA), .receiver = a->remote};

	head.counter = le64_put(a->counter++);
	memcpy(datagram, &head, sizeof(head));
	memcpy(nonce + 4, &head.counter, sizeof(head.counter));
	make_ping(sealed, number);
	crypto_aead_chacha20poly1305_ietf_encrypt(
		sealed, NULL, sealed, PACKET, NULL, 0, NULL, nonce, a->keys.send);
	if (send(fd, datagram, sizeof(datagram), 0) < 0)
		usleep(1000);
}

/* Is this the answer to a ping, under the session of the peer that sent it?  Counts it there. */
static bool take_pong(struct attempt *attempts, uint32_t peers, const uint8_t *at, size_t length)
{
	struct wire_data w;
	uint8_t packet[PACKET], nonce[12] = {0};
	uint32_t number, said;

	if (length != sizeof(w) + PACKET + WIRE_TAG)
		return false;
	memcpy(&w, at, sizeof(w));
	memcpy(nonce + 4, &w.counter, sizeof(w.counter));
	number = le32_get(w.receiver);
	if (le32_get(w.type) != WIRE_DATA || number >= peers ||
		crypto_aead_chacha20poly1305_ietf_decrypt(packet, NULL, NULL, at + sizeof(w),
			length - sizeof(w), NULL, 0, nonce, attempts[number].keys.receive))
		return false;
	memcpy(&said, packet + IP + ICMP, sizeof(said));
	if (packet[IP] != REPLY || said != number)
		return false;
	attempts[number].pongs++;
	return true;
}

static int live(int fd, uint32_t peers, int seconds)
{
	enum { AT_ONCE = 32 };
	struct attempt *attempts = prepare_all(peers);
	struct tally t = {.all = true};
	uint64_t pings = 0, pongs = 0, others = 0;
	uint32_t heard = 0, least = UINT32_MAX;
	int64_t began, progress;

	shake_hands(fd, attempts, peers, 60 * SECOND, 64, &t);
	began = progress = clock_now();
	while (clock_now() - began < seconds * SECOND) {
		uint8_t datagram[2048];
		ssize_t length;

		for (; pings < pongs + AT_ONCE; pings++) {
			uint32_t number = (uint32_t)(pings % peers);

			if (attempts[number].answered)
				send_ping(fd, &attempts[number], number);
		}
		poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10);
		while ((length = recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT)) > 0) {
			bool pong = take_pong(attempts, peers, datagram, (size_t)length);

			pongs += pong;
			others += !pong;
			progress = clock_now();
		}
		if (clock_now() - progress > SECOND / 5)
			pongs = pings; /* lost: go on; they are missing in the peers' own counts */
	}
	for (uint32_t i = 0; i < peers; i++) {
		heard += attempts[i].pongs > 0;
		least = attempts[i].pongs < least ? attempts[i].pongs : least;
	}
	printf("{\"sessions\":%u,\"peers_answered\":%u,\"least_answers\":%u,\"pings\":%llu,"
	       "\"others\":%llu}\n",
		t.answered, heard, least, (unsigned long long)pings, (unsigned long long)others);
	free(attempts);
	return heard != peers;
}

/* --- strangers ----------------------------------------------------------- */

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

/* --- one peer ------------------------------------------------------------ */

static ssize_t hear(int fd, void *out, size_t room)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 1000) > 0 ? recv(fd, out, room, 0) : -1;
}

static int prove(int fd, uint32_t count)
{
	uint8_t cookie[WIRE_MAC], answer[256];
	struct noise_identity target;
	struct wire_cookie w;
	struct attempt a = {0};
	ssize_t n = -1;

	identity(&target, 0);
	for (int i = 0; i < 50 && n != sizeof(w); i++) { /* the load may not have begun */
		prepare(&a, &target, 0, clock_wall(), NULL);
		send(fd, &a.message, sizeof(a.message), 0);
		n = hear(fd, answer, sizeof(answer));
		usleep(100000);
	}
	if (n != sizeof(w))
		return 1;
	memcpy(&w, answer, sizeof(w));
	if (!cookie_open(&w, target.public_key, a.message.macs.mac1, cookie))
		return 1;
	for (uint32_t i = 0; i < count; i++) {
		prepare(&a, &target, 0, clock_wall() + i * SECOND, cookie);
		send(fd, &a.message, sizeof(a.message), 0);
	}
	n = hear(fd, answer, sizeof(answer));
	printf("{\"cookie\":true,\"answered\":%s}\n",
		n == sizeof(struct wire_response) ? "true" : "false");
	return 0;
}

static int ahead(int fd, int seconds, uint32_t count)
{
	struct noise_identity target;
	struct attempt a = {0};
	uint8_t answer[256];
	ssize_t n;

	identity(&target, 0);
	for (uint32_t i = 0; i < count; i++) {
		prepare(&a, &target, 0, clock_wall() + (seconds + (int)i) * SECOND, NULL);
		send(fd, &a.message, sizeof(a.message), 0);
	}
	n = hear(fd, answer, sizeof(answer));
	printf("{\"answered\":%s}\n", n == sizeof(struct wire_response) ? "true" : "false");
	return 0;
}

static int print_key(uint32_t number)
{
	struct noise_identity me;
	char text[64];

	identity(&me, number);
	base64_format(text, me.private_key, WIRE_KEY);
	puts(text);
	return 0;
}

int main(int argc, char **argv)
{
	if (sodium_init() < 0 || hash_start())
		return 1;
	if (argc == 3 && !strcmp(argv[1], "config"))
		return print_config((uint32_t)atoi(argv[2]));
	if (argc >= 6 && !strcmp(argv[1], "handshakes"))
		return handshakes(open_socket(argv[2], argv[3]), (uint32_t)atoi(argv[4]),
			atoi(argv[5]), argc > 6 ? (uint32_t)atoi(argv[6]) : 64);
	if (argc == 6 && !strcmp(argv[1], "live"))
		return live(open_socket(argv[2], argv[3]), (uint32_t)atoi(argv[4]), atoi(argv[5]));
	if (argc == 6 && !strcmp(argv[1], "forge"))
		return forge(argv[2], argv[3], (uint32_t)atoi(argv[4]), atoi(argv[5]));
	if (argc == 3 && !strcmp(argv[1], "key"))
		return print_key((uint32_t)atoi(argv[2]));
	if (argc == 5 && !strcmp(argv[1], "prove"))
		return prove(open_socket(argv[2], argv[3]), (uint32_t)atoi(argv[4]));
	if (argc == 6 && !strcmp(argv[1], "ahead"))
		return ahead(open_socket(argv[2], argv[3]), atoi(argv[4]), (uint32_t)atoi(argv[5]));
	fprintf(stderr,
		"usage: crowd config PEERS | key NUMBER | handshakes ADDRESS PORT PEERS SECONDS [WINDOW] "
		"| live ADDRESS PORT PEERS SECONDS | forge ADDRESS PORT RATE SECONDS "
		"| prove ADDRESS PORT COUNT | ahead ADDRESS PORT SECONDS COUNT\n");
	return 2;
}
