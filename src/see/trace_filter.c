#include "see/trace_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "see/filter.h"
#include "see/trace_event.h"

/* As in trace.bpf.c: filter_run(). */
enum { ROOM = 4096, AROUND = 2 };
static const struct instruction marks[2] = {{0xb7, 0, 0, 0x57a4f11e}, {0xb7, 0, 0, 0x1ef1a457}};
static const struct instruction filling = {0xb7, 0, 0, 0}; /* r0 = 0 */

int filter_code_make(struct filter_code *f, const char *text, struct error *e)
{
	struct filter classic = {0};
	int err;

	*f = (struct filter_code){0};
	err = filter_compile(&classic, text, DLT_EN10MB, FILTER_SNAPLEN, e);
	if (err)
		return err;
	f->code = calloc(ROOM, sizeof(*f->code));
	f->size = f->code ? classic_translate(f->code, ROOM - AROUND, classic.program.bf_insns,
				    classic.program.bf_len, TRACE_WINDOW)
			  : -ENOMEM;
	f->reach = classic_reach(classic.program.bf_insns, classic.program.bf_len, TRACE_WINDOW);
	filter_done(&classic);
	if (f->size > 0)
		return 0;
	err = f->size;
	filter_code_done(f);
	if (err == -E2BIG)
		return error_set(e, E2BIG, "filter '%s': too long to run in the kernel", text);
	return error_set(e, -err,
		"filter '%s': cannot run in the kernel (loops such as protochain)",
		text ? text : "");
}

void filter_code_done(struct filter_code *f)
{
	free(f->code);
	*f = (struct filter_code){0};
}

int filter_code_place(const struct filter_code *f, uint8_t *object, size_t size)
{
	uint8_t *at = memmem(object, size, marks, sizeof(marks));
	struct instruction *room = calloc(ROOM, sizeof(*room));

	if (!room)
		return -ENOMEM;
	if (!at || (size_t)(object + size - at) < ROOM * sizeof(*room)) {
		free(room);
		return -ENOEXEC;
	}
	room[0] = filling;
	room[1] = (struct instruction){0x55, 0, (int16_t)f->size, 0}; /* if r0 != 0 goto behind */
	memcpy(room + AROUND, f->code, (size_t)f->size * sizeof(*room));
	for (int i = AROUND + f->size; i < ROOM; i++)
		room[i] = filling;
	memcpy(at, room, ROOM * sizeof(*room));
	free(room);
	return 0;
}
