/* One EVP context a thread; a new key and nonce for each packet. */
#include <openssl/evp.h>

#include "tunnel/aead_kinds.h"

static bool usable(void)
{
	return true;
}

static void *init(const struct aead_kind *kind)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();

	if (x && EVP_CipherInit_ex(x, EVP_chacha20_poly1305(), NULL, NULL, NULL, 1) != 1) {
		EVP_CIPHER_CTX_free(x);
		x = NULL;
	}
	return x;
}

static void done(void *memory)
{
	EVP_CIPHER_CTX_free(memory); /* wipes the key */
}

static void seal(void *memory, struct aead_job *jobs, size_t n)
{
	for (struct aead_job *j = jobs; j < jobs + n; j++) {
		uint8_t nonce[12];
		int out;

		aead_nonce(nonce, j->counter);
		EVP_CipherInit_ex(memory, NULL, NULL, j->key, nonce, 1);
		EVP_CipherUpdate(memory, j->data, &out, j->data, (int)j->length);
		EVP_CipherFinal_ex(memory, j->data + j->length, &out);
		EVP_CIPHER_CTX_ctrl(memory, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, j->data + j->length);
	}
}

static void open_jobs(void *memory, struct aead_job *jobs, size_t n)
{
	for (struct aead_job *j = jobs; j < jobs + n; j++) {
		uint8_t nonce[12];
		int out;

		aead_nonce(nonce, j->counter);
		EVP_CipherInit_ex(memory, NULL, NULL, j->key, nonce, 0);
		EVP_CIPHER_CTX_ctrl(memory, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, j->data + j->length);
		EVP_CipherUpdate(memory, j->data, &out, j->data, (int)j->length);
		j->authentic = EVP_CipherFinal_ex(memory, j->data + j->length, &out) == 1;
	}
}

const struct aead_kind aead_openssl[] = {
	{"openssl", usable, init, done, seal, open_jobs, 0},
	{0},
};
