/* control.h - the packet process, and the thread in it that decides
 *
 * Workers carry packets; this thread does the rest, all of it from one loop:
 *
 *	handshakes that arrived  -> device_receive()
 *	a deadline, a worker     -> device_step()
 *	the UAPI socket          -> config_apply(), config_get(), config_status()
 *	the parent               -> settings of the file, addresses of names, up and down, stop
 *
 * It owns the struct device.  Before the first packet it enters the sandbox;
 * what it needs of the outside it asks the parent for (privilege.h).
 */
#pragma once
#include "tunnel/tun.h"

struct control_start {
	struct tun tun;
	uint32_t mtu;	    /* of the device */
	const char *crypto; /* worker_options.aead */
	unsigned threads;   /* worker_options.threads */
	int ask, tell;	    /* channels to the parent */
	int uapi;	    /* listening */
	int metrics;	    /* listening; -1: not wanted */
	int path4, path6;   /* path_error.h; negative: not to be had */
};

/* control_run - the packet process from its start to its end; returns its exit status */
int control_run(const struct control_start *start);
