/* warren key: keys as WireGuard writes them (base64), like `wg genkey|pubkey|genpsk` */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "base/bytes.h"
#include "cmd/commands.h"

enum { KEY_SIZE = 32, KEY_TEXT = 44 };

static int key_print(const uint8_t key[KEY_SIZE])
{
	char text[KEY_TEXT + 1];

	base64_format(text, key, KEY_SIZE);
	printf("%s\n", text);
	sodium_memzero(text, sizeof(text));
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

static int key_gen(bool clamp)
{
	uint8_t key[KEY_SIZE];
	int status;

	randombytes_buf(key, sizeof(key));
	if (clamp) { /* RFC 7748 section 5 */
		key[0] &= 248;
		key[31] = (uint8_t)((key[31] & 127) | 64);
	}
	status = key_print(key);
	sodium_memzero(key, sizeof(key));
	return status;
}

static int key_pub(void)
{
	uint8_t key[KEY_SIZE], public[KEY_SIZE];
	size_t size = sizeof(public);
	char text[KEY_TEXT + 3] = "";
	EVP_PKEY *pair;
	bool ok;

	ok = fgets(text, sizeof(text), stdin) != NULL;
	text[strcspn(text, "\r\n")] = '\0';
	if (!ok || !base64_parse(key, sizeof(key), text)) {
		fprintf(stderr, "warren key pub: standard input: expected a private key, 32 bytes in base64\n");
		return EXIT_FAILED;
	}
	pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, sizeof(key));
	ok = pair && EVP_PKEY_get_raw_public_key(pair, public, &size) == 1;
	EVP_PKEY_free(pair);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(text, sizeof(text));
	return ok ? key_print(public) : EXIT_FAILED;
}

static int key_run(const struct command *c, int argc, char **argv)
{
	int at = options_parse(c, NULL, argc, argv);

	if (at < 0)
		return options_exit(at);
	if (sodium_init() < 0)
		return EXIT_FAILED;
	if (!strcmp(argv[at], "gen"))
		return key_gen(true);
	if (!strcmp(argv[at], "psk"))
		return key_gen(false);
	if (!strcmp(argv[at], "pub"))
		return key_pub();
	fprintf(stderr, "warren key: '%s': expected gen, pub or psk\n", argv[at]);
	return EXIT_USAGE;
}

const struct command cmd_key = {
	.name = "key",
	.takes = "gen|pub|psk",
	.summary = "make a private key, a public key (from stdin), or a pre-shared key",
	.about = "Keys are 32 bytes in base64, as `wg` reads and prints them.\n\n"
		 "  warren key gen | tee private | warren key pub > public",
	.min = 1,
	.max = 1,
	.run = key_run,
};
