#include "tunnel/conf_save.h"

#include <errno.h>
#include <string.h>

#include "test.h"

#define KEY_A "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define HEX_A "0100000000000000000000000000000000000000000000000000000000000000"
#define HEX_B "0200000000000000000000000000000000000000000000000000000000000000"
#define HEX_0 "0000000000000000000000000000000000000000000000000000000000000000"

static const char file[] = "[Interface]\nPrivateKey = " KEY_B "\nAddress = 10.0.0.1/24\n"
			   "DNS = 10.0.0.53, example.org\nMTU = 1380\nSaveConfig = true\n"
			   "PostUp = echo %i; true\n"
			   "[Peer]\nPublicKey = " KEY_B "\nEndpoint = vpn.example.org:7\n";

static const char device[] = "private_key=" HEX_A "\nlisten_port=51820\nfwmark=51820\n"
			     "public_key=" HEX_B "\npreshared_key=" HEX_0 "\nprotocol_version=1\n"
			     "endpoint=10.1.1.1:7\nlast_handshake_time_sec=1\n"
			     "last_handshake_time_nsec=0\nrx_bytes=0\ntx_bytes=0\n"
			     "persistent_keepalive_interval=0\nallowed_ip=10.0.0.0/8\n"
			     "public_key=" HEX_A "\npreshared_key=" HEX_B "\nprotocol_version=1\n"
			     "endpoint=[2001:db8::1]:9\npersistent_keepalive_interval=25\n"
			     "allowed_ip=1.2.3.4/32\nallowed_ip=::/0\nerrno=0\n\n";

TEST(a_saved_file_has_the_devices_state_and_the_rest_of_the_old_file)
{
	struct uapi_reply out = {0};
	struct conf c = {0};

	CHECK(!conf_parse(&c, "f", file, strlen(file), NULL));
	CHECK(!conf_save_format(&out, &c, device, strlen(device), 51820));
	uapi_reply_bytes(&out, "", 1);
	CHECK_TEXT(out.bytes, "[Interface]\nAddress = 10.0.0.1/24\nDNS = 10.0.0.53\n"
			      "DNS = example.org\nMTU = 1380\nSaveConfig = true\n"
			      "PostUp = echo %i; true\nPrivateKey = " KEY_A "\n"
			      "ListenPort = 51820\n\n[Peer]\nEndpoint = vpn.example.org:7\n"
			      "PublicKey = " KEY_B "\nAllowedIPs = 10.0.0.0/8\n\n[Peer]\n"
			      "PublicKey = " KEY_A "\nPresharedKey = " KEY_B "\n"
			      "Endpoint = [2001:db8::1]:9\nPersistentKeepalive = 25\n"
			      "AllowedIPs = 1.2.3.4/32\nAllowedIPs = ::/0\n");
	uapi_reply_done(&out);
	conf_done(&c);
}

TEST(a_saved_file_can_be_read)
{
	struct uapi_reply out = {0};
	struct conf c = {0}, again = {0};
	struct error e = {0};

	CHECK(!conf_parse(&c, "f", file, strlen(file), NULL));
	CHECK(!conf_save_format(&out, &c, device, strlen(device), 0));
	CHECK(!conf_parse(&again, "f", out.bytes, out.size, &e));
	CHECK(again.settings.fwmark == 51820 && again.settings.private_key[0] == 1);
	CHECK(again.settings.peer_count == 2 && again.settings.allowed_count == 3);
	CHECK(again.name_count == 1 && again.save && again.mtu == 1380);
	uapi_reply_done(&out);
	conf_done(&again);
	CHECK(conf_save_format(&out, &c, "private_key=zz\n", 15, 0) == -EBADMSG);
	CHECK(conf_save_format(&out, &c, "cut", 3, 0) == -EBADMSG);
	uapi_reply_done(&out);
	conf_done(&c);
}
