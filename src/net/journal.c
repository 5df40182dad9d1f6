#include "net/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scoped.h"

static struct journal_entry *entry_find(const struct journal *j, const char *key)
{
	for (size_t i = 0; i < j->count; i++)
		if (!strcmp(j->list[i].key, key))
			return &j->list[i];
	return NULL;
}

const char *journal_get(const struct journal *j, const char *key)
{
	const struct journal_entry *entry = entry_find(j, key);

	return entry ? entry->value : NULL;
}

static void entry_del(struct journal *j, const char *key)
{
	struct journal_entry *entry = entry_find(j, key);

	if (!entry)
		return;
	free(entry->key);
	free(entry->value);
	memmove(entry, entry + 1, (size_t)(j->list + j->count - (entry + 1)) * sizeof(*entry));
	j->count--;
}

static int entry_put(struct journal *j, const char *key, const char *value)
{
	struct journal_entry *entry = entry_find(j, key);
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	if (!entry) {
		struct journal_entry *grown = reallocarray(j->list, j->count + 1, sizeof(*grown));
		char *name = strdup(key);

		if (grown)
			j->list = grown;
		if (!grown || !name) {
			free(copy);
			free(name);
			return -ENOMEM;
		}
		entry = &j->list[j->count++];
		*entry = (struct journal_entry){.key = name};
	}
	free(entry->value);
	entry->value = copy;
	return 0;
}

static void escape(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", f);
		else if (*text == '\t')
			fputs("\\t", f);
		else if (*text == '\\')
			fputs("\\\\", f);
		else
			fputc(*text, f);
	}
}

/* In place. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '\\' && text[1]) {
			text++;
			*out++ = *text == 'n' ? '\n' : *text == 't' ? '\t' : *text;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

size_t journal_read(struct journal *j, const char *text, size_t size)
{
	size_t at = 0;

	for (;;) {
		const char *end = memchr(text + at, '\n', size - at);
		char *tab;

		if (!end)
			return at;

		SCOPED_FREE char *line = strndup(text + at, (size_t)(end - text) - at);

		at = (size_t)(end - text) + 1;
		if (!line)
			return at;
		tab = strchr(line, '\t');
		if (tab)
			*tab++ = '\0';
		if (line[0] == '+' && tab) {
			unescape(line + 1);
			unescape(tab);
			entry_put(j, line + 1, tab);
		} else if (line[0] == '-') {
			unescape(line + 1);
			entry_del(j, line + 1);
		}
	}
}

int journal_open(struct journal *j, int directory, const char *name, bool create, struct error *e)
{
	struct stat st;
	size_t size, got = 0;

	*j = (struct journal){
		.fd = openat(directory, name, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600)};
	if (j->fd < 0)
		return create || errno != ENOENT ? error_errno(e, errno, "journal") : -ENOENT;
	if (fstat(j->fd, &st))
		return error_errno(e, errno, "journal");
	size = (size_t)st.st_size;

	SCOPED_FREE char *text = malloc(size + 1);

	while (text && got < size) {
		ssize_t n = pread(j->fd, text + got, size - got, (off_t)got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (!text || got < size) {
		journal_close(j);
		return error_errno(e, text ? EIO : ENOMEM, "journal");
	}
	got = journal_read(j, text, size);
	/* What follows must not become part of an unfinished line. */
	if (ftruncate(j->fd, (off_t)got) || lseek(j->fd, 0, SEEK_END) < 0)
		return error_errno(e, errno, "journal");
	return 0;
}

void journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	for (size_t i = 0; i < j->count; i++) {
		free(j->list[i].key);
		free(j->list[i].value);
	}
	free(j->list);
	j->list = NULL;
	j->count = 0;
}

static int line_write(
	struct journal *j, char sign, const char *key, const char *value, struct error *e)
{
	char *line = NULL;
	size_t size;
	FILE *f = open_memstream(&line, &size);
	bool ok;

	if (!f)
		return error_errno(e, ENOMEM, "journal");
	fputc(sign, f);
	escape(f, key);
	if (value) {
		fputc('\t', f);
		escape(f, value);
	}
	fputc('\n', f);
	ok = !fclose(f) && (j->fd < 0 || write(j->fd, line, size) == (ssize_t)size);
	free(line);
	return ok ? 0 : error_errno(e, errno ? errno : EIO, "journal");
}

int journal_put(struct journal *j, const char *key, const char *value, struct error *e)
{
	int err = line_write(j, '+', key, value, e);

	if (!err && entry_put(j, key, value))
		err = error_errno(e, ENOMEM, "journal");
	return err;
}

int journal_del(struct journal *j, const char *key, struct error *e)
{
	int err = entry_find(j, key) ? line_write(j, '-', key, NULL, e) : 0;

	if (!err)
		entry_del(j, key);
	return err;
}
