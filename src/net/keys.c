#include "net/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/scoped.h"

static int key_load(struct keys *k, struct key *key, bool clamp, struct error *e)
{
	SCOPED_FD int fd =
		k->directory < 0 ? -1 : openat(k->directory, key->path, O_RDONLY | O_CLOEXEC);
	char text[KEY_BASE64] = "";
	bool ok;

	if (fd < 0 && k->directory >= 0 && errno != ENOENT)
		return error_errno(e, errno, "%s", key->path);
	if (fd < 0) {
		randombytes_buf(key->bytes, KEY_BYTES);
		if (clamp) { /* RFC 7748 section 5 */
			key->bytes[0] &= 248;
			key->bytes[31] = (uint8_t)((key->bytes[31] & 127) | 64);
		}
		return 0;
	}
	ok = read(fd, text, sizeof(text) - 1) == KEY_BASE64 - 1 &&
	     base64_parse(key->bytes, KEY_BYTES, text);
	sodium_memzero(text, sizeof(text));
	if (!ok)
		return error_set(e, EINVAL, "%s: expected a key, 32 bytes in base64", key->path);
	key->saved = true;
	return 0;
}

/* Takes `path`, which is on the heap or NULL. */
static int key_find(struct keys *k, char *path, bool clamp, struct key **out, struct error *e)
{
	struct key *grown;
	int err;

	if (!path)
		return error_errno(e, ENOMEM, "keys");
	for (size_t i = 0; i < k->count; i++)
		if (!strcmp(k->list[i].path, path)) {
			free(path);
			*out = &k->list[i];
			return 0;
		}
	/* Not realloc(): that would leave a copy of the keys behind. */
	grown = calloc(k->count + 1, sizeof(*grown));
	if (!grown) {
		free(path);
		return error_errno(e, ENOMEM, "keys");
	}
	if (k->count)
		memcpy(grown, k->list, k->count * sizeof(*grown));
	if (k->list)
		sodium_memzero(k->list, k->count * sizeof(*grown));
	free(k->list);
	k->list = grown;
	*out = &k->list[k->count];
	(*out)->path = path;
	err = key_load(k, *out, clamp, e);
	if (err)
		free(path);
	else
		k->count++;
	return err;
}

static char *private_path(const char *node, const char *device)
{
	char *path = NULL;

	return asprintf(&path, "%s/keys/%s", node, device) < 0 ? NULL : path;
}

int keys_private(
	struct keys *k, const char *node, const char *device, char out[KEY_BASE64], struct error *e)
{
	struct key *key;
	int err = key_find(k, private_path(node, device), true, &key, e);

	if (!err)
		base64_format(out, key->bytes, KEY_BYTES);
	return err;
}

int keys_public(
	struct keys *k, const char *node, const char *device, char out[KEY_BASE64], struct error *e)
{
	uint8_t public[KEY_BYTES];
	struct key *key;
	int err = key_find(k, private_path(node, device), true, &key, e);

	if (err)
		return err;
	if (crypto_scalarmult_curve25519_base(public, key->bytes))
		return error_set(e, EINVAL, "%s: no usable key", key->path);
	base64_format(out, public, KEY_BYTES);
	return 0;
}

int keys_shared(struct keys *k, const char *node_a, const char *device_a, const char *node_b,
	const char *device_b, char out[KEY_BASE64], struct error *e)
{
	char *path = NULL, one[192], two[192];
	struct key *key;
	int err;

	snprintf(one, sizeof(one), "%s:%s", node_a, device_a);
	snprintf(two, sizeof(two), "%s:%s", node_b, device_b);
	if (asprintf(&path, ".psk/%s==%s", strcmp(one, two) < 0 ? one : two,
		    strcmp(one, two) < 0 ? two : one) < 0)
		path = NULL;
	err = key_find(k, path, false, &key, e);
	if (!err)
		base64_format(out, key->bytes, KEY_BYTES);
	return err;
}

/* The folders of a path below the state directory. */
static int folders_make(int directory, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		char folder[512];

		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		if (mkdirat(directory, folder, 0700) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int keys_save(struct keys *k, struct error *e)
{
	for (size_t i = 0; i < k->count; i++) {
		struct key *key = &k->list[i];
		char text[KEY_BASE64];
		int err = key->saved ? 0 : folders_make(k->directory, key->path);
		bool ok;

		if (err)
			return error_errno(e, -err, "%s", key->path);
		if (key->saved)
			continue;

		SCOPED_FD int fd = openat(
			k->directory, key->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		if (fd < 0)
			return error_errno(e, errno, "%s", key->path);
		base64_format(text, key->bytes, KEY_BYTES);
		text[KEY_BASE64 - 1] = '\n';
		ok = write(fd, text, KEY_BASE64) == KEY_BASE64;
		sodium_memzero(text, sizeof(text));
		if (!ok)
			return error_errno(e, errno ? errno : EIO, "%s", key->path);
		key->saved = true;
	}
	return 0;
}

void keys_done(struct keys *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->list[i].path);
	if (k->list)
		sodium_memzero(k->list, k->count * sizeof(*k->list));
	free(k->list);
	k->list = NULL;
	k->count = 0;
}
