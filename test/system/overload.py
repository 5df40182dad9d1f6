"""A flood from inside of A's tunnel: does the tunnel go on carrying, answering, meeting?

    overload.py FLOOD ADDRESS PROCESS PEER        in the node of A; prints JSON

    flood ==A wg0 ======== B wg0==> a socket that nobody reads, so that the kernel counts what comes to it
    ping  --> ADDRESS         get=1 --> A's control socket         A forgets PEER and meets it again

PROCESS is one in B's network, PEER its public key in hex.  Floods of one second at a rate that the tunnel can
carry and without a limit take turns, so that what else the machine does meets both alike, and the best of each counts.
"""
import json
import re
import socket
import subprocess
import sys
import time

FLOOD, ADDRESS, PROCESS, PEER = sys.argv[1:]
PORT, SIZE, UNLIMITED = 7999, 64, 0
RATES = (50_000, UNLIMITED, 150_000, UNLIMITED, 100_000, UNLIMITED)


def ask(question):
    """One exchange with A's control socket: the answer, and how long it took, in ms."""
    began, answer = time.monotonic(), b""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect("/var/run/wireguard/wg0.sock")
        s.sendall(question.encode() + b"\n\n")
        while b"errno=" not in answer:
            more = s.recv(1 << 16)
            if not more:
                break
            answer += more
    return answer.decode(), (time.monotonic() - began) * 1000


def flood(rate, seconds):
    return subprocess.Popen([FLOOD, ADDRESS, str(PORT), str(rate), str(seconds), str(SIZE)], stdout=subprocess.DEVNULL)


def carried():
    """Datagrams that have come to the socket that nobody reads: all but its first few are counted as its drops."""
    with open(f"/proc/{PROCESS}/net/udp") as table:
        return sum(int(line.split()[-1]) for line in table if f":{PORT:04X} " in line.split(" rem")[0])


def rate_and_answers(rate):
    """Datagrams a second of a flood of one second, and how long the control socket took meanwhile."""
    load, before, began, answers = flood(rate, 1.1), carried(), time.monotonic(), []
    while time.monotonic() - began < 1:
        answers.append(ask("get=1")[1])
        time.sleep(0.02)
    got = (carried() - before) / (time.monotonic() - began)
    load.wait()
    return got, answers


def handshake():
    """ms from being told of the peer again until there is a session with it."""
    endpoint = re.search("endpoint=.*", ask("get=1")[0])[0]
    ask(f"set=1\npublic_key={PEER}\nremove=true")
    began = time.monotonic()
    ask(f"set=1\npublic_key={PEER}\n{endpoint}\nallowed_ip={ADDRESS}/32")
    while time.monotonic() - began < 10:
        if re.search("last_handshake_time_sec=[1-9]", ask("get=1")[0]):
            break
        time.sleep(0.005)
    return (time.monotonic() - began) * 1000


best, answers, pings = {True: 0, False: 0}, [], []
for limit in RATES:
    ping = subprocess.Popen(["ping", "-n", "-i", "0.02", "-w", "1", ADDRESS], stdout=subprocess.PIPE, text=True)
    got, took = rate_and_answers(limit)
    times = [float(t) for t in re.findall(r"time=([\d.]+)", ping.communicate()[0])]
    best[limit == UNLIMITED] = max(best[limit == UNLIMITED], got)
    if limit == UNLIMITED:
        answers += took
        pings += times
load = flood(UNLIMITED, 2)
time.sleep(0.5)
meeting = handshake()
load.wait()
pings.sort()
print(json.dumps({
    "peak": round(max(best.values())), "kept_percent": round(100 * best[True] / max(best.values())),
    "slowest_answer_ms": round(max(answers)), "answers": len(answers),
    "median_ping_ms": round(pings[len(pings) // 2]) if pings else None, "pings": len(pings),
    "handshake_ms": round(meeting)}))
