#include "see/driver.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static bool ask(const struct device *d, int socket, void *command)
{
	struct ifreq request = {.ifr_data = command};

	memcpy(request.ifr_name, d->name, IFNAMSIZ);
	return ioctl(socket, SIOCETHTOOL, &request) == 0;
}

/* The settings end in three masks of up to 127 words, which are not looked at. */
enum { SETTINGS_SIZE = sizeof(struct ethtool_link_settings) + 3 * 127 * sizeof(uint32_t) };

void driver_read(struct device *d, int socket)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	_Alignas(struct ethtool_link_settings) uint8_t buffer[SETTINGS_SIZE] = {0};
	struct ethtool_link_settings *link = (struct ethtool_link_settings *)buffer;

	if (ask(d, socket, &driver)) {
		snprintf(d->driver, sizeof(d->driver), "%.31s", driver.driver);
		if (!d->bus[0])
			snprintf(d->bus, sizeof(d->bus), "%.31s", driver.bus_info);
	}
	/* The first call is answered with the masks' length as a negative number. */
	link->cmd = ETHTOOL_GLINKSETTINGS;
	if (!ask(d, socket, link) || link->link_mode_masks_nwords >= 0)
		return;
	*link = (struct ethtool_link_settings){
		.cmd = ETHTOOL_GLINKSETTINGS,
		.link_mode_masks_nwords = (int8_t)-link->link_mode_masks_nwords,
	};
	if (ask(d, socket, link) && link->speed != (uint32_t)SPEED_UNKNOWN)
		d->speed = link->speed;
}
