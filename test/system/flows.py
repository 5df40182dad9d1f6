"""Several UDP flows with numbered packets of mixed sizes: is any lost, changed or overtaken?

    flows.py receive ADDRESS FLOWS READY-FILE      prints "received N reordered N changed N"
    flows.py send ADDRESS FLOWS PACKETS [SEGMENT]  with SEGMENT: superframes of datagrams of that size

Each flow goes to a port of its own, 7000 and up.  A datagram is: flow, number,
then bytes that follow from both.  Empty datagrams on port 6999 end it.

The sender keeps WINDOW datagrams under way, as fast as the receiver says that they
arrive, so that no queue is too short for them and hardly one is lost.
"""
import random
import select
import socket
import struct
import sys
import time

WINDOW, TELL = 1000, 50


def filling(flow, number, size):
    return bytes((flow * 31 + number + i) & 255 for i in range(16)) * (size // 16 + 1)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def receive(address, flows, ready):
    socks = []
    for port in range(6999, 7000 + flows):
        s = socket.socket(family(address), socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        s.bind((address, port))
        socks.append(s)
    open(ready, "w").close()
    nexts, received, reordered, changed, ending = [0] * flows, 0, 0, 0, False
    while True:
        readable = select.select(socks, [], [], 0.5 if ending else 60)[0]
        if not readable:
            break
        for s in readable:
            if s is socks[0]:
                s.recv(1)
                ending = True
                continue
            b, sender = s.recvfrom(65536)
            flow, number = struct.unpack_from("<II", b)
            received += 1
            if received % TELL == 0:
                s.sendto(struct.pack("<I", received), sender)
            reordered += number < nexts[flow]
            nexts[flow] = max(nexts[flow], number + 1)
            changed += b[8:] != filling(flow, number, len(b))[:len(b) - 8]
    print(f"received {received} reordered {reordered} changed {changed}")


class Window:
    """How many datagrams are under way: sent, and neither told of nor given up."""
    sent = arrived = lost = 0

    def wait(self, socks):
        while self.sent - self.arrived - self.lost > WINDOW:
            readable = select.select(socks, [], [], 1)[0]
            for s in readable:
                self.arrived = max(self.arrived, struct.unpack("<I", s.recv(4))[0])
            if not readable:  # they were lost, or what told of them
                self.lost = self.sent - self.arrived


def send(address, flows, packets, segment=0):
    socks = [socket.socket(family(address), socket.SOCK_DGRAM) for _ in range(flows)]
    for s in socks:
        if segment:
            s.setsockopt(socket.IPPROTO_UDP, 103, segment)
    numbers, window = [0] * flows, Window()
    random.seed(7)
    while window.sent < packets:
        window.wait(socks)
        flow = random.randrange(flows)
        at_once = min(packets - window.sent, 60000 // segment, 60) if segment else 1
        data = b""
        for _ in range(at_once):
            size = segment or random.choice((9, 64, 300, 1200, 1392, 1392, 1392, 3000))
            number = numbers[flow]
            data += struct.pack("<II", flow, number) + filling(flow, number, size)[:size - 8]
            numbers[flow] += 1
        socks[flow].sendto(data, (address, 7000 + flow))
        window.sent += at_once
    socks[0].setsockopt(socket.IPPROTO_UDP, 103, 0)
    for _ in range(10):  # one may be lost
        time.sleep(0.05)
        socks[0].sendto(b"", (address, 6999))


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        receive(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]) if len(sys.argv) > 5 else 0)
