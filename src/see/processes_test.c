#include "see/processes.h"

#include <string.h>
#include <sys/socket.h>

#include "see/namespaces.h"
#include "see/owners.h"
#include "test.h"

#define ID "3f9a0c1b2d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8"

static const char *container(const char *cgroup)
{
	static char out[64];

	out[0] = '\0';
	return container_parse(cgroup, out, sizeof(out)) ? out : "none";
}

TEST(a_container_is_known_by_the_cgroup_that_its_engine_makes)
{
	CHECK_TEXT(container("0::/system.slice/docker-" ID ".scope\n"), "3f9a0c1b2d4e");
	CHECK_TEXT(container("12:pids:/docker/" ID "\n"), "3f9a0c1b2d4e");
	CHECK_TEXT(
		container(
			"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod12.slice/"
			"cri-containerd-" ID ".scope\n"),
		"3f9a0c1b2d4e");
	CHECK_TEXT(container("0::/kubepods/besteffort/pod12/" ID "\n"), "3f9a0c1b2d4e");
	CHECK_TEXT(container("0::/machine.slice/libpod-" ID ".scope/container\n"), "3f9a0c1b2d4e");
	CHECK_TEXT(container("0::/lxc.payload.web/init.scope\n"), "web");
	CHECK_TEXT(container("4:memory:/lxc/web\n"), "web");
	CHECK_TEXT(container("0::/machine.slice/machine-web.scope\n"), "web");
	CHECK_TEXT(container("0::/machine.slice/systemd-nspawn@web.service/payload\n"), "web");
}

TEST(other_cgroups_are_no_containers)
{
	CHECK_TEXT(container(""), "none");
	CHECK_TEXT(container("0::/\n"), "none");
	CHECK_TEXT(container("0::/user.slice/user-1000.slice/session-2.scope\n"), "none");
	CHECK_TEXT(container("0::/system.slice/docker-proxy.service\n"), "none");
	CHECK_TEXT(container("0::/docker/3f9a\n"), "none");
}

TEST(links_of_descriptors_tell_namespaces_and_tunnels)
{
	struct descriptor d = {0};

	CHECK(descriptor_parse("net:[4026531840]", &d));
	CHECK(d.kind == DESCRIPTOR_NETNS && d.netns == 4026531840);
	CHECK(descriptor_parse("/dev/net/tun", &d) && d.kind == DESCRIPTOR_TUN);
	CHECK(descriptor_parse("/dev/tap12", &d));
	CHECK(d.kind == DESCRIPTOR_MACVTAP && d.ifindex == 12);
	CHECK(!descriptor_parse("/dev/tap", &d));
	CHECK(!descriptor_parse("/dev/tap1x", &d));
	CHECK(!descriptor_parse("mnt:[4026531840]", &d));
	CHECK(!descriptor_parse("net:[]", &d));
	CHECK(!descriptor_parse("net:[12", &d));
	CHECK(!descriptor_parse("net:[12]x", &d));
	CHECK(!descriptor_parse("socket:[12]", &d));
}

TEST(a_mounted_namespace_is_known_by_its_line)
{
	ino_t inode = 0;
	char path[64];

	CHECK(mount_parse("511 30 0:4 net:[4026532512] /run/netns/A rw shared:7 - nsfs nsfs rw\n",
		&inode, path, sizeof(path)));
	CHECK(inode == 4026532512);
	CHECK_TEXT(path, "/run/netns/A");
	CHECK(mount_parse(
		"511 30 0:4 net:[1] /a\\040b rw - nsfs nsfs rw\n", &inode, path, sizeof(path)));
	CHECK_TEXT(path, "/a b");
	CHECK(!mount_parse(
		"511 30 0:4 mnt:[1] /run/x rw - nsfs nsfs rw\n", &inode, path, sizeof(path)));
	CHECK(!mount_parse("22 1 0:20 / /proc rw - proc proc rw\n", &inode, path, sizeof(path)));
	CHECK(!mount_parse("", &inode, path, sizeof(path)));
	CHECK(!mount_parse("511 30 0:4 net:[1] - nsfs ", &inode, path, sizeof(path)));
}

TEST(fdinfo_names_the_device_of_a_tun_descriptor)
{
	char name[IFNAMSIZ] = "";

	CHECK(fdinfo_parse("pos:\t0\nflags:\t02\nmnt_id:\t26\nino:\t5\niff:\ttun0\n", name));
	CHECK_TEXT(name, "tun0");
	CHECK(!fdinfo_parse("pos:\t0\nflags:\t02\n", name));
	CHECK(!fdinfo_parse("iff:\t\n", name));
	CHECK(!fdinfo_parse("iff:\ta_name_that_is_far_too_long\n", name));
	CHECK(!fdinfo_parse("iff:\tcut", name));
}
