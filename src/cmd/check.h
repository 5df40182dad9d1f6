/* check.h - one check of a file, tried on the network that is up
 *
 *	sightings begin  ->  the probe, or the command  ->  sightings are counted  ->  result
 *
 * A probe is a question to see/why.h: so a failed check comes with the place,
 * the cause and the repair.  Sightings are in place before the probe leaves.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>

#include "cmd/sighting.h"
#include "net/plan.h"
#include "see/why.h"

struct check_result {
	bool passed;
	bool has_verdict; /* the last probe's */
	struct verdict verdict;
	struct question question; /* what was asked; its texts are in here and in the plan */
	char asker[NODE_NAME], to[ADDRESS_TEXT];
	int status;   /* of the command; 128 + signal, or -1 when it took too long */
	char *output; /* what it said on stdout and stderr, cut where it is long; NULL for a probe
		       */

	struct sighting *sightings; /* as many as the check has sights */
	char **troubles;	    /* "expected ..., found ...": one line each; none when passed */
	size_t trouble_count;
};

/* check_prove - can it be run at all: are its filters and its regular expression well-formed?
 *
 * Returns 0, or -EINVAL with the place in the file.
 */
int check_prove(const struct plan *p, const struct plan_check *c, struct error *e);

/* check_run - try it
 *
 * stop  a command ends early when it is set; a probe takes some seconds at most
 *
 * Blocks for as long as the probe takes, at most the check's timeout.  What
 * stops us from trying is a trouble like any other.  check_done() the result.
 */
void check_run(struct check_result *r, const struct plan *p, const struct plan_check *c,
	const volatile sig_atomic_t *stop);
void check_done(struct check_result *r);

/* check_json - all of a result, as `warren test --json` prints it; the caller owns it
 *
 * {"name": "", "passed": true, "place": {"file": "", "line": 1, "column": 1}, "trouble": [""],
 *  "seen": [{"node": "", "device": "", "filter": "", "count": 1, "least": 1, "most": 1}],
 *  "verdict": {as `warren why --json`}} or, of a command, {.., "status": 0, "output": ""}
 */
json_t *check_json(const struct check_result *r, const struct plan *p, const struct plan_check *c,
	const char *name);

/* check_name - "site-a: ping 192.168.3.1", or the name it has in the file */
void check_name(char out[256], const struct plan *p, const struct plan_check *c);

/* check_interval - "at least 1", "3", "none", "2 to 4" */
void check_interval(char out[64], uint32_t least, uint32_t most);
