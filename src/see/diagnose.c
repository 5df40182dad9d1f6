#include "see/diagnose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "see/scene.h"

/* Specific before general: the first that is confirmed is the verdict. */
const struct cause *const causes[] = {
	&cause_wrong_namespace,
	&cause_source_not_local,
	&cause_no_permission,
	&cause_local_mtu,

	&cause_loopback_down,
	&cause_device_down,
	&cause_peer_down,
	&cause_way_peer_down,
	&cause_way_device_down,

	&cause_tunnel_mtu,
	&cause_vxlan_vni,
	&cause_vxlan_port,
	&cause_vxlan_no_remote,
	&cause_tunnel_key_mismatch,
	&cause_tunnel_allowed_ips,
	&cause_tunnel_no_handshake,
	&cause_tun_no_process,
	&cause_tun_not_reading,

	&cause_bridge_netfilter,
	&cause_conntrack_full,
	&cause_firewall_drop,
	&cause_firewall_reject,
	&cause_tc_drop,
	&cause_xdp_drop,
	&cause_xfrm_policy,
	&cause_cgroup_bpf_drop,

	&cause_neighbour_table_full,
	&cause_l2_loop,
	&cause_backlog_full,

	&cause_bridge_down,
	&cause_bridge_port_state,
	&cause_bridge_vlan,
	&cause_bridge_port_isolated,
	&cause_port_not_enslaved,
	&cause_macvlan_private,
	&cause_macvlan_parent,

	&cause_peer_mtu,
	&cause_path_mtu,
	&cause_routing_loop,
	&cause_ttl_expired,

	&cause_martian,
	&cause_arp_off,
	&cause_ipv6_disabled,
	&cause_ipv6_duplicate,

	&cause_neighbour_wrong,
	&cause_address_gone,
	&cause_policy_rule,
	&cause_route_refuses,
	&cause_forwarding_off,

	&cause_netmask_mismatch,
	&cause_missing_masquerade,
	&cause_no_return_route,
	&cause_no_route,

	&cause_accept_local,
	&cause_duplicate_address,
	&cause_arp_ignore,
	&cause_arp_flux,
	&cause_loopback_across_device,
	&cause_rp_filter,

	&cause_return_gateway_dead,
	&cause_address_not_owned,

	&cause_bridge_fdb,
	&cause_bad_checksum,
	&cause_echo_ignored,
	&cause_no_listener,
	&cause_qdisc_drop,
	&cause_tun_no_answer,
	NULL,
};

static bool text_fits(const char *want, const char *got)
{
	return !want || !strcmp(want, got);
}

/* Does a drop of this sign happen where packets come in?  What has just been sent is not there yet.
 */
static bool is_reception(const char *reason, const char *symbol)
{
	static const char *const functions[] = {"ip_rcv_finish_core", "ip_rcv_core", "ip6_rcv_core",
		"ip_error", "ip_forward", "ip6_forward", "icmp_rcv", "icmpv6_rcv"};

	for (size_t i = 0; symbol && i < sizeof(functions) / sizeof(functions[0]); i++)
		if (!strcmp(symbol, functions[i]))
			return true;
	return reason && !strncmp(reason, "IP_", 3) && strncmp(reason, "IP_OUT", 6) != 0;
}

static bool sign_fits(const struct scene *s, const struct sign *sign)
{
	const struct seen *at = scene_seen(s);

	switch (sign->kind) {
	case SIGN_CALL:
		return s->probe->error && s->probe->stage != PROBE_SENT &&
		       (!sign->error || s->probe->error == sign->error);
	case SIGN_REFUSED:
		return s->probe->error && s->probe->stage == PROBE_SENT &&
		       (!sign->error || s->probe->error == sign->error);
	case SIGN_DROP:
		if (s->blind && at)
			return s->ending->kind == ENDING_RECEIVED ||
			       (s->ending->kind == ENDING_SENT &&
				       !is_reception(sign->reason, sign->symbol));
		return at && at->event.kind == PATH_DROP && text_fits(sign->reason, at->reason) &&
		       text_fits(sign->symbol, at->symbol);
	case SIGN_UNRESOLVED:
		return s->ending->kind == ENDING_UNRESOLVED;
	case SIGN_SENT:
		return s->ending->kind == ENDING_SENT;
	case SIGN_RECEIVED:
		return s->ending->kind == ENDING_RECEIVED;
	case SIGN_READ:
		return s->ending->kind == ENDING_READ;
	case SIGN_OPENED:
		return s->ending->kind == ENDING_OPENED;
	case SIGN_NOTHING:
		return s->ending->kind == ENDING_NOTHING && s->probe->stage == PROBE_SENT;
	default:
		return false;
	}
}

static bool is_candidate(const struct scene *s, const struct cause *c)
{
	if (s->blind && c->needs_drop)
		return false;
	for (int i = 0; i < SIGNS && c->signs[i].kind != SIGN_END; i++)
		if (sign_fits(s, &c->signs[i]))
			return true;
	return false;
}

/* What was seen, as the first evidence of any verdict. */
static void facts_seen(struct scene *s)
{
	const struct seen *at = scene_seen(s);
	const char *source = s->blind ? "sockets" : "tracepoint";
	char packet[192];

	if (s->probe->error && s->probe->stage != PROBE_SENT)
		verdict_fact(s->verdict, "errno", "the system call ended with: %s",
			strerror(s->probe->error));
	if (!at)
		return;
	headers_text(
		packet, sizeof(packet), at->event.protocol, at->event.bytes, at->event.captured);
	switch (at->event.kind) {
	case PATH_DROP:
		verdict_fact(s->verdict, "tracepoint", "kfree_skb %s in %s, %s %s: %s", at->reason,
			at->symbol, scene_name(s, scene_netns(s, at)), at->event.device, packet);
		break;
	case PATH_RX:
		verdict_fact(s->verdict, source, "last seen: received by %s %s: %s",
			scene_name(s, scene_netns(s, at)), at->event.device, packet);
		break;
	default:
		verdict_fact(s->verdict, source, "%s: %s %s: %s",
			s->ending->kind == ENDING_UNRESOLVED ? "asked, and not answered"
							     : "last seen",
			scene_name(s, scene_netns(s, at)), at->event.device, packet);
	}
}

static void verdict_unknown(struct scene *s)
{
	const struct seen *at = scene_seen(s);
	struct verdict *v = s->verdict;
	const char *leg = scene_leg(s);

	v->cause = NULL;
	if (!at) {
		scene_at(s, s->asker, s->question->device ? s->question->device : "");
		if (s->probe->error)
			scene_why(s, "I cannot tell: the kernel refused to send (%s)",
				strerror(s->probe->error));
		else
			scene_why(
				s, "I cannot tell: the probe was sent and not seen on any device");
		return;
	}
	scene_at(s, scene_netns(s, at), at->event.device);
	if (at->event.kind == PATH_DROP)
		scene_why(s, "I cannot tell why: %s was dropped in %s (%s in %s)", leg, v->node,
			at->reason, at->symbol);
	else if (s->ending->kind == ENDING_UNRESOLVED)
		scene_why(s,
			"I cannot tell why: nobody answers who has the next address, asked by %s on %s",
			v->node, v->device);
	else if (s->ending->kind == ENDING_SENT)
		scene_why(s, "I cannot tell why: %s left %s by %s and was not seen again", leg,
			v->node, v->device);
	else if (s->ending->kind == ENDING_RECEIVED)
		scene_why(s, "I cannot tell why: %s was received by %s on %s and nothing followed",
			leg, v->node, v->device);
	else
		scene_why(s,
			"I cannot tell why: %s was read by %.16s (pid %u) from %s and nothing followed",
			leg, at->event.comm, at->event.pid, v->device);
}

/* Takes back what a rule has added that then did not confirm. */
static void verdict_rewind(struct verdict *v, size_t facts, size_t fixes)
{
	while (v->fix_count > fixes)
		free(v->fixes[--v->fix_count]);
	v->evidence_count = facts;
	v->why[0] = v->node[0] = v->device[0] = '\0';
}

void verdict_clear(struct verdict *v)
{
	verdict_rewind(v, 0, 0);
	v->cause = NULL;
}

bool diagnose(struct scene *s)
{
	size_t facts, fixes;

	verdict_clear(s->verdict);
	facts_seen(s);
	facts = s->verdict->evidence_count;
	fixes = s->verdict->fix_count;
	for (const struct cause *const *c = causes; *c; c++) {
		if (!is_candidate(s, *c))
			continue;
		s->patient = false;
		s->longer = 0;
		if ((*c)->confirm(s, *c)) {
			s->verdict->cause = (*c)->id;
			return true;
		}
		verdict_rewind(s->verdict, facts, fixes);
	}
	verdict_unknown(s);
	return false;
}
