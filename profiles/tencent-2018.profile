# SPDX-License-Identifier: GPL-2.0-or-later
# The first guide that names error codes.  A Linux needs cloud-init, and neither its
# filesystem nor its partition table is mentioned; only Windows has to be NTFS on an MBR.
# README.md says what every key means.

[profile]
name = tencent-2018
title = Tencent Cloud, 2018 (English guide with error codes)
source = Tencent Cloud, guide to importing images, English edition of 2018
formats = raw qcow2 vhd vmdk
partition-tables = mbr gpt
firmware = bios
architectures = x86_64 i386
virtual-size-max = 500GiB
# Measured after the conversion.
qcow2-size-max = 50GiB

[linux]
cloud-init = required
datasources = ConfigDrive
disk-drivers = virtio_blk
bus-drivers = virtio_pci
network-drivers = virtio_net
ipv6-refused = yes

[windows]
partition-tables = mbr
filesystems = ntfs
lvm-refused = yes
# cloudbase-init
cloud-init = warning
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

[system Windows Server 2008 R2]
type = windows
ids = windows
versions = 2008-R2
editions = Standard Datacenter Enterprise

[system Windows Server 2012 R2]
type = windows
ids = windows
versions = 2012-R2
editions = Standard

[service]
images-per-region = 10
shares-per-image = 50
import-permission = yes
