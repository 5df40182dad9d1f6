/* tuntap.h - make a tun or tap device that stays without a process
 *
 * rtnetlink does not make these; an ioctl on /dev/net/tun does.
 * Source: Linux Documentation/networking/tuntap.rst.
 */
#pragma once
#include "base/error.h"
#include "net/plan.h"

/* tuntap_make - in the namespace of the calling thread, persistent, owned as the plan says */
int tuntap_make(const struct plan_device *d, struct error *e);

/* tuntap_owner - the number of a user (group: of a group) given by name or number; -1: no such */
int64_t tuntap_owner(const char *name, bool group);
