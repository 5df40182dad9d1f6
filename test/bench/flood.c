/* flood ADDRESS PORT RATE SECONDS SIZE: UDP datagrams at a steady rate
 *
 * Sends them in runs with sendmmsg(2), SIZE bytes of payload each, which begin
 * with their number (64 bits), and prints how many went out.  RATE 0 is as fast
 * as it goes.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { RUN = 64, PAYLOAD_LARGEST = 65000 };

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static unsigned run_send(int fd, uint8_t *payload, size_t size, uint64_t first, unsigned n)
{
	static struct mmsghdr messages[RUN];
	static struct iovec parts[RUN];
	int sent;

	for (unsigned i = 0; i < n; i++) {
		uint64_t number = first + i;

		memcpy(payload + i * size, &number, sizeof(number) < size ? sizeof(number) : size);
		parts[i] = (struct iovec){payload + i * size, size};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	sent = sendmmsg(fd, messages, n, 0);
	return sent > 0 ? (unsigned)sent : 0; /* ECONNREFUSED: an error of an earlier one */
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint64_t rate, sent = 0;
	int64_t began = now(), ends;
	uint8_t *payload;
	size_t size;
	int fd;

	if (argc != 6 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: flood ADDRESS PORT RATE SECONDS SIZE\n");
		return 2;
	}
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	rate = strtoull(argv[3], NULL, 10);
	ends = began + (int64_t)(atof(argv[4]) * 1e9);
	size = strtoull(argv[5], NULL, 10);
	if (size < 1 || size > PAYLOAD_LARGEST)
		return 2;
	payload = calloc(RUN, size);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!payload || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror("flood");
		return 1;
	}
	for (int64_t t = now(); t < ends; t = now()) {
		uint64_t due =
			rate ? (uint64_t)((double)(t - began) * (double)rate / 1e9) : sent + RUN;
		unsigned n = due - sent < RUN ? (unsigned)(due - sent) : RUN;

		if (due <= sent) {
			nanosleep(&(struct timespec){0, 100000}, NULL);
			continue;
		}
		sent += run_send(fd, payload, size, sent, n);
	}
	printf("%" PRIu64 "\n", sent);
	free(payload);
	return 0;
}
