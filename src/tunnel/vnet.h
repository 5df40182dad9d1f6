/* vnet.h - names of the kernel's offload interface that older headers lack
 *
 * Source: include/uapi/linux/{virtio_net,if_tun,udp}.h of Linux 6.2 and later.
 */
#pragma once
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/udp.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* one UDP header, many datagrams */
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif
