#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""service_bytes.py [OPTIONS] BUILD GUEST: what bytes cost imgportd, each row beside its peer

    upload    PUT of 1 GiB with its MD5, curl as the client; peer: PUT of the same to Glance
    raw       from ImportImage to NORMAL of GUEST (1 GiB) as raw, uploaded before; peer:
              qemu-img convert of the same file, and a copy of it
    qcow2     the same as qcow2
    many      the most memory of the daemon while 50 clients upload 128 MiB each at 8 MiB a second

Runs are in pairs, the order changing from pair to pair; before each the disk is idle and memory was
touched.  Prints the lines of a table; exit status 1 when an aim is missed.

  --rows upload,raw,...   only these
  --pairs N               3
  --words "chrt -r 1"     goes before the daemon and before its peer's commands
  --glance PORT:PID       a Glance that takes anonymous images
  --folder FOLDER         works there: the filesystem under it is measured as well
"""
import argparse
import hashlib
import hmac
import http.client
import json
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
GIB = 1 << 30
HOST = "disks-1250000001.cos.ap-guangzhou.myqcloud.com"


def sha(alg, key, text):
    return hmac.new(key if isinstance(key, bytes) else key.encode(), text.encode(), alg)


def children(pid):
    found = [pid]
    for one in found:
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children") as f:
                    found += map(int, f.read().split())
        except OSError:
            pass
    return found


def cpu(pid):
    """CPU seconds of a server, of its children that ended, and of those that live."""
    total = 0
    for one in children(pid):
        try:
            with open(f"/proc/{one}/stat") as f:
                words = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(map(int, words[11:15]))
    return total / TICK


def idle(pid):
    """Waits until a server has nothing to do any more."""
    used = None
    while used != cpu(pid):
        used = cpu(pid)
        time.sleep(0.5)


def memory(pid):
    """Resident MiB, its children with it."""
    total = 0
    for one in children(pid):
        try:
            with open(f"/proc/{one}/status") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))
        except OSError:
            pass
    return total / 1024


class Daemon:
    def __init__(self, build, folder, words):
        self.build, self.folder = build, folder
        self.conf = f"{folder}/imgportd.conf"
        log = f"{folder}/log"
        with open(self.conf, "w") as f:
            f.write(
                f"[service]\nlisten = 127.0.0.1:0\ndata = {folder}/data\nlog = {log}\n"
                "[server]\nrate = 0\n"
            )
        env = {**os.environ, "IMGPORTD_CONF": self.conf}
        self.child = subprocess.Popen([*words, f"{build}/imgportd"], env=env)
        self.port = 0
        for _ in range(200):
            time.sleep(0.05)
            text = open(log).read() if os.path.exists(log) else ""
            for line in text.splitlines():
                message = json.loads(line).get("message", "")
                if ", port " in message:
                    self.port = int(message.rsplit(", port ", 1)[1])
            if self.port:
                break
        else:
            sys.exit("bench: imgportd does not start")
        account = subprocess.run(
            [f"{build}/imgport", "account", "create", "bench", "--config", self.conf, "--json"],
            check=True, capture_output=True, env=env,
        )
        account = json.loads(account.stdout)
        self.id, self.key = account["SecretId"], account["SecretKey"]
        self.host = HOST.replace("1250000001", str(account["AppId"]))
        self.put("/", None)

    def sign(self, method, path):
        """A signature of object storage, as header and as query."""
        span = f"{int(time.time()) - 60};{int(time.time()) + 3600}"
        key = sha("sha1", self.key, span).hexdigest()
        request = f"{method}\n{path}\n\nhost={self.host}\n"
        text = f"sha1\n{span}\n{hashlib.sha1(request.encode()).hexdigest()}\n"
        return (
            f"q-sign-algorithm=sha1&q-ak={self.id}&q-sign-time={span}&q-key-time={span}"
            f"&q-header-list=host&q-url-param-list=&q-signature={sha('sha1', key, text).hexdigest()}"
        )

    def link(self, path):
        return f"http://{self.host}{path}?{self.sign('get', path)}"

    def curl(self, path, *more):
        """The command that puts something at `path`."""
        return [
            "curl", "-sSf", "-o", "/dev/null", "-X", "PUT", "-H", "Expect:", "-H", f"Host: {self.host}",
            "-H", f"Authorization: {self.sign('put', path)}", *more, f"http://127.0.0.1:{self.port}{path}",
        ]

    def put(self, path, file):
        subprocess.run(self.curl(path, *(["-T", file] if file else [])), check=True)

    def call(self, action, parameters):
        body = json.dumps(parameters)
        now = int(time.time())
        date = time.strftime("%Y-%m-%d", time.gmtime(now))
        digest = hashlib.sha256(body.encode()).hexdigest()
        request = f"POST\n/\n\ncontent-type:application/json\nhost:127.0.0.1\n\ncontent-type;host\n{digest}"
        scope = f"{date}/cvm/tc3_request"
        text = f"TC3-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = ("TC3" + self.key).encode()
        for part in (date, "cvm", "tc3_request"):
            key = sha("sha256", key, part).digest()
        conn = http.client.HTTPConnection("127.0.0.1", self.port)
        conn.request("POST", "/", body, {
            "Content-Type": "application/json", "Host": "127.0.0.1", "X-TC-Action": action,
            "X-TC-Version": "2017-03-12", "X-TC-Region": "ap-guangzhou", "X-TC-Timestamp": str(now),
            "Authorization": f"TC3-HMAC-SHA256 Credential={self.id}/{scope}, SignedHeaders=content-type;host, "
            f"Signature={sha('sha256', key, text).hexdigest()}",
        })
        answer = json.loads(conn.getresponse().read())["Response"]
        conn.close()
        if "Error" in answer:
            sys.exit(f"bench: {action}: {answer['Error']}")
        return answer

    def image(self, path, name):
        """From ImportImage to the end: the image, and seconds."""
        url = self.link(path)
        start = time.monotonic()
        image = self.call("ImportImage", {
            "Architecture": "x86_64", "OsType": "Debian", "OsVersion": "12", "ImageUrl": url, "ImageName": name,
        })["ImageId"]
        while True:
            state = self.call("DescribeImages", {"ImageIds": [image]})["ImageSet"][0]["ImageState"]
            if state != "IMPORTING":
                break
            time.sleep(0.02)
        wall = time.monotonic() - start
        if state != "NORMAL":
            sys.exit(f"bench: {name} is {state}: see {self.folder}/log")
        return image, wall

    def stop(self):
        self.child.terminate()
        if self.child.wait() != 0:
            sys.exit("bench: imgportd did not end well")


def command(words):
    """Wall and CPU seconds."""
    start = time.monotonic()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"bench: {' '.join(words)}: {child.returncode}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime


def settle(folder):
    """An idle disk, and as much memory as a run may fill touched and let go: a virtual machine
    whose host takes back what is free pays for the first touch of a page."""
    subprocess.run(["sync", "-f", folder], check=True)
    child = os.fork()
    if child == 0:
        memory = mmap.mmap(-1, 4 << 30)
        for at in range(0, len(memory), mmap.PAGESIZE):
            memory[at] = 1
        os._exit(0)
    os.waitpid(child, 0)


def pairs(n, folder, ours, theirs):
    """Lists of (wall, CPU) of either."""
    results = ([], [])
    for i in range(n):
        for which in (0, 1) if i % 2 == 0 else (1, 0):
            run = (ours, theirs)[which]
            if run:
                settle(folder)
                results[which].append(run())
    return results


def told(results, digits=2):
    """Median wall and CPU seconds, and the least of each."""
    if not results:
        return "not measured"
    wall, used = zip(*results)
    return (
        f"{statistics.median(wall):.{digits}f} s ({min(wall):.{digits}f}), "
        f"{statistics.median(used):.{digits}f} CPU-s ({min(used):.{digits}f})"
    )


def upload(o, d, source):
    def ours():
        before = cpu(d.child.pid)
        wall, _ = command([*o.words, *d.curl("/upload", "-T", source)])
        return wall, cpu(d.child.pid) - before

    def theirs():
        port, pid = map(int, o.glance.split(":"))
        conn = http.client.HTTPConnection("127.0.0.1", port)
        conn.request("POST", "/v2/images", '{"name":"b","disk_format":"raw","container_format":"bare"}',
                     {"Content-Type": "application/json"})
        image = json.loads(conn.getresponse().read())["id"]
        before = cpu(pid)
        wall, _ = command([*o.words, "curl", "-sSf", "-o", "/dev/null", "-X", "PUT", "-H", "Expect:", "-H",
                           "Content-Type: application/octet-stream", "-T", source,
                           f"http://127.0.0.1:{port}/v2/images/{image}/file"])
        used = cpu(pid) - before
        conn.request("DELETE", f"/v2/images/{image}")
        conn.getresponse().read()
        return wall, used

    mine, other = pairs(o.pairs, o.folder, ours, theirs if o.glance else None)
    wall = statistics.median(w for w, _ in mine)
    used = statistics.median(c for _, c in mine)
    size = os.path.getsize(source)
    good = size / wall >= 500e6 and used <= 2.0
    print(f"| upload of 1 GiB | {told(mine)} | Glance: {told(other)} | {size / wall / 1e6:.0f} MB/s | "
          f"500 MB/s, 2.0 CPU-s: {'met' if good else 'missed'} |", flush=True)
    return good


def importing(o, d, source, name):
    d.put(f"/{name}", source)
    count = iter(range(1000))
    out, copy = f"{o.folder}/out.qcow2", f"{o.folder}/copy"

    def ours():
        before = cpu(d.child.pid)
        image, wall = d.image(f"/{name}", f"{name}-{next(count)}")
        idle(d.child.pid)  # it takes the sum of an image that is there
        used = cpu(d.child.pid) - before
        d.call("DeleteImages", {"ImageIds": [image]})
        return wall, used

    def theirs():
        first = command([*o.words, "qemu-img", "convert", "-f", name, "-O", "qcow2", source, out])
        second = command([*o.words, "cp", "--reflink=never", "--sparse=never", source, copy])
        os.unlink(out)
        os.unlink(copy)
        return first[0] + second[0], first[1] + second[1]

    mine, other = pairs(o.pairs, o.folder, ours, theirs)
    ratios = [a[0] / b[0] for a, b in zip(mine, other)]
    ratio = statistics.median(ratios)
    print(f"| import of {name}, {os.path.getsize(source) / 1e6:.0f} MB | {told(mine)} | qemu-img and cp: {told(other)} | "
          f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | 1.2: {'met' if ratio <= 1.2 else 'missed'} |",
          flush=True)
    return ratio <= 1.2


def many(o, d, source):
    part = f"{o.folder}/part"
    with open(source, "rb") as a, open(part, "wb") as b:
        b.write(a.read(128 << 20))
    peak, ended = [memory(d.child.pid)], threading.Event()

    def watch():
        while not ended.wait(0.1):
            peak[0] = max(peak[0], memory(d.child.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    before, start = cpu(d.child.pid), time.monotonic()
    clients = [
        subprocess.Popen(d.curl(f"/many/{i}", "--limit-rate", "8M", "-T", part)) for i in range(50)
    ]
    failed = [c for c in clients if c.wait() != 0]
    wall = time.monotonic() - start
    used = cpu(d.child.pid) - before
    ended.set()
    watcher.join()
    if failed:
        sys.exit(f"bench: {len(failed)} of 50 uploads failed")
    print(f"| 50 uploads of 128 MiB at 8 MiB/s | {wall:.1f} s, {used:.1f} CPU-s | | {peak[0]:.0f} MiB | "
          f"150 MiB: {'met' if peak[0] <= 150 else 'missed'} |", flush=True)
    return peak[0] <= 150


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build")
    parser.add_argument("guest")
    parser.add_argument("--rows", default="upload,raw,qcow2,many")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--words", default="")
    parser.add_argument("--glance", default="")
    parser.add_argument("--folder", default="build-bench")
    o = parser.parse_args()
    o.words = o.words.split()
    os.makedirs(o.folder, exist_ok=True)
    o.folder = tempfile.mkdtemp(dir=os.path.abspath(o.folder))
    d = None
    good = True
    try:
        raw, packed = f"{o.folder}/disk.raw", f"{o.folder}/disk.qcow2"
        subprocess.run(["cp", "--sparse=never", o.guest, raw], check=True)
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, packed], check=True)
        d = Daemon(os.path.abspath(o.build), o.folder, o.words)
        for row in o.rows.split(","):
            if row == "upload":
                good &= upload(o, d, raw)
            elif row == "raw":
                good &= importing(o, d, raw, "raw")
            elif row == "qcow2":
                good &= importing(o, d, packed, "qcow2")
            elif row == "many":
                good &= many(o, d, raw)
    finally:
        if d:
            d.stop()
        shutil.rmtree(o.folder)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
