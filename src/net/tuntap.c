#include "net/tuntap.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/if_tun.h>

#include "base/scoped.h"

int64_t tuntap_owner(const char *name, bool group)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (*name && !*end)
		return (int64_t)number;
	if (group) {
		const struct group *g = getgrnam(name);

		return g ? (int64_t)g->gr_gid : -1;
	}

	const struct passwd *p = getpwnam(name);

	return p ? (int64_t)p->pw_uid : -1;
}

static int owner_set(int fd, const char *name, bool group, struct error *e)
{
	int64_t number = name ? tuntap_owner(name, group) : 0;

	if (!name)
		return 0;
	if (number < 0)
		return error_set(e, ENOENT, "there is no %s '%s'", group ? "group" : "user", name);
	if (ioctl(fd, group ? TUNSETGROUP : TUNSETOWNER, (unsigned long)number))
		return error_errno(e, errno, "%s %s", group ? "group" : "owner", name);
	return 0;
}

int tuntap_make(const struct plan_device *d, struct error *e)
{
	SCOPED_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq request = {0};
	int err;

	if (fd < 0)
		return error_errno(e, errno, "cannot open /dev/net/tun for reading and writing");
	memcpy(request.ifr_name, d->name, sizeof(request.ifr_name));
	request.ifr_flags =
		(short)((d->kind == KIND_TAP ? IFF_TAP : IFF_TUN) | (d->tuntap.pi ? 0 : IFF_NO_PI) |
			(d->tuntap.vnet_hdr ? IFF_VNET_HDR : 0) |
			(d->tuntap.multi_queue ? IFF_MULTI_QUEUE : 0) | IFF_TUN_EXCL);
	if (ioctl(fd, TUNSETIFF, &request))
		return error_errno(e, errno == EBUSY ? EEXIST : errno, "TUNSETIFF");
	err = owner_set(fd, d->tuntap.owner, false, e);
	if (!err)
		err = owner_set(fd, d->tuntap.group, true, e);
	if (!err && ioctl(fd, TUNSETPERSIST, 1UL))
		err = error_errno(e, errno, "TUNSETPERSIST");
	return err;
}
