/* tunnels.h - what a tunnel's process is told
 *
 * `up` starts one `warren tunnel` for each device of kind tunnel, with a file
 * in wg-quick's format; addresses and routes are not in it, those `up` sets
 * itself.  When only peers differ later, the running process is told through
 * its socket, so that the sessions of the other peers go on.
 *
 * Pure text in, text out.  Source: wg(8), wg-quick(8), and
 * https://www.wireguard.com/xplatform/.
 */
#pragma once
#include "base/error.h"
#include "net/keys.h"
#include "net/plan.h"

/* tunnels_check - refuse what the tunnel cannot do, with its line; 0 or -ENOTSUP */
int tunnels_check(const struct plan *p, struct error *e);

/* tunnels_config - the file for the tunnel behind plan->nodes[node].devices[device]
 *
 * Returns 0 and the text, which holds the private key: wipe and free it; or -errno.
 */
int tunnels_config(
	char **out, const struct plan *p, int node, int device, struct keys *keys, struct error *e);

/* tunnels_change - the `set=1` request that makes of one file's tunnel the other's
 *
 * was, want  texts of tunnels_config(); peers are the same when their public key is
 *
 * Returns 0 and the request, ending with its empty line; or -errno.
 */
int tunnels_change(char **out, const char *was, const char *want);
