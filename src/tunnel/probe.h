/* probe.h - where a tracer may listen to the tunnel (USDT, provider `warren`)
 *
 *	seal(const void *packet, u32 length, u32 receiver, u64 counter, u32 datagram)
 *	open(const void *packet, u32 length, u32 receiver, u64 counter, u32 datagram)
 *
 * `seal` fires just before a packet is sealed in place, `open` just after one
 * was unsealed and its counter accepted: the inner packet is readable at both.
 * length: of the packet without padding; datagram: of the UDP payload.
 *
 * With receiver index and counter, the inner packet and the datagram that it
 * becomes are one.  A probe that nobody listens to costs one load, since its
 * arguments are only made up while its semaphore is not 0.
 */
#pragma once
#include <stdint.h>

#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

extern volatile unsigned short warren_seal_semaphore, warren_open_semaphore;

#define PROBE_SEAL_IS_ON __builtin_expect(warren_seal_semaphore, 0)
#define PROBE_OPEN_IS_ON __builtin_expect(warren_open_semaphore, 0)

static inline void probe_seal(
	const void *packet, uint32_t length, uint32_t receiver, uint64_t counter, uint32_t datagram)
{
	STAP_PROBE5(warren, seal, packet, length, receiver, counter, datagram);
}

static inline void probe_open(
	const void *packet, uint32_t length, uint32_t receiver, uint64_t counter, uint32_t datagram)
{
	STAP_PROBE5(warren, open, packet, length, receiver, counter, datagram);
}
