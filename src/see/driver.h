/* driver.h - the driver, bus and speed of a physical device
 *
 * Asked with the ethtool ioctls on a socket of the device's own namespace: sysfs
 * shows only the namespace that mounted it.  Needs no privilege.
 *
 * Source: Linux include/uapi/linux/ethtool.h (ETHTOOL_GDRVINFO, ETHTOOL_GLINKSETTINGS).
 */
#pragma once
#include "see/topology.h"

/* driver_read - fill driver, bus and speed of `d`; what the driver does not tell stays empty
 *
 * socket  any socket opened in the device's namespace
 */
void driver_read(struct device *d, int socket);
