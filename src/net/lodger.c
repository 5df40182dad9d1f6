#include "net/lodger.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scoped.h"

/* The node whose namespace has that inode; NULL: none. */
static const char *node_of(const struct state *s, ino_t inode)
{
	const char *node, *value;

	for (size_t at = 0; state_next(s, "node/", &at, &node, &value);)
		if (strtoull(value, NULL, 10) == inode)
			return node;
	return NULL;
}

void lodger_find(const struct state *s, lodger_say_function *say, void *arg)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		char path[300], name[64] = "?";
		const char *node;
		struct stat st;
		FILE *comm;

		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		if (pid <= 0 || pid == getpid() || stat(path, &st))
			continue;
		node = node_of(s, st.st_ino);
		if (!node)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		comm = fopen(path, "re");
		if (comm && fgets(name, sizeof(name), comm))
			name[strcspn(name, "\n")] = '\0';
		if (comm)
			fclose(comm);
		say(pid, name, node, arg);
	}
	if (proc)
		closedir(proc);
}
