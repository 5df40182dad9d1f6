#!/usr/bin/env python3
"""The same requests to two user-space WireGuards; everything they answer is compared.

    uapi-pairs.py raw|wg SEED ROUNDS PID-OF-NODE-1 PID-OF-NODE-2

`raw` speaks to the sockets, `wg` runs the program.  Both devices are down.
Not compared, since there they differ on purpose:

 * the order of peers: wireguard-go keeps them in a map
 * a port that nobody asked for: each draws its own
 * how much was sent: wireguard-go may begin a handshake while it is down
 * a section that first gives its peer something and then says remove or
   update_only: wireguard-go has made and unmade the peer, and taken from the
   others; Warren, like the kernel's module, then does nothing else
 * after a mistake: wireguard-go has made the changes up to it and closes the
   connection at the next line; Warren changes nothing and reads on
"""
import base64, os, random, re, socket, subprocess, sys

mode, seed, rounds, pids = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:6]
R = random.Random(seed)
PRIVATE = ["%064x" % (i * 2**200 + 2**254 + 8) for i in (1, 2)]
ZERO = "0" * 64
PEERS = ["%064x" % (i * 2**240 + 9) for i in range(1, 6)]
PREFIXES = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/16", "10.1.2.3/32", "0.0.0.0/0", "::/0", "2001:db8::/32",
            "2001:db8::1/128", "2001:db8:0:1::/64", "192.168.3.77/24", "fe80::/10", "::1/128", "128.0.0.0/1"]
ENDPOINTS = ["1.2.3.4:5", "10.0.0.1:65535", "[2001:db8::7]:51820", "[::1]:1", "1.2.3.4:0"]
MISTAKES = ["nonsense=1", "listen_port", "private_key=aa", "listen_port=65536", "fwmark=-1", "fwmark=0x10",
            "replace_peers=false", "remove=true", "endpoint=1.2.3.4:5", "=1", "listen_port=", "get=1"]
PEER_MISTAKES = ["endpoint=1.2.3.4", "endpoint=host:1", "endpoint=1.2.3.4:65536", "allowed_ip=1.2.3.4",
                 "allowed_ip=1.2.3.4/33", "allowed_ip=::/129", "persistent_keepalive_interval=65536",
                 "persistent_keepalive_interval=off", "remove=false", "update_only=1", "preshared_key=12",
                 "public_key=zz", "private_key=" + ZERO, "protocol_version=2", "rx_bytes=1", "endpoint", "errno=0"]


def connect(pid):
    s = socket.socket(socket.AF_UNIX)
    s.connect("/proc/%s/root/run/wireguard/wg0.sock" % pid)
    return s


def port(match):
    """Those that are asked for are from this range."""
    return match[0] if 20000 <= int(match[1]) < 21000 else "a port\n"


def request(pid, text):
    s = connect(pid)
    s.sendall(text.encode())
    answer = b""
    while not answer.endswith(b"\n\n"):
        part = s.recv(1 << 16)
        if not part:
            break
        answer += part
    s.close()
    return answer.decode()


def state(pid):
    """get=1, with the peers in the order of their keys"""
    text = re.sub("tx_bytes=.*", "tx_bytes=0", request(pid, "get=1\n\n"))
    parts = re.sub("listen_port=(.*)", port, text).split("public_key=")
    end = parts[-1].find("errno=")
    parts[-1] = parts[-1][:end]
    return [parts[0]] + sorted(parts[1:])


def peer_lines():
    lines = ["public_key=" + R.choice(PEERS + [own])]
    if R.random() < 0.3:
        lines.append(R.choice(["remove=true", "update_only=true"]))
    for _ in range(R.randrange(6)):
        lines.append(R.choice([
            lambda: "allowed_ip=" + R.choice(PREFIXES), lambda: "allowed_ip=" + R.choice(PREFIXES),
            lambda: "allowed_ip=" + R.choice(PREFIXES), lambda: "allowed_ip=" + R.choice(PREFIXES),
            lambda: "replace_allowed_ips=true",
            lambda: "preshared_key=" + R.choice([ZERO] + PEERS), lambda: "endpoint=" + R.choice(ENDPOINTS),
            lambda: "persistent_keepalive_interval=%d" % R.choice([0, 1, 25, 65535]),
            lambda: "protocol_version=1"])())
    return lines


def public(private):
    b = base64.b64encode(bytes.fromhex(private)).decode()
    out = subprocess.run(["wg", "pubkey"], input=b, capture_output=True, text=True, check=True).stdout
    return base64.b64decode(out).hex()


def raw_round():
    lines = ["set=1"]
    if R.random() < 0.3:
        lines.append("private_key=" + R.choice(PRIVATE + [ZERO]))
    if R.random() < 0.2:
        lines.append("listen_port=%d" % R.choice([0, 20000 + R.randrange(1000)]))
    if R.random() < 0.2:
        lines.append("fwmark=%d" % R.choice([0, 7, 2**32 - 1]))
    if R.random() < 0.1:
        lines.append("replace_peers=true")
    for _ in range(R.randrange(4)):
        lines += peer_lines()
    wrong = R.random() < 0.2
    if wrong:
        lines.append(R.choice(PEER_MISTAKES if "public_key" in "".join(lines) else MISTAKES))
    text = "\n".join(lines) + "\n\n"
    answers = [request(p, text) for p in pids]
    compare(text, *answers)
    if wrong:
        clean = "set=1\nprivate_key=%s\nlisten_port=0\nfwmark=0\nreplace_peers=true\n\n" % ZERO
        for p in pids:
            request(p, clean)
    compare(text, *[state(p) for p in pids])


def wg(pid, *words):
    r = subprocess.run(["nsenter", "-t", pid, "-m", "-n", "wg", *words], capture_output=True, text=True)
    out = re.sub("(?<=listening port: )([0-9]+)|(?<=ListenPort = )([0-9]+)|(?<==\t)([0-9]+)(?=\t)|(?<=\(none\)\t)([0-9]+)(?=\t)",
                 lambda m: port([m[0], m[0]]), r.stdout)
    return "%d\n%s%s" % (r.returncode, out, r.stderr)


def b64(hex_):
    return base64.b64encode(bytes.fromhex(hex_)).decode()


def config():
    text = "[Interface]\n"
    if R.random() < 0.7:
        text += "PrivateKey = %s\n" % b64(R.choice(PRIVATE))
    if R.random() < 0.5:
        text += "ListenPort = %d\n" % (20000 + R.randrange(1000))
    if R.random() < 0.3:
        text += "FwMark = %s\n" % R.choice(["off", "0x10", "77"])
    for key in R.sample(PEERS, R.randrange(4)):
        text += "[Peer]\nPublicKey = %s\n" % b64(key)
        if R.random() < 0.3:
            text += "PresharedKey = %s\n" % b64(R.choice(PEERS))
        if R.random() < 0.5:
            text += "Endpoint = %s\n" % R.choice(ENDPOINTS)
        if R.random() < 0.8:
            text += "AllowedIPs = %s\n" % ", ".join(R.sample(PREFIXES, R.randrange(4)))
        if R.random() < 0.3:
            text += "PersistentKeepalive = %s\n" % R.choice(["off", "0", "25"])
    return text


def wg_words():
    path = os.environ["BATS_TEST_TMPDIR"] + "/pair"
    kind = R.choice(["set", "set", "set", "setconf", "addconf", "syncconf"])
    if kind != "set":
        with open(path + ".conf", "w") as f:
            f.write(config())
        return [kind, "wg0", path + ".conf"]
    words = ["set", "wg0"]
    if R.random() < 0.3:
        with open(path + ".key", "w") as f:
            f.write(b64(R.choice(PRIVATE)))
        words += ["private-key", path + ".key"]
    if R.random() < 0.2:
        words += ["fwmark", R.choice(["0", "0x77", "off"])]
    if R.random() < 0.2:
        words += ["listen-port", str(20000 + R.randrange(1000))]
    for _ in range(R.randrange(3)):
        words += ["peer", b64(R.choice(PEERS + [own]))]
        if R.random() < 0.2:
            words.append("remove")
            continue
        if R.random() < 0.3:
            with open(path + ".psk", "w") as f:
                f.write(b64(R.choice(PEERS)))
            words += ["preshared-key", R.choice([path + ".psk", "/dev/null"])]
        if R.random() < 0.4:
            words += ["endpoint", R.choice(ENDPOINTS + ["nonsense"])]
        if R.random() < 0.3:
            words += ["persistent-keepalive", R.choice(["0", "25", "off"])]
        if R.random() < 0.7:
            words += ["allowed-ips", ",".join(R.sample(PREFIXES, R.randrange(4)))]
    return words


def blocks(text, mark):
    parts = text.split(mark)
    return [parts[0]] + sorted(p.strip() for p in parts[1:])


def wg_round():
    words = wg_words()
    said = " ".join(words) + "\n" + (open(words[2]).read() if words[0] != "set" else "")
    compare(said, *[wg(p, *words) for p in pids])
    compare(said, *[sorted(re.sub("\t[0-9]+\t[0-9]+\t([0-9]+|off)$", "\t\\1", wg(p, "show", "wg0", "dump"), flags=re.M)
                           .splitlines()) for p in pids])
    compare(said, *[blocks(wg(p, "showconf", "wg0"), "[Peer]") for p in pids])
    compare(said, *[blocks(re.sub("  transfer: .*\n", "", wg(p, "show", "wg0")), "peer: ") for p in pids])


def compare(text, a, b):
    if a != b:
        print("after (seed %d)\n%s\n1: %s\n2: %s" % (seed, text, a, b))
        sys.exit(1)


own = public(PRIVATE[0])
for _ in range(rounds):
    raw_round() if mode == "raw" else wg_round()
print("%d rounds agree" % rounds)
