# SPDX-License-Identifier: GPL-2.0-or-later
"""Section N: a Windows laid out by tests/guests/windows.sh, with one thing changed"""
import atexit
import os
import shutil
import tempfile
import threading

import disk
from golden import AT, TOP, fires, quiet

KVM = ("--profile", "generic-kvm")
OLD = ("--profile", "tencent-2016")
NEW = ("--profile", "tencent-2023")


good = {}
lock = threading.Lock()


def make(path, *words):
    disk.run(os.path.join(TOP, "tests", "guests", "windows.sh"), path, *words)
    return path


def good_one(version):
    """A disk with nothing changed, once."""
    with lock:
        if version not in good:
            folder = tempfile.mkdtemp(prefix="imgport-golden.", dir="/var/tmp")
            atexit.register(shutil.rmtree, folder)
            good[version] = make(os.path.join(folder, "disk.raw"), f"version={version}")
        return good[version]


def windows(d, *words, version="2012-R2"):
    path = make(d.path("windows.raw"), f"version={version}", *words)
    d.take(path)
    return path


def case(add, check, name, *words, version="2012-R2", options=()):
    def one(d):
        if words:
            windows(d, *words, version=version)
        else:
            d.take(good_one(version))
    add(check, name, *options)(one)


case(fires, "N01", "the system volume is FAT", "format=vfat")
case(quiet, "N01", "NTFS")

case(fires, "N02", "a version that is not listed", version="2019")
case(fires, "N02", "an edition that is not listed", "edition=Datacenter", options=OLD)
case(quiet, "N02", "the same version where it is listed", version="2019", options=NEW)
case(quiet, "N02", "the edition that is listed, as Server Core", "edition=StandardCore", options=OLD)

case(fires, "N03", "32 bit where only 64 are taken", "arch=i386", version="2008", options=OLD)
case(quiet, "N03", "32 bit where both are taken", "arch=i386", version="2008")

case(fires, "N04", "no virtio driver", "drivers=none")
case(fires, "N04", "drivers for another architecture", "with=32-bit-drivers")
case(fires, "N04", "a service without its file", "without=file")
case(fires, "N04", "only vioscsi where viostor is needed", "drivers=vioscsi,netkvm")
case(quiet, "N04", "vioscsi where a host may offer it", "drivers=vioscsi,netkvm", options=KVM)
case(quiet, "N04", "no driver, but nobody could read the hive", "drivers=none", "damage=SYSTEM",
     "with=log")

case(fires, "N05", "a driver without its service", "without=service")
case(fires, "N05", "a service that starts too late", "with=demand-start")
case(quiet, "N05", "a service that starts with the system, in the second control set", "with=set-2")

case(fires, "N06", "2008 R2 without an entry in CriticalDeviceDatabase", "without=binding",
     version="2008-R2")
case(fires, "N06", "2019 without an entry in DriverDatabase", "without=binding", version="2019",
     options=NEW)
case(quiet, "N06", "2008 R2 with its entry", version="2008-R2")
case(quiet, "N06", "2019 with its entry in the hive DRIVERS", version="2019", options=NEW)

case(fires, "N07", "no network driver", "drivers=viostor")
case(quiet, "N07", "a network driver that starts on demand")

case(fires, "N08", "drivers of 2018", "with=old-drivers")
case(fires, "N08", "drivers that 2008 R2 does not trust", "with=sha2-drivers", "without=sha2",
     version="2008-R2")
case(quiet, "N08", "2008 R2 with the update that trusts them", "with=sha2-drivers",
     version="2008-R2")

case(fires, "N09", "a driver that is read-only", "with=read-only")
case(quiet, "N09", "one that is not")

case(fires, "N10", "no store", "without=bcd")
case(fires, "N10", "a default entry that is not in the store", "without=entry")
case(fires, "N10", "a loader that is not there", "without=loader")
case(fires, "N10", "an entry of another disk", "with=other-disk")
case(quiet, "N10", "a store on a partition of its own", "layout=reserved")
case(quiet, "N10", "a store on the EFI system partition", "layout=gpt", options=KVM)

case(fires, "N11", "no bootmgr on the active partition", "without=bootmgr")
case(quiet, "N11", "bootmgr on a partition of its own", "layout=reserved")

case(fires, "N12", "the checksum of SYSTEM is wrong, and there is no log", "damage=SYSTEM")
case(fires, "N12", "SYSTEM is gone", "damage=SYSTEM:gone")
case(fires, "N12", "SYSTEM was not written to its end", "damage=SYSTEM:stale")
case(quiet, "N12", "the checksum is wrong, but a log may mend it", "damage=SYSTEM", "with=log")

case(fires, "N13", "hibernated", "with=hibernated")
case(fires, "N13", "Fast Startup", "with=hibernated,fast-startup")
case(quiet, "N13", "a file of a session that was resumed", "with=resumed")

case(fires, "N14", "partition type 42", "layout=dynamic")


@quiet("N14", "a header that was left behind")
def _(d):
    disk.poke(windows(d), 6 * disk.SECTOR, b"PRIVHEAD")


@fires("N15", "the system volume is encrypted")
def _(d):
    disk.poke(windows(d), AT + 3, b"-FVE-FS-")


case(quiet, "N15", "a volume that is not")

case(fires, "N16", "Sysprep has failed", "with=sysprep")
case(quiet, "N16", "setup is finished")

case(fires, "N17", "pending.xml", "with=pending")
case(fires, "N17", "Component Based Servicing wants a restart", "with=reboot")
case(quiet, "N17", "nothing waits")

case(fires, "N18", "a package by its name", "with=faulty-update")
case(fires, "N18", "a build by its number", "with=faulty-update", version="2019", options=NEW)
case(quiet, "N18", "other updates", version="2019", options=NEW)

case(fires, "N19", "a filter of a program that is gone", "with=filter")
case(quiet, "N19", "Windows' own filter")

case(fires, "N20", "VMware Tools", "with=vmware")
case(fires, "N20", "Xen hides devices", "with=hide-devices")
case(quiet, "N20", "no tools")

case(fires, "N21", "DeviceInstallDisabled", "with=install-blocked")
case(fires, "N21", "a policy", "with=deny-devices")
case(quiet, "N21", "neither")

case(fires, "N22", "an evaluation copy", "edition=StandardEval")
case(fires, "N22", "any other")


@quiet("N22", "a system that is not Windows")
def _(d):
    d.tree.write("/etc/motd", "no Windows\n")


case(fires, "N23", "no cloudbase-init", "without=agent")
case(fires, "N23", "no cloudbase-init, forced", "without=agent", options=("--force",))
case(fires, "N23", "a service that is disabled", "with=agent-off")
case(quiet, "N23", "a service that starts by itself")
case(quiet, "N23", "none, where nobody asks for it", "without=agent", options=OLD)

case(fires, "N24", "remote desktop is off", "with=no-rdp")
case(fires, "N24", "a fixed address", "with=fixed-address")
case(fires, "N24", "a page file on another disk", "with=pagefile-d")
case(quiet, "N24", "an instance that can be reached")
