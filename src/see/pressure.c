#include "see/pressure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number in column `at` of a row, or 0. */
static uint64_t column(const char *row, size_t length, int at)
{
	const char *end = row + length;

	for (int i = 0; row < end; i++) {
		while (row < end && *row == ' ')
			row++;
		if (row < end && i == at)
			return strtoull(row, NULL, 16);
		while (row < end && *row != ' ')
			row++;
	}
	return 0;
}

static int column_named(const char *row, size_t length, const char *name)
{
	const char *end = row + length;

	for (int i = 0; row < end; i++) {
		size_t word;

		while (row < end && *row == ' ')
			row++;
		for (word = 0; row + word < end && row[word] != ' '; word++)
			;
		if (word && word == strlen(name) && !strncmp(row, name, word))
			return i;
		row += word;
	}
	return -1;
}

void neighbour_table_parse(const char *text, struct neighbour_table *t)
{
	size_t length = strcspn(text, "\n");
	int entries = column_named(text, length, "entries");
	int fulls = column_named(text, length, "table_fulls");

	*t = (struct neighbour_table){0};
	for (text += length + (text[length] == '\n'); *text;
		text += length + (text[length] == '\n')) {
		length = strcspn(text, "\n");
		/* The number of entries is the table's, the same in each row. */
		if (entries >= 0)
			t->entries = column(text, length, entries);
		if (fulls >= 0)
			t->fulls += column(text, length, fulls);
	}
}

uint64_t backlog_drops_parse(const char *text)
{
	uint64_t sum = 0;
	size_t length;

	for (; *text; text += length + (text[length] == '\n')) {
		length = strcspn(text, "\n");
		sum += column(text, length, 1);
	}
	return sum;
}

/* A row has less than 200 bytes: room for the CPUs of any machine that will run this. */
static char *file_text(const char *path)
{
	enum { ROOM = 1 << 18 };
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(ROOM + 1) : NULL;

	if (text)
		text[fread(text, 1, ROOM, file)] = '\0';
	if (file)
		fclose(file);
	return text;
}

void pressure_read(struct pressure *p)
{
	char *arp = file_text("/proc/net/stat/arp_cache");
	char *ndisc = file_text("/proc/net/stat/ndisc_cache");
	char *backlog = file_text("/proc/net/softnet_stat");

	*p = (struct pressure){0};
	if (arp)
		neighbour_table_parse(arp, &p->arp);
	if (ndisc)
		neighbour_table_parse(ndisc, &p->ndisc);
	if (backlog)
		p->backlog_drops = backlog_drops_parse(backlog);
	free(arp);
	free(ndisc);
	free(backlog);
}
