/* pressure.h - the kernel's own tables and queues: how often have they been full
 *
 * Some limits belong to the machine, not to a namespace: the neighbour tables
 * (one for IPv4, one for IPv6, however many namespaces there are) and the
 * queue of received packets that each CPU has.  When one is full, packets go
 * without a trace on any device.  The kernel counts how often it happened; the
 * count before a question against that after it tells whether it happened now.
 *
 *	/proc/net/stat/arp_cache, ndisc_cache   columns `entries` and `table_fulls`
 *	/proc/net/softnet_stat                  the second column, a row a CPU
 *
 * The parsers are pure.
 *
 * Source: Linux net/core/neighbour.c, net/core/net-procfs.c;
 * Documentation/networking/ip-sysctl.rst (gc_thresh3), admin-guide/sysctl/net.rst
 * (netdev_max_backlog).
 */
#pragma once
#include <stdint.h>

struct neighbour_table {
	uint64_t entries; /* now, in all namespaces */
	uint64_t fulls;	  /* entries refused since the machine began */
};

struct pressure {
	struct neighbour_table arp, ndisc;
	uint64_t backlog_drops; /* since the machine began, all CPUs */
};

/* pressure_read - as it is now; what cannot be read is 0 */
void pressure_read(struct pressure *p);

/* neighbour_table_parse - a file of /proc/net/stat: names of columns, then a row of hexadecimal
 * numbers a CPU */
void neighbour_table_parse(const char *text, struct neighbour_table *t);

/* backlog_drops_parse - the second column of softnet_stat, summed up */
uint64_t backlog_drops_parse(const char *text);
