/* Any text where /proc or a tunnel's daemon should speak: nothing beyond it is read, and what
 * comes out is a text that ends. */
#include <stdlib.h>
#include <string.h>

#include "see/namespaces.h"
#include "see/owners.h"
#include "see/processes.h"
#include "see/wireguard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char container[64], path[64], name[IFNAMSIZ];
	struct descriptor d = {0};
	struct wireguard w;
	ino_t inode;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (container_parse(text, container, sizeof(container)) && !container[0])
		abort();
	if (mount_parse(text, &inode, path, sizeof(path)) && strlen(path) >= sizeof(path))
		abort();
	if (fdinfo_parse(text, name) && (!name[0] || strlen(name) >= sizeof(name)))
		abort();
	descriptor_parse(text, &d);
	if (wireguard_parse(text, &w))
		wireguard_peer_for(&w, 4, (const uint8_t[]){10, 0, 0, 1});
	wireguard_done(&w);
	free(text);
	return 0;
}
