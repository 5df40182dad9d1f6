/* station_place.h - where a probe of a tunnel's program finds its arguments
 *
 * Written by stations.c into a map, read by station.bpf.h.  Both are compiled
 * together, so the layout is no interface.
 */
#pragma once
#include <linux/types.h>

enum {
	STATION_ARGUMENTS = 5,
	STATION_PLACES = 256, /* of all programs together */
};

enum station_source { STATION_CONSTANT, STATION_REGISTER, STATION_MEMORY };

struct station_argument {
	__s64 value;	   /* the constant, or the distance from the register */
	__u16 base, index; /* offsets in struct pt_regs */
	__u8 source;	   /* enum station_source */
	__u8 scale;	   /* of the index; 0: there is none */
	__u8 bytes;	   /* 1, 2, 4 or 8 */
	__u8 is_signed;
};

struct station_place {
	__u32 kind; /* of the event that it becomes */
	struct station_argument arguments[STATION_ARGUMENTS];
};
