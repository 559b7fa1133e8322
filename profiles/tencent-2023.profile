# SPDX-License-Identifier: GPL-2.0-or-later
# The current guide: more systems, 64-bit ARM, and a UEFI boot mode, which is what makes a
# GPT possible.  README.md says what every key means.

[profile]
name = tencent-2023
title = Tencent Cloud, 2023 (current guide)
source = Tencent Cloud, document 4945, importing images, as of 2023 and later
formats = raw qcow2 vhd vmdk
partition-tables = mbr gpt
# A GPT is started by UEFI only.
gpt-needs-esp = yes
firmware = bios uefi
architectures = x86_64 i386 arm64
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

[system CentOS Stream]
type = linux
ids = centos-stream

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

[system Fedora]
type = linux
ids = fedora

[system AlmaLinux]
type = linux
ids = almalinux

[system Rocky Linux]
type = linux
ids = rocky

[system TencentOS]
type = linux
ids = tencentos tlinux opencloudos

[system Kylin]
type = linux
ids = kylin

[system UnionTech]
type = linux
ids = uos uniontech

# Whatever else is a Linux.
[system Other Linux]
type = linux
ids = *

[system FreeBSD]
type = other
ids = freebsd

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

[system Windows Server 2019]
type = windows
ids = windows
versions = 2019

[system Windows Server 2022]
type = windows
ids = windows
versions = 2022

[service]
images-per-region = 500
shares-per-image = 500
import-permission = no
# Overseas and finance regions take links to objects of their own region only.
cos-links = own-region-overseas
# Document 4943: within the mainland, or overseas; finance regions among themselves; Taipei not.
copy-own-group = yes

[levels]
# A recommendation is no more than a note.
L13 = note
