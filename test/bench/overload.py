"""What a tunnel carries, and how soon it answers, while a program floods it from inside.

    A  flood --> tun0 ==tunnel==> tun0  B      first at rising rates, then as fast as the program can
       ping  --> tun0 ==tunnel==> tun0
       get=1 --> control socket of A

The peak is the most that was carried at any rate; beyond it a tunnel that sheds its
load early keeps near it.  Of what is to answer during the worst of it, the slowest answer counts.
"""
import os
import re
import socket
import subprocess
import threading
import time

import rivals

FLOOD = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../build/flood"))
RATES = (100_000, 200_000, 300_000, 400_000, 0)  # a second; 0: no limit


def ask(name, question):
    """One exchange with the control socket; how long it took, in ms."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    began = time.monotonic()
    s.connect(f"/var/run/wireguard/{name}.sock")
    s.sendall(question.encode() + b"\n\n")
    answer = b""
    while b"errno=" not in answer:
        more = s.recv(1 << 16)
        if not more:
            break
        answer += more
    s.close()
    return (time.monotonic() - began) * 1000, answer.decode()


def key(base64):
    return subprocess.run(["base64", "-d"], input=base64.encode(), stdout=subprocess.PIPE, check=True).stdout.hex()


def handshake(r):
    """A forgets B and meets it again; ms until there is a session."""
    peer = f"public_key={key(r.public[1])}"
    ask(r.names[0], f"set=1\n{peer}\nremove=true")
    began = time.monotonic()
    ask(r.names[0], f"set=1\n{peer}\nendpoint={rivals.OUTER[4][1]}:51821\n"
        f"allowed_ip={rivals.INNER[4][1]}/32\nallowed_ip={rivals.INNER[6][1]}/128")
    while time.monotonic() - began < 10:
        if re.search(r"last_handshake_time_sec=[1-9]", ask(r.names[0], "get=1")[1]):
            break
        time.sleep(0.001)
    return (time.monotonic() - began) * 1000


def answers(r, seconds):
    """The slowest answers while the flood lasts."""
    ping = subprocess.Popen(["ip", "netns", "exec", r.ns[0], "ping", "-n", "-i", "0.02", "-w", str(max(1, int(seconds))),
                             r.far()], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    end, slowest = time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        slowest = max(slowest, ask(r.names[0], "get=1")[0])
        time.sleep(0.02)
    times = [float(t) for t in re.findall(r"time=([\d.]+)", ping.communicate()[0])]
    out = {"slowest control answer, ms": slowest}
    if times:
        times.sort()
        out["ping, 95 of 100 within ms"] = times[int(len(times) * 0.95)]
    return out


def overload(carried):
    def test(r, s):
        if not isinstance(r, rivals.WireGuard):
            return {}
        out, peak, seconds = {}, 0, max(1, s / 2)
        for rate in RATES:
            lasts = seconds if rate else s + 30  # until all has been asked
            load = subprocess.Popen(["ip", "netns", "exec", r.ns[0], FLOOD, r.far(), "9", str(rate), str(lasts), "64"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            looks = threading.Thread(target=lambda: out.update(answers(r, s)))
            if not rate:
                time.sleep(0.2)
                looks.start()
            before, began = carried(r, 64), time.monotonic()
            time.sleep(seconds - 0.2)
            kpps = (carried(r, 64) - before) / (time.monotonic() - began) / 1e3
            if rate:
                peak = max(peak, kpps)
            else:
                looks.join()
                out["handshake, ms"] = handshake(r)
                load.terminate()
            load.wait()
        out["peak kpps"] = max(peak, kpps)
        out["kept of it, percent"] = 100 * kpps / out["peak kpps"]
        return out
    return test
