#include "tunnel/probe.h"

/* The tracer adds to them in our memory, through the probe's note in the binary. */
volatile unsigned short warren_seal_semaphore __attribute__((section(".probes")));
volatile unsigned short warren_open_semaphore __attribute__((section(".probes")));
