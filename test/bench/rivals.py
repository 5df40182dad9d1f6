"""Tunnels to measure: each connects two network namespaces over a veth cable.

    A: dev IF 10.8.0.1, fd08::1  ==tunnel==  B: dev IF 10.8.0.2, fd08::2
       eth0 10.9.0.1, fd09::1  ---cable---     eth0 10.9.0.2, fd09::2

Every rival has namespaces of its own, all with the same addresses, so that the
same test runs in each in turn.  All are set up as their manuals advise for speed.
"""
import os
import shutil
import subprocess
import tempfile
import time

OUTER = {4: ("10.9.0.1", "10.9.0.2"), 6: ("fd09::1", "fd09::2")}
INNER = {4: ("10.8.0.1", "10.8.0.2"), 6: ("fd08::1", "fd08::2")}


def run(*args, check=True, quiet=True, **more):
    return subprocess.run([str(a) for a in args], check=check, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if quiet else None, **more)


class Rival:
    """Two namespaces with a cable; alone, it is the limit: no tunnel at all."""
    name = "plain veth"
    outer = 4
    mtu = 1420

    def __init__(self, number):
        self.ns = [f"wb{os.getpid()}{chr(97 + number)}{i}" for i in range(2)]
        self.device = "eth0"
        self.work = tempfile.mkdtemp(prefix="warren-bench-")
        self.started = []

    def far(self, inner=4):
        return INNER[inner][1]

    def exec(self, end, *args, **more):
        return run("ip", "netns", "exec", self.ns[end], *args, **more)

    def start(self, end, *args, env=None):
        p = subprocess.Popen(["ip", "netns", "exec", self.ns[end], *map(str, args)], cwd=self.work,
                             env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                             stdout=open(f"{self.work}/{end}.log", "a"), stderr=subprocess.STDOUT)
        self.started.append(p)
        return p

    def cable(self):
        for end in (0, 1):
            run("ip", "netns", "add", self.ns[end])
            run("ip", "-n", self.ns[end], "link", "set", "lo", "up")
        run("ip", "link", "add", "eth0", "netns", self.ns[0], "type", "veth", "peer", "name", "eth0", "netns", self.ns[1])
        for end in (0, 1):
            for family, bits in ((4, 24), (6, 64)):
                run("ip", "-n", self.ns[end], "addr", "add", f"{OUTER[family][end]}/{bits}", "dev", "eth0",
                    *(["nodad"] if family == 6 else []))
            run("ip", "-n", self.ns[end], "link", "set", "eth0", "up")

    def nic(self, on):
        """A veth hands whole superframes across; with these settings it behaves like a real NIC."""
        wanted = {"tcp-segmentation-offload": "off" if on else "on",
                  "tx-udp-segmentation": "off" if on else "on", "generic-receive-offload": "on" if on else "off"}
        for end in (0, 1):
            self.exec(end, "ethtool", "-K", "eth0", *(word for pair in wanted.items() for word in pair))
            now = self.exec(end, "ethtool", "-k", "eth0").stdout
            for name, value in wanted.items():
                if f"{name}: {value}" not in now:
                    raise OSError(f"the cable's {name} does not become {value}")

    def address(self):
        for end in (0, 1):
            for family, bits in ((4, 24), (6, 64)):
                run("ip", "-n", self.ns[end], "addr", "add", f"{INNER[family][end]}/{bits}", "dev", self.device,
                    *(["nodad"] if family == 6 else []), check=False)
            run("ip", "-n", self.ns[end], "link", "set", self.device, "up")
            if self.device != "eth0":
                run("ip", "-n", self.ns[end], "link", "set", self.device, "mtu", self.mtu, check=False)

    def tunnel(self):
        pass

    def ready(self):
        """Called before each test."""

    def up(self):
        self.cable()
        self.tunnel()
        for _ in range(100):
            if all(os.path.exists(f"/proc/{p.pid}") for p in self.started) and self.devices_exist():
                break
            time.sleep(0.1)
        self.address()
        self.start(1, "iperf3", "-s")
        for _ in range(50):
            if self.exec(0, "ping", "-c", "1", "-W", "1", self.far(), check=False).returncode == 0:
                return True
        return False

    def devices_exist(self):
        return all(run("ip", "-n", n, "link", "show", self.device, check=False).returncode == 0 for n in self.ns)

    def processes(self):
        """Of the tunnel itself, at both ends, with their children."""
        pids = [p.pid for p in self.started[:-1]]
        for pid in pids:
            children = run("pgrep", "-P", pid, check=False).stdout.split()
            pids += [int(c) for c in children if int(c) not in pids]
        return pids

    def down(self):
        for p in self.started:
            p.terminate()
        for p in self.started:
            try:
                p.wait(3)
            except subprocess.TimeoutExpired:
                p.kill()
        for n in self.ns:
            run("ip", "netns", "del", n, check=False)
        shutil.rmtree(self.work, ignore_errors=True)


class WireGuard(Rival):
    """What speaks WireGuard's protocol and is configured as such."""
    peers = 1

    def keys(self):
        self.private = [run("wg", "genkey").stdout.strip() for _ in (0, 1)]
        self.public = [run("wg", "pubkey", input=k).stdout.strip() for k in self.private]
        # One name at each end of all namespaces, as their control sockets share a folder.
        self.names = [f"w{n[2:]}" for n in self.ns]

    def config(self, end):
        far = OUTER[self.outer][1 - end]
        text = (f"[Interface]\nPrivateKey = {self.private[end]}\nListenPort = 5182{end}\n"
                f"[Peer]\nPublicKey = {self.public[1 - end]}\n"
                f"Endpoint = {'[' + far + ']' if self.outer == 6 else far}:5182{1 - end}\n"
                f"AllowedIPs = {INNER[4][1 - end]}/32, {INNER[6][1 - end]}/128\n")
        for i in range(1, self.peers):
            key = run("wg", "pubkey", input=run("wg", "genkey").stdout.strip()).stdout.strip()
            text += f"[Peer]\nPublicKey = {key}\nAllowedIPs = 10.100.{i >> 8}.{i & 255}/32, fd08:1::{i:x}/128\n"
        path = f"{self.work}/{end}.conf"
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write(text)
        return path

    def daemon(self, end):
        raise NotImplementedError

    def tunnel(self):
        self.keys()
        for end in (0, 1):
            self.daemon(end)
        for end in (0, 1):
            for _ in range(100):
                if self.exec(end, "wg", "show", self.names[end], check=False).returncode == 0:
                    break
                time.sleep(0.1)
            self.exec(end, "wg", "setconf", self.names[end], self.config(end))

    def devices_exist(self):
        return True

    def address(self):
        for end in (0, 1):
            n = self.names[end]
            for family, bits in ((4, 24), (6, 64)):
                run("ip", "-n", self.ns[end], "addr", "add", f"{INNER[family][end]}/{bits}", "dev", n,
                    *(["nodad"] if family == 6 else []))
            run("ip", "-n", self.ns[end], "link", "set", n, "mtu", self.mtu, "up")
        self.device = None


class Warren(WireGuard):
    name = "warren"
    program = "build/warren"
    options = ()

    def daemon(self, end):
        self.start(end, self.program, "tunnel", "-f", *self.options, self.names[end])


class WarrenOver6(Warren):
    name = "warren over IPv6"
    outer = 6


class Warren1000(Warren):
    """A knows 999 other peers; B has sessions with as many, which one program (crowd.c) keeps."""
    name = "warren, 1,000 peers"
    peers = 1000
    crowd = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../build/crowd"))
    met = 0

    def keys(self):
        super().keys()
        self.private[1] = run(self.crowd, "key", 0).stdout.strip()
        self.public[1] = run("wg", "pubkey", input=self.private[1]).stdout.strip()

    def config(self, end):
        path = super().config(end)
        if end == 1:
            text = run(self.crowd, "config", self.peers - 1).stdout.replace("ListenPort = 51820", "ListenPort = 51821")
            with open(path, "w") as f:
                f.write(text + f"[Peer]\nPublicKey = {self.public[0]}\nEndpoint = {OUTER[4][0]}:51820\n"
                        f"AllowedIPs = {INNER[4][0]}/32, {INNER[6][0]}/128\n")
        return path

    def ready(self):
        if time.monotonic() - self.met > 100:  # a session lasts for 180 s
            self.exec(0, self.crowd, "live", OUTER[4][1], 51821, self.peers - 1, 1, check=False)
            self.met = time.monotonic()


class WireGuardGo(WireGuard):
    name = "wireguard-go"
    program = "wireguard-go"

    def daemon(self, end):
        self.start(end, self.program, "-f", self.names[end], env={"LOG_LEVEL": "error"})


class WireGuardGoOver6(WireGuardGo):
    name = "wireguard-go over IPv6"
    outer = 6


class OpenVPN(Rival):
    name = "OpenVPN"
    mtu = 1420

    def tunnel(self):
        self.device = "tun0"
        prints = []
        for end in (0, 1):
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "30", "-subj", f"/CN={end}", "-keyout", f"{self.work}/{end}.key", "-out", f"{self.work}/{end}.crt")
            out = run("openssl", "x509", "-fingerprint", "-sha256", "-noout", "-in", f"{self.work}/{end}.crt").stdout
            prints.append(out.strip().split("=", 1)[1])
        for end in (0, 1):
            self.start(end, "openvpn", "--dev", "tun0", "--dev-type", "tun", "--proto", "udp4", "--port", "1194",
                       "--remote", OUTER[4][1 - end], "--ifconfig", INNER[4][end], INNER[4][1 - end],
                       "--tls-client" if end == 0 else "--tls-server", "--dh", "none", "--cert", f"{end}.crt",
                       "--key", f"{end}.key", "--peer-fingerprint", prints[1 - end], "--data-ciphers", "AES-256-GCM",
                       "--sndbuf", "4194304", "--rcvbuf", "4194304", "--tun-mtu", self.mtu, "--verb", "1")


class Fastd(Rival):
    name = "fastd"

    def tunnel(self):
        self.device = "tun0"
        keys = []
        for _ in (0, 1):
            out = run("fastd", "--generate-key", quiet=True).stdout
            secret = [line.split()[-1] for line in out.splitlines() if "ecret" in line][0]
            public = [line.split()[-1] for line in out.splitlines() if "ublic" in line][0]
            keys.append((secret, public))
        for end in (0, 1):
            with open(f"{self.work}/{end}.conf", "w") as f:
                f.write(f'log level warn;\ninterface "tun0";\nmode tun;\nmethod "salsa2012+umac";\nmtu {self.mtu};\n'
                        f'bind {OUTER[4][end]}:10000;\nsecret "{keys[end][0]}";\nstatus socket "{self.work}/{end}.sock";\n'
                        f'peer "other" {{ key "{keys[1 - end][1]}"; remote {OUTER[4][1 - end]} port 10000; }}\n')
            self.start(end, "fastd", "-c", f"{self.work}/{end}.conf")


class Tinc(Rival):
    name = "tinc"

    def tunnel(self):
        self.device = "tun0"
        names = ("a", "b")
        for end in (0, 1):
            home = f"{self.work}/{names[end]}"
            os.makedirs(f"{home}/hosts")
            with open(f"{home}/tinc.conf", "w") as f:
                f.write(f"Name = {names[end]}\nInterface = tun0\nDevice = /dev/net/tun\nMode = router\n"
                        f"UDPRcvBuf = 4194304\nUDPSndBuf = 4194304\n")
                if end == 0:
                    f.write("ConnectTo = b\n")
            with open(f"{home}/hosts/{names[end]}", "w") as f:
                f.write(f"Address = {OUTER[4][end]}\nSubnet = {INNER[4][end]}/32\nSubnet = {INNER[6][end]}/128\n")
            run("tincd", "-c", home, "-K2048", input="\n\n")
            with open(f"{home}/tinc-up", "w") as f:
                f.write("#!/bin/sh\nip link set tun0 up\n")
            os.chmod(f"{home}/tinc-up", 0o755)
        for end in (0, 1):
            shutil.copy(f"{self.work}/{names[1 - end]}/hosts/{names[1 - end]}", f"{self.work}/{names[end]}/hosts/")
        for end in (0, 1):
            self.start(end, "tincd", "-c", f"{self.work}/{names[end]}", "-D", "--pidfile", f"{self.work}/{end}.pid")


ALL = (Warren, WarrenOver6, Warren1000, WireGuardGo, WireGuardGoOver6, OpenVPN, Fastd, Tinc, Rival)
