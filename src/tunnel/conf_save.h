/* conf_save.h - SaveConfig: the file is written anew when the tunnel ends
 *
 * What `wg` has changed while the tunnel ran (keys, port, peers) comes from the
 * device; the rest (addresses, DNS, commands) is written as it was read.
 * Comments are lost, as with wg-quick.
 */
#pragma once
#include "base/error.h"
#include "tunnel/conf.h"
#include "tunnel/uapi.h"

/* conf_save_format - the file's text, appended to `out`
 *
 * c          what was read from the file
 * get, size  the device's answer to get=1
 * table      the mark that was chosen for a default route, not to be saved; 0: none
 *
 * Returns 0, -EBADMSG when the answer is none, -ENOMEM.
 */
int conf_save_format(
	struct uapi_reply *out, const struct conf *c, const char *get, size_t size, uint32_t table);

/* conf_save - ask the tunnel `name` and write its file, which is replaced as a whole */
int conf_save(
	const struct conf *c, const char *name, const char *path, uint32_t table, struct error *e);
