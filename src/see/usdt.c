#include "see/usdt.h"

#include <ctype.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* The machine that we run on: its number in an ELF file, and where each register is kept. */
#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
static const struct {
	const char *names[4]; /* whole, and its lower parts */
	uint16_t offset;      /* in struct pt_regs */
} registers[] = {
	{{"r15", "r15d", "r15w", "r15b"}, 0},
	{{"r14", "r14d", "r14w", "r14b"}, 8},
	{{"r13", "r13d", "r13w", "r13b"}, 16},
	{{"r12", "r12d", "r12w", "r12b"}, 24},
	{{"rbp", "ebp", "bp", "bpl"}, 32},
	{{"rbx", "ebx", "bx", "bl"}, 40},
	{{"r11", "r11d", "r11w", "r11b"}, 48},
	{{"r10", "r10d", "r10w", "r10b"}, 56},
	{{"r9", "r9d", "r9w", "r9b"}, 64},
	{{"r8", "r8d", "r8w", "r8b"}, 72},
	{{"rax", "eax", "ax", "al"}, 80},
	{{"rcx", "ecx", "cx", "cl"}, 88},
	{{"rdx", "edx", "dx", "dl"}, 96},
	{{"rsi", "esi", "si", "sil"}, 104},
	{{"rdi", "edi", "di", "dil"}, 112},
	{{"rsp", "esp", "sp", "spl"}, 152},
};
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#else
enum { MACHINE = EM_NONE };
#endif

/* A register's name without its sign; returns what follows, NULL: no such register. */
static const char *register_parse(const char *text, uint16_t *offset)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]))
		length++;
#if defined(__x86_64__)
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		for (size_t k = 0; k < 4; k++)
			if (!strncmp(text, registers[i].names[k], length) &&
				!registers[i].names[k][length]) {
				*offset = registers[i].offset;
				return text + length;
			}
#elif defined(__aarch64__)
	if (length == 2 && !strncmp(text, "sp", 2)) {
		*offset = 31 * 8;
		return text + length;
	}
	if ((text[0] == 'x' || text[0] == 'w') && isdigit((unsigned char)text[1])) {
		char *end;
		unsigned long number = strtoul(text + 1, &end, 10);

		*offset = (uint16_t)(number * 8);
		return number <= 30 ? end : NULL;
	}
#endif
	return NULL;
}

/* A whole number, or 0 where none stands; what follows. */
static const char *number_parse(const char *text, int64_t *out)
{
	char *end;

	*out = strtoll(text, &end, 0);
	return end;
}

#if defined(__x86_64__)
/* "$5", "%rax", "-16(%rbp)", "(%rax,%rbx,4)" */
static const char *operand_parse(const char *text, struct station_argument *a)
{
	int64_t scale = 1;

	if (text[0] == '$') {
		a->source = STATION_CONSTANT;
		return number_parse(text + 1, (int64_t *)&a->value);
	}
	if (text[0] == '%') {
		a->source = STATION_REGISTER;
		return register_parse(text + 1, &a->base);
	}
	a->source = STATION_MEMORY;
	text = number_parse(text, (int64_t *)&a->value);
	if (strncmp(text, "(%", 2) != 0)
		return NULL;
	text = register_parse(text + 2, &a->base);
	if (text && !strncmp(text, ",%", 2)) {
		text = register_parse(text + 2, &a->index);
		if (text && text[0] == ',')
			text = number_parse(text + 1, &scale);
		if (scale != 1 && scale != 2 && scale != 4 && scale != 8)
			return NULL;
		a->scale = (uint8_t)scale;
	}
	return text && text[0] == ')' ? text + 1 : NULL;
}
#else
/* "5", "x0", "[sp]", "[sp, 16]" */
static const char *operand_parse(const char *text, struct station_argument *a)
{
	if (text[0] == '-' || isdigit((unsigned char)text[0])) {
		a->source = STATION_CONSTANT;
		return number_parse(text, (int64_t *)&a->value);
	}
	if (text[0] != '[') {
		a->source = STATION_REGISTER;
		return register_parse(text, &a->base);
	}
	a->source = STATION_MEMORY;
	text = register_parse(text + 1, &a->base);
	if (text && text[0] == ',')
		text = number_parse(text + 1, (int64_t *)&a->value);
	return text && text[0] == ']' ? text + 1 : NULL;
}
#endif

const char *usdt_argument_parse(const char *text, struct station_argument *a)
{
	int64_t size;

	*a = (struct station_argument){0};
	text = number_parse(text, &size);
	a->is_signed = size < 0;
	if (size < 0)
		size = -size;
	if ((size != 1 && size != 2 && size != 4 && size != 8) || text[0] != '@')
		return NULL;
	a->bytes = (uint8_t)size;
	text = operand_parse(text + 1, a);
	return text && (text[0] == ' ' || !text[0]) ? text : NULL;
}

/* The file, and what was found in it. */
struct image {
	const uint8_t *bytes;
	size_t size;
	Elf64_Ehdr head;
	Elf64_Shdr names; /* of the sections */
};

static bool copy(const struct image *m, uint64_t at, void *to, size_t size)
{
	if (at > m->size || size > m->size - at)
		return false;
	memcpy(to, m->bytes + at, size);
	return true;
}

static bool section_at(const struct image *m, size_t index, Elf64_Shdr *s)
{
	return copy(m, m->head.e_shoff + index * sizeof(*s), s, sizeof(*s));
}

static bool image_open(struct image *m, const void *bytes, size_t size)
{
	*m = (struct image){.bytes = bytes, .size = size};
	return copy(m, 0, &m->head, sizeof(m->head)) && !memcmp(m->head.e_ident, ELFMAG, SELFMAG) &&
	       m->head.e_ident[EI_CLASS] == ELFCLASS64 && m->head.e_machine == MACHINE &&
	       m->head.e_shentsize == sizeof(Elf64_Shdr) &&
	       m->head.e_phentsize == sizeof(Elf64_Phdr) &&
	       section_at(m, m->head.e_shstrndx, &m->names);
}

/* The first section of that name. */
static bool section_find(const struct image *m, const char *name, Elf64_Shdr *s)
{
	char is[32];
	size_t length = strlen(name) + 1;

	for (size_t i = 0; i < m->head.e_shnum; i++)
		if (section_at(m, i, s) && copy(m, m->names.sh_offset + s->sh_name, is, length) &&
			!memcmp(is, name, length))
			return true;
	return false;
}

/* Where in the file an address of the running program comes from; 0: nowhere. */
static uint64_t offset_of(const struct image *m, uint64_t address)
{
	Elf64_Phdr p;

	for (size_t i = 0; i < m->head.e_phnum; i++)
		if (copy(m, m->head.e_phoff + i * sizeof(p), &p, sizeof(p)) &&
			p.p_type == PT_LOAD && address >= p.p_vaddr &&
			address - p.p_vaddr < p.p_memsz)
			return address - p.p_vaddr + p.p_offset;
	return 0;
}

/* Takes a text from the front of what is left of a note; NULL when it does not end. */
static const char *text_take(const char **left, size_t *size)
{
	const char *text = *left, *end = memchr(text, '\0', *size);

	if (!end)
		return NULL;
	*size -= (size_t)(end + 1 - text);
	*left = end + 1;
	return text;
}

/* A note's words: the addresses, then the provider, the name and the arguments. */
static bool probe_read(const struct image *m, uint64_t base, const char *words, size_t size,
	const char *provider, struct usdt_probe *p)
{
	uint64_t place[3]; /* of the instruction, of the base when it was linked, of the counter */
	const char *left = words + sizeof(place), *of, *name, *arguments;

	*p = (struct usdt_probe){0};
	if (size < sizeof(place))
		return false;
	memcpy(place, words, sizeof(place));
	size -= sizeof(place);
	of = text_take(&left, &size);
	name = of ? text_take(&left, &size) : NULL;
	arguments = name ? text_take(&left, &size) : NULL;
	if (!arguments || strcmp(of, provider) != 0 || strlen(name) >= USDT_NAME)
		return false;
	memcpy(p->name, name, strlen(name) + 1);
	p->at = offset_of(m, place[0] + base - place[1]);
	p->semaphore = place[2] ? offset_of(m, place[2] + base - place[1]) : 0;
	while (*arguments && p->argument_count < STATION_ARGUMENTS) {
		arguments = usdt_argument_parse(arguments, &p->arguments[p->argument_count++]);
		if (!arguments)
			return false;
		arguments += strspn(arguments, " ");
	}
	return p->at && !*arguments && (p->semaphore || !place[2]);
}

static uint64_t aligned(uint64_t size)
{
	return (size + 3) & ~UINT64_C(3);
}

size_t usdt_read(
	const void *elf, size_t size, const char *provider, struct usdt_probe *list, size_t room)
{
	Elf64_Shdr notes, base;
	struct image m;
	size_t count = 0;

	if (!image_open(&m, elf, size) || !section_find(&m, ".note.stapsdt", &notes) ||
		!section_find(&m, ".stapsdt.base", &base) || notes.sh_offset > m.size ||
		notes.sh_size > m.size - notes.sh_offset)
		return 0;
	for (uint64_t at = 0; count < room && at + sizeof(Elf64_Nhdr) <= notes.sh_size;) {
		Elf64_Nhdr head;
		uint64_t words;

		memcpy(&head, m.bytes + notes.sh_offset + at, sizeof(head));
		words = at + sizeof(head) + aligned(head.n_namesz);
		at = words + aligned(head.n_descsz);
		if (words + head.n_descsz > notes.sh_size)
			break;
		/* Type 3 is the only one there is. */
		if (head.n_type == 3 && probe_read(&m, base.sh_addr,
						(const char *)m.bytes + notes.sh_offset + words,
						head.n_descsz, provider, &list[count]))
			count++;
	}
	return count;
}
