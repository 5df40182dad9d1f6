#include "base/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

/* Two networks and a plain name, as files in a folder of their own. */
static char root[] = "/tmp/warren-node-XXXXXX";

static void touch(const char *name, bool folder)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	if (folder)
		mkdir(path, 0700);
	else
		close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void setup(void)
{
	char netns[256], state[256];

	strcpy(root, "/tmp/warren-node-XXXXXX");
	CHECK(mkdtemp(root));
	for (const char *const *f = (const char *const[]){"netns", "state", "state/vpn", "state/lab", NULL};
		*f; f++)
		touch(*f, true);
	touch("netns/vpn.a", false);
	touch("netns/vpn.b", false);
	touch("netns/lab.b", false);
	touch("netns/other.c", false); /* a dot, but no such network */
	snprintf(netns, sizeof(netns), "%s/netns", root);
	snprintf(state, sizeof(state), "%s/state", root);
	node_directories(netns, state);
}

static void teardown(void)
{
	char command[300];

	snprintf(command, sizeof(command), "%s/netns", root);
	node_directories("/run/netns", "/run/warren");
	for (const char *const *f = (const char *const[]){"netns/vpn.a", "netns/vpn.b", "netns/lab.b",
		     "netns/other.c", "netns", "state/vpn", "state/lab", "state", "", NULL};
		*f; f++) {
		snprintf(command, sizeof(command), "%s/%s", root, *f);
		remove(command);
	}
}

TEST(a_node_is_called_by_its_short_name_where_that_is_unique)
{
	struct node *list, n;
	struct error e = {0};

	setup();
	CHECK(node_list(&list) == 4);
	CHECK_TEXT(list[0].name, "a");
	CHECK_TEXT(list[1].name, "lab/b");
	CHECK_TEXT(list[2].name, "other.c");
	CHECK_TEXT(list[3].name, "vpn/b");
	free(list);

	CHECK(node_open(&n, "a", &e) == 0);
	CHECK_TEXT(n.netns, "vpn.a");
	CHECK_TEXT(n.network, "vpn");
	node_close(&n);
	CHECK(node_open(&n, "b", &e) == -ENOTUNIQ);
	CHECK(strstr(e.text, "lab/b") && strstr(e.text, "vpn/b"));
	CHECK(node_open(&n, "lab/b", &e) == 0);
	CHECK_TEXT(n.netns, "lab.b");
	node_close(&n);
	CHECK(node_open(&n, "other.c", &e) == 0);
	CHECK_TEXT(n.network, "");
	node_close(&n);
	CHECK(node_open(&n, "c", &e) == -ENOENT);
	CHECK(node_open(&n, "pid:x", &e) == -EINVAL);
	teardown();
}
