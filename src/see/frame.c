#include "see/frame.h"

#include <string.h>

bool frame_tag(uint8_t **start, uint32_t held, uint16_t tpid, uint16_t tci)
{
	uint8_t *to = *start - FRAME_TAG_SIZE;

	if (held < FRAME_ADDRESSES)
		return false;
	memmove(to, *start, FRAME_ADDRESSES);
	if (!tpid)
		tpid = 0x8100;
	to[12] = (uint8_t)(tpid >> 8);
	to[13] = (uint8_t)tpid;
	to[14] = (uint8_t)(tci >> 8);
	to[15] = (uint8_t)tci;
	*start = to;
	return true;
}
