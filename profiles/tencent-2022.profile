# SPDX-License-Identifier: GPL-2.0-or-later
# The guide that explains why an import failed: GPT is refused for every system, and
# cloud-init (on Windows cloudbase-init) is required.  README.md says what every key means.

[profile]
name = tencent-2022
title = Tencent Cloud, 2022 (guide with failure causes)
source = Tencent Cloud, document 4945, importing images, as of 2022
formats = raw qcow2 vhd vmdk
partition-tables = mbr
firmware = bios
architectures = x86_64 i386
virtual-size-max = 500GiB
# Measured after the conversion.
qcow2-size-max = 50GiB

[linux]
cloud-init = required
# Document 12587 recommends it; older ones work.
cloud-init-version-min = 17.1
datasources = ConfigDrive TencentCloud
disk-drivers = virtio_blk
bus-drivers = virtio_pci
network-drivers = virtio_net

[windows]
filesystems = ntfs
lvm-refused = yes
# cloudbase-init
cloud-init = required
disk-drivers = viostor
network-drivers = netkvm

[system CentOS]
type = linux
ids = centos

[system Ubuntu]
type = linux
ids = ubuntu

[system Debian]
type = linux
ids = debian

[system CoreOS]
type = linux
ids = coreos

[system OpenSUSE]
type = linux
ids = opensuse opensuse-leap opensuse-tumbleweed

[system SUSE]
type = linux
ids = sles sled suse

# The Windows families of 2008, 2012 and 2016, R2 among them, in any edition.
[system Windows Server 2008]
type = windows
ids = windows
versions = 2008

[system Windows Server 2008 R2]
type = windows
ids = windows
versions = 2008-R2

[system Windows Server 2012]
type = windows
ids = windows
versions = 2012

[system Windows Server 2012 R2]
type = windows
ids = windows
versions = 2012-R2

[system Windows Server 2016]
type = windows
ids = windows
versions = 2016

[service]
images-per-region = 10
shares-per-image = 50
import-permission = no
# A region takes links to objects of its own region only, finance regions as well.
cos-links = own-region
# A signed link "can be accessed only once" (InvalidUrl).
one-time-links = yes

[levels]
# A recommendation is no more than a note.
L13 = note
