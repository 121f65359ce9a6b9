"""A double of systemd's store of descriptors (sd_notify(3), FDSTORE=1) and of how a service gets what is in it.

    descriptor-store.py SOCKET OPENER... -- SERVICE...

Runs OPENER with NOTIFY_SOCKET, says each message that it sends, and becomes SERVICE, which has the descriptors from 3 on
and lacks CAP_NET_RAW.
"""

import array
import os
import socket
import subprocess
import sys

path, *argv = sys.argv[1:]
opener, service = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(path)
process = subprocess.Popen(opener, env={**os.environ, "NOTIFY_SOCKET": path})
store = []
while True:
    receiver.settimeout(0.1 if process.poll() is None else 0)
    try:
        text, ancillary, _, _ = receiver.recvmsg(4096, socket.CMSG_SPACE(16))
    except (TimeoutError, BlockingIOError):
        if process.poll() is None:
            continue
        break
    told = dict(line.split("=", 1) for line in text.decode().split("\n"))
    print(" ".join(f"{key}={value}" for key, value in told.items()), flush=True)
    if "FDSTOREREMOVE" in told:
        store = [entry for entry in store if entry[0] != told["FDNAME"]]
    for _, _, data in ancillary:
        store.append((told["FDNAME"], array.array("i", data)[0]))

# Out of the way first, then each to its place.
copies = [(name, os.dup2(fd, 100 + index)) for index, (name, fd) in enumerate(store)]
for index, (_, fd) in enumerate(copies):
    os.dup2(fd, 3 + index, inheritable=True)
    os.close(fd)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(copies))
os.environ["LISTEN_FDNAMES"] = ":".join(name for name, _ in copies)
os.execvp("setpriv", ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", *service])
