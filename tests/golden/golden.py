#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""golden.py: each check of the catalogue on a disk that it speaks of, and on one that it does
not; what `imgport check` says is held in expect/

  golden.py [--renew] [--keep FOLDER] [WORD...]

Only cases whose name has one of the words run.  --renew writes expect/ anew: read the
difference before it is committed.  --keep leaves the disks in a folder.  IMGPORT names the
program."""
import argparse
import concurrent.futures
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True

import disk  # noqa: E402
import tree  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SLOTS = 2
AT = disk.MIB  # where the first partition begins


class Case:
    """One disk and what is asked about it."""

    def __init__(self, group, fires, name, make, options):
        self.group, self.fires, self.name, self.make = group, fires, name, make
        self.options = options

    @property
    def title(self):
        return f"{self.group} {'fires' if self.fires else 'quiet'}: {self.name}"


CASES = []


def fires(group, name, *options):
    """The check fires on the disk that the function makes (a group that is no check, such as
    "systems", only has what is said recorded)."""
    def add(make):
        CASES.append(Case(group, True, name, make, options))
        return make
    return add


def quiet(group, name, *options):
    """The neighbour, on which it must not."""
    def add(make):
        CASES.append(Case(group, False, name, make, options))
        return make
    return add


class Disk:
    """What a case changes before the disk is written, and spoils after it."""

    def __init__(self, folder, base):
        self.folder, self.file = folder, os.path.join(folder, "disk.raw")
        self._base, self._tree = base, None
        self.size, self.root_size = 64 * disk.MIB, 62 * disk.MIB
        self.code, self.entries, self.mke2fs = "grub", None, ()
        self.kind, self.after, self.written = "ext4", [], False

    @property
    def tree(self):
        if not self._tree:
            root = os.path.join(self.folder, "root")
            shutil.copytree(self._base, root, symlinks=True)
            self._tree = tree.Tree(root)
        return self._tree

    def empty_tree(self, name="root"):
        root = os.path.join(self.folder, name)
        os.mkdir(root)
        self._tree = tree.Tree(root)
        return self._tree

    def path(self, name):
        return os.path.join(self.folder, name)

    def blank(self, size=None):
        """A file of zeros in place of a disk with a system."""
        self.written = True
        with open(self.file, "wb") as f:
            f.truncate(size or self.size)
        return self.file

    def take(self, path):
        """A disk that is there already."""
        self.written, self.file = True, path

    def guest(self, name):
        """One of tests/guests, built if need be."""
        self.take(disk.run(os.path.join(TOP, "tests", "guests", "build.sh"), "--file",
                           name).split("\n")[-2])

    def content(self, data, name="file"):
        """A file that is no disk."""
        self.written, self.file = True, self.path(name)
        with open(self.file, "wb") as f:
            f.write(data)

    def container(self, name, format_, *options, write=True):
        """The disk, with a system on it or as it was made, in a container."""
        if write:
            self.write()
        made = self.path(name)
        disk.run("qemu-img", "convert", "-f", "raw", "-O", format_, *options, self.file, made)
        self.file = made
        return made

    def on_disk(self, function):
        """Runs with the name of the disk when it is written."""
        self.after.append(function)

    def poke(self, at, data):
        self.on_disk(lambda path: disk.poke(path, at, data))

    def write(self):
        if self.written:
            return
        self.blank(self.size)
        first, sectors = AT // disk.SECTOR, self.root_size // disk.SECTOR
        disk.poke(self.file, 0, disk.mbr(
            self.entries or [disk.entry(0x83, first, sectors, active=True)], self.code))
        disk.mke2fs(self.file, AT, self.root_size, self.tree.root, *self.mke2fs, kind=self.kind)
        for function in self.after:
            function(self.file)


# ---- what was said

# Where things lie differs from one mke2fs to the next.
PLACES = re.compile(r"\b(block|inode|byte|bytes|offset) \d+")


def lines_of(text, first, rest):
    return [(rest if i else first) + line for i, line in enumerate(text.split("\n"))]


def record(case, report, status):
    """The readable form of a report, of which expect/ is made."""
    out = [f"== {'fires' if case.fires else 'quiet'}: {case.name}"]
    if case.options:
        out.append("options " + " ".join(case.options))
    out.append(f"exit {status}: {report['verdict']}"
               + (f", {report['code']}" if report["code"] else ""))
    if report["error"]:
        e = report["error"]
        out.append(f"error {e['layer']}, {e['code']}: {e['message']}")
    system = report["facts"].get("os")
    if not re.match("[CPLN][0-9]", case.group) and system:
        out.append("system " + ", ".join(f"{k} {system[k]}" for k in (
            "type", "id", "version", "name", "arch", "packages", "init") if system.get(k)))
        for kernel in report["facts"]["kernels"]:
            out.append(f"kernel {kernel['version']}: image {kernel['image'] or '-'}, initramfs "
                       f"{kernel['initramfs'] or '-'} ({kernel['initramfs_tool'] or '-'})"
                       f"{', default' if kernel['default'] else ''}"
                       f"{'' if kernel['distribution'] else ', foreign'}")
        cloud = report["facts"]["cloud_init"]
        if cloud and cloud["installed"]:
            out.append(f"cloud-init {cloud['version'] or '-'}"
                       f"{' enabled' if cloud['enabled'] else ' not enabled'}")
        linux = report["facts"]["linux"]
        if linux:
            out.append(f"sshd {'enabled' if linux['sshd_enabled'] else 'no'}; network "
                       + "; ".join(f"{i['name']} {i['method']}"
                                   for i in linux["network"]["interfaces"]))
    for problem in report["facts"]["problems"]:
        out.append(f"problem{' (minor)' if problem['minor'] else ''} {problem['layer']}, "
                   f"{problem['code']}, {problem['subject']}: {problem['message']}")
    also = []
    for finding in report["findings"]:
        if re.match("[CPLN][0-9]", case.group) and finding["id"] != case.group:
            also.append(f"{finding['id']} {finding['level']}")
            continue
        out.append(" ".join(filter(None, (finding["id"], finding["level"], finding["code"],
                                          finding["subject"]))))
        out += lines_of(finding["detail"], "    ", "    ")
        if finding["remedy"]:
            out += lines_of(finding["remedy"], "    > ", "    > ")
    if also:
        out.append("also " + ", ".join(also))
    return PLACES.sub(r"\1 N", "\n".join(out)) + "\n"


def check(case, path):
    program = os.environ.get("IMGPORT", os.path.join(TOP, "build", "imgport"))
    done = subprocess.run([program, "check", "--json", *case.options, path],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, cwd=TOP)
    if done.returncode not in (0, 1, 3) or not done.stdout:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.decode(errors='replace')}")
    return json.loads(done.stdout), done.returncode


def run(case, base, keep):
    """What was said, and the ids that fired."""
    with tempfile.TemporaryDirectory(prefix="imgport-golden.", dir="/var/tmp") as folder:
        d = Disk(folder, base)
        case.make(d)
        d.write()
        report, status = check(case, d.file)
        if keep:
            name = re.sub("[^A-Za-z0-9]+", "-", case.title)
            shutil.copyfile(d.file, os.path.join(keep, name))
    ids = {finding["id"] for finding in report["findings"]}
    if re.match("[CPLN][0-9]", case.group) and (case.group in ids) != case.fires:
        raise RuntimeError(f"{case.group} {'does not fire' if case.fires else 'fires'}:\n"
                           + record(case, report, status))
    return record(case, report, status), {case.group} & ids


# ---- against expect/ and the catalogue

def catalogue():
    with open(os.path.join(TOP, "src", "rules", "checks.def")) as f:
        return re.findall(r'^CHECK\("([A-Z][0-9]{2})"', f.read(), re.M)


def expected(group):
    try:
        with open(os.path.join(HERE, "expect", group + ".txt")) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def blocks(text):
    return dict(re.findall(r"^== ([^\n]*)\n(.*?)(?=^== |\Z)", text, re.M | re.S))


def compare(said, renew, complete):
    """The number of groups that are not as expected."""
    bad = 0
    for group, records in sorted(said.items()):
        text = "\n".join(records)
        old = expected(group)
        if renew and complete:
            with open(os.path.join(HERE, "expect", group + ".txt"), "w") as f:
                f.write(text)
            continue
        if not complete:
            known, text = blocks(old), "".join(records)
            old = "".join(f"== {name}\n{known[name].rstrip()}\n" for name in blocks(text)
                          if name in known)
        if old != text:
            bad += 1
            sys.stdout.writelines(difflib.unified_diff(
                old.splitlines(True), text.splitlines(True), f"expect/{group}.txt", "said"))
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--renew", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("words", nargs="*")
    args = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    os.environ.update(LC_ALL="C.UTF-8", TZ="UTC0")
    os.umask(0o022)
    for tool in ("mke2fs", "debugfs", "qemu-img", "xz", "zstd", "mkntfs",
                 "hivexregedit"):
        if not shutil.which(tool):
            sys.exit(f"needs {tool}; tools/install-deps.sh check installs it")
    for name in sorted(os.listdir(HERE)):
        if re.fullmatch("cases_[a-z]+[.]py", name):
            __import__(name[:-3])
    if args.keep:
        os.makedirs(args.keep, exist_ok=True)
    chosen = [c for c in CASES if not args.words or any(w in c.title for w in args.words)]
    said, fired, failed = {}, set(), 0
    lock = threading.Lock()
    with tempfile.TemporaryDirectory(prefix="imgport-golden.", dir="/var/tmp") as folder:
        base = os.path.join(folder, "base")
        os.mkdir(base)
        tree.debian(base)

        def one(case):
            nonlocal failed
            try:
                text, ids = run(case, base, args.keep)
            except Exception as e:  # a case that cannot be made has failed, and others go on
                with lock:
                    failed += 1
                    print(f"FAILED: {case.title}: {e}")
                return None
            with lock:
                fired.update(ids)
            return text

        with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
            for case, text in zip(chosen, pool.map(one, chosen)):
                if text is not None:
                    said.setdefault(case.group, []).append(text)
    bad = failed if args.words and failed else compare(
        said, args.renew and not failed, not args.words)
    print(f"{len(chosen)} cases, {failed} failed, {bad} not as expected")
    if args.words:
        return 1 if failed or bad else 0
    lacking = [i for i in catalogue() if i not in fired]
    unpaired = [i for i in catalogue() if not any(c.group == i and not c.fires for c in CASES)]
    if lacking:
        print("no case in which they fire:", *lacking)
    if unpaired:
        print("no case in which they are quiet:", *unpaired)
    stray = [n for n in os.listdir(os.path.join(HERE, "expect"))
             if n[:-4] not in {c.group for c in CASES}]
    if stray:
        print("expected, and no case makes them:", *stray)
    return 1 if failed or bad or lacking or unpaired or stray else 0


if __name__ == "__main__":
    # Cases import this module by its name.
    sys.modules["golden"] = sys.modules["__main__"]
    sys.exit(main())
