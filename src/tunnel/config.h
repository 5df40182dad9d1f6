/* config.h - between a device and what is said about it
 *
 *	struct settings --config_prepare()--> can it be done?  memory for all of it
 *	                --config_apply()----> struct device --config_get()----> `wg show`
 *	                                                    --config_status()-> `warren tunnel
 *status`
 *
 * All of them run in control's thread.  What concerns the sockets (listen port,
 * mark) is not the device's: control.c does it between the first two, since it
 * can fail.  So settings are applied whole or not at all.
 */
#pragma once
#include "base/error.h"
#include "tunnel/device.h"
#include "tunnel/settings.h"
#include "tunnel/uapi.h"

/* What a device's state is besides struct device. */
struct config_socket {
	uint16_t listen_port;
	uint32_t fwmark;
	unsigned joins; /* what the workers do now: worker_joins(), worker_sends_runs() */
	bool runs;
};

/* config_prepare - take what config_apply() will need; then that cannot fail
 * config_cancel - give it back, when nothing shall be applied after all
 *
 * Returns 0; -ENOSPC: there would be more than DEVICE_PEERS; -ENOMEM.
 */
int config_prepare(struct device *d, const struct settings *s);
void config_cancel(struct device *d);

/* config_apply - make the changes, in order, after config_prepare()
 *
 * Packets keep flowing: a prefix that its peer keeps is found all the time,
 * also when the list is replaced.  When a prefix goes from one peer to another
 * that was not told to give it up, a warning names both.
 */
void config_apply(struct device *d, const struct settings *s, const struct moment *m);

/* config_get - a piece of the answer to get=1, but for its end
 * config_status - likewise to status=1; no secret is in it
 *
 * walk  zeroed for the first piece; ended after the last
 *
 * A hundred thousand peers are some thirty megabytes, and there are keys in them:
 * so they are told in pieces of about CONFIG_PIECE, as fast as they are read.
 * Return true when there is more to tell.
 */
enum { CONFIG_PIECE = 64 << 10 };
bool config_get(struct uapi_reply *r, struct device *d, const struct config_socket *socket,
	struct device_walk *walk);
bool config_status(struct uapi_reply *r, struct device *d, const struct config_socket *socket,
	const struct moment *m, struct device_walk *walk);

/* config_key_text - the first bytes of a public key in base64, for the log; out: 16 bytes */
enum { CONFIG_KEY_TEXT = 16 };
void config_key_text(char out[CONFIG_KEY_TEXT], const uint8_t key[SETTINGS_KEY]);
