/* config.h - between a device and what is said about it
 *
 *	struct settings --config_apply()--> struct device --config_get()----> `wg show`
 *	                                                  --config_status()-> `warren tunnel status`
 *
 * All three run in control's thread.  What concerns the sockets (listen port,
 * mark) is not the device's: control.c does it before, since it can fail, and
 * nothing here may fail once something was changed.
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
};

/* config_check - would config_apply() do it?  0 or -ENOSPC: more than DEVICE_PEERS */
int config_check(const struct device *d, const struct settings *s);

/* config_apply - make the changes, in order
 *
 * Packets keep flowing: a prefix that its peer keeps is found all the time,
 * also when the list is replaced.  When a prefix goes from one peer to another
 * that was not told to give it up, a warning names both.
 *
 * Returns 0, or -ENOMEM with a part of the changes made.
 */
int config_apply(struct device *d, const struct settings *s, const struct moment *m);

/* config_get - the answer to get=1, but for its end */
void config_get(struct uapi_reply *r, const struct device *d, const struct config_socket *socket);

/* config_status - the answer to status=1, but for its end; no secret is in it */
void config_status(struct uapi_reply *r, const struct device *d, const struct config_socket *socket,
	const struct moment *m);

/* config_key_text - the first bytes of a public key in base64, for the log; out: 16 bytes */
enum { CONFIG_KEY_TEXT = 16 };
void config_key_text(char out[CONFIG_KEY_TEXT], const uint8_t key[SETTINGS_KEY]);
