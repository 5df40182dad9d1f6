/* station.bpf.h - in a program on the probes of a tunnel: which one, and its arguments
 *
 * The cookie that a probe was attached with is its number in `places`.
 */
#pragma once
#include "see/station_place.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STATION_PLACES);
	__type(key, __u32);
	__type(value, struct station_place);
} places SEC(".maps");

static __always_inline __u64 register_of(struct pt_regs *context, __u16 offset)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)context + (offset & 255));
	return value;
}

static __noinline __u64 station_argument(struct pt_regs *context, const struct station_argument *a)
{
	__u64 value, shift;

	if (!a)
		return 0;
	value = (__u64)a->value;
	shift = (64 - 8 * (__u64)a->bytes) & 63;
	if (a->source != STATION_CONSTANT) {
		__u64 there = register_of(context, a->base);

		if (a->source == STATION_REGISTER) {
			value = there;
		} else {
			there += value;
			if (a->scale)
				there += register_of(context, a->index) * a->scale;
			value = 0;
			bpf_probe_read_user(&value, sizeof(value), (void *)there);
		}
	}
	/* The rest of a register, or of the memory behind it, is not the argument's. */
	value <<= shift;
	return a->is_signed ? (__u64)((__s64)value >> shift) : value >> shift;
}

/* STATION_PROGRAM - the program on every station: hands what it finds there to
 * event(packet, length, receiver, counter, datagram, kind of the place) */
#define STATION_PROGRAM(event)                                                                     \
	SEC("uprobe")                                                                              \
	int on_station(struct pt_regs *context)                                                    \
	{                                                                                          \
		__u32 number = (__u32)bpf_get_attach_cookie(context);                              \
		const struct station_place *p = bpf_map_lookup_elem(&places, &number);             \
		const struct station_argument *a;                                                  \
                                                                                                   \
		if (!p)                                                                            \
			return 0;                                                                  \
		a = p->arguments;                                                                  \
		return event((const void *)station_argument(context, a),                           \
			(__u32)station_argument(context, a + 1),                                   \
			(__u32)station_argument(context, a + 2), station_argument(context, a + 3), \
			(__u32)station_argument(context, a + 4), p->kind);                         \
	}
