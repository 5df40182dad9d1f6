/* sysctl.h - kernel settings of a node
 *
 * What a file of /proc/sys/net shows is decided by the namespace of the thread
 * that opens it, so these functions are called during a netns_visit().
 *
 * name  with slashes: "net/ipv4/conf/eth0/rp_filter"
 *
 * Source: Linux Documentation/networking/ip-sysctl.rst.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { SYSCTL_VALUE = 256 };

/* sysctl_get - the value with single blanks between its words; -errno, -ENOENT when there is none
 */
int sysctl_get(const char *name, char value[SYSCTL_VALUE]);

/* sysctl_set - write a value; the kernel's refusal is in the error */
int sysctl_set(const char *name, const char *value, struct error *e);

/* sysctl_equal - do both texts mean the same to the kernel?  Blanks and the base of numbers don't
 * count. */
bool sysctl_equal(const char *a, const char *b);

/* sysctl_device - the device that the name is about, in `device` of `size` bytes; false when it is
 * about none
 *
 * "net/ipv4/conf/eth0/rp_filter" is about eth0; of "all" and "default" it is false.
 */
bool sysctl_device(const char *name, char *device, size_t size);
