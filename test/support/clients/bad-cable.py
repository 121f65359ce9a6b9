"""A bad cable: passes frames on between two interfaces, loses some and lets others overtake.

    bad-cable.py A B LOSS REORDER SEED      LOSS and REORDER in percent of the frames
    bad-cable.py --plain INTERFACE          makes an interface send frames as a real cable carries them

Frames that are held back leave 5 to 30 ms late. Says "ready" when it begins.
"""

import fcntl
import heapq
import random
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SIOCETHTOOL = 0x8946
# Checksums, TSO and GSO are the business of network cards: a virtual one leaves them undone.
SWITCHES = (0x17, 0x1F, 0x24)


def plain(interface):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for switch in SWITCHES:
            value = bytearray(struct.pack("II", switch, 0))
            address, _ = memory_of(value)
            fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP", interface.encode(), address) + bytes(16))


def memory_of(value):
    import ctypes

    kept = (ctypes.c_char * len(value)).from_buffer(value)
    return ctypes.addressof(kept), kept


def open_end(interface):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    end.bind((interface, 0))
    end.setblocking(False)
    return end


def serve(first, second, loss, reorder, seed):
    chance = random.Random(seed)
    ends = [open_end(first), open_end(second)]
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    late = []
    count = 0
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while late and late[0][0] <= now:
            _, _, end, frame = heapq.heappop(late)
            send(end, frame)
        timeout = late[0][0] - now if late else None
        for end in select.select(ends, [], [], timeout)[0]:
            frame, (_, _, kind, _, _) = end.recvfrom(65536)
            if kind == PACKET_OUTGOING or chance.random() * 100 < loss:
                continue
            if chance.random() * 100 < reorder:
                count += 1
                heapq.heappush(late, (time.monotonic() + chance.uniform(0.005, 0.03), count, other[end], frame))
            else:
                send(other[end], frame)


def send(end, frame):
    try:
        end.send(frame)
    except OSError:
        pass  # A full queue loses it, as on any cable.


if sys.argv[1] == "--plain":
    plain(sys.argv[2])
else:
    serve(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
