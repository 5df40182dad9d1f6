/* Causes at a process that sends or receives: what it may not do, and what its cgroup forbids. */
#include "see/scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- no-permission ---- */

static bool no_permission_confirm(struct scene *s, const struct cause *c)
{
	char exec[COMMAND_PREFIX];

	if (s->probe->stage != PROBE_SOCKET)
		return false;
	scene_at(s, s->asker, "");
	scene_why(s, "the socket for the probe may not be made in %s (%s)", scene_name(s, s->asker),
		strerror(s->probe->error));
	verdict_fact(s->verdict, "errno", "socket(): %s", strerror(s->probe->error));
	if (s->probe->proto != PROBE_ICMP)
		return true;
	verdict_fact(s->verdict, "sysctl",
		"net.ipv4.ping_group_range begins with %ld in %s, and there is no CAP_NET_RAW",
		live_sysctl(scene_fd(s, s->asker), -1, "net/ipv4/ping_group_range"),
		scene_name(s, s->asker));
	verdict_fix(s->verdict, "%ssysctl -w net.ipv4.ping_group_range=\"0 2147483647\"",
		scene_exec(s, s->asker, exec));
	return true;
}

const struct cause cause_no_permission = {
	.id = "no-permission",
	.title = "the socket may not be made",
	.proof = "EACCES or EPERM from socket(). Confirmed: ping_group_range, no CAP_NET_RAW.",
	.repair = "sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"",
	.signs = {{SIGN_CALL, NULL, NULL, EACCES}, {SIGN_CALL, NULL, NULL, EPERM}},
	.confirm = no_permission_confirm,
};

/* ---- cgroup-bpf-drop ---- */

/* Our own cgroup (of version 2), as a path below its mount. */
static void own_cgroup(char out[512])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[512];

	out[0] = '\0';
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "0::", 3)) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(out, 512, "%.500s", line + 3);
		}
	if (file)
		fclose(file);
}

/* Is `path` (with the mount in front) our own cgroup or one above it? */
static bool is_above(const char *path, const char *own)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[1024], at[512], kind[32];
	bool above = false;

	while (mounts && !above && fgets(line, sizeof(line), mounts)) {
		const char *below = path;
		size_t length;

		if (sscanf(line, "%*s %511s %31s", at, kind) != 2 || strcmp(kind, "cgroup2") != 0 ||
			strncmp(path, at, strlen(at)) != 0)
			continue;
		below += strlen(at);
		length = strlen(below);
		above = !length ||
			(!strncmp(own, below, length) && (own[length] == '/' || !own[length]));
	}
	if (mounts)
		fclose(mounts);
	return above;
}

/* What may stop our packet: a program where it is sent or received, or in front of the call. */
static bool stops(const char *type, const char *way)
{
	return strstr(type, way) ||
	       (!strcmp(way, "egress") && (strstr(type, "connect") || strstr(type, "sendmsg")));
}

/* Names the programs of this kind; bpftool knows them all.  near: only those above ourselves. */
static int programs_say(struct scene *s, const char *way, bool near)
{
	const char *const argv[] = {"bpftool", "-j", "cgroup", "tree", NULL};
	json_t *list = live_json(-1, argv);
	char own[512];
	int found = 0;

	own_cgroup(own);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *group = json_array_get(list, i),
		       *programs = json_object_get(group, "programs");
		const char *path = json_string_value(json_object_get(group, "cgroup"));

		if (!path || (near && !is_above(path, own)))
			continue;
		for (size_t k = 0; k < json_array_size(programs); k++) {
			json_t *program = json_array_get(programs, k);
			const char *type =
				json_string_value(json_object_get(program, "attach_type"));
			int id = (int)json_integer_value(json_object_get(program, "id"));

			if (!type || !stops(type, way))
				continue;
			verdict_fact(s->verdict, "bpf", "%s has program %d attached (%s)", path, id,
				type);
			verdict_fix(
				s->verdict, "bpftool cgroup detach %s %s id %d", path, type, id);
			found++;
		}
	}
	json_decref(list);
	return found;
}

static bool cgroup_drop_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	bool dropped = at && at->event.kind == PATH_DROP;
	bool ingress = dropped && !strcmp(at->reason, "SOCKET_FILTER");
	int netns = dropped ? scene_netns(s, at) : s->asker;
	/* Ours is what we send and what we receive; the rest is another process's. */
	bool ours = !dropped || (netns == s->asker && ingress == (s->ending->leg == LEG_ANSWER));

	if (!dropped && !s->probe->error)
		return false;
	if (!programs_say(s, ingress ? "ingress" : "egress", ours) &&
		(!dropped || ingress || strcmp(at->reason, "BPF_CGROUP_EGRESS") != 0))
		return false;
	scene_at(s, netns, dropped ? at->event.device : "");
	scene_why(s, "a BPF program of a cgroup in %s %s %s", scene_name(s, netns),
		dropped ? "drops" : "forbids", scene_leg(s));
	return true;
}

const struct cause cause_cgroup_bpf_drop = {
	.id = "cgroup-bpf-drop",
	.title = "a BPF program of a cgroup drops or forbids",
	.proof =
		"BPF_CGROUP_EGRESS in ip_finish_output; received: SOCKET_FILTER; EPERM of connect or send. "
		"Confirmed: a program on the cgroup of the process or above it.",
	.repair = "bpftool cgroup detach CGROUP TYPE id N",
	.signs = {{SIGN_DROP, "BPF_CGROUP_EGRESS", NULL, 0}, {SIGN_DROP, "SOCKET_FILTER", NULL, 0},
		{SIGN_CALL, NULL, NULL, EPERM}},
	.confirm = cgroup_drop_confirm,
};
