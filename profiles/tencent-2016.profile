# SPDX-License-Identifier: GPL-2.0-or-later
# The oldest rules that are still met: a small list of systems, one plain disk with an
# MBR, one network card.  The cloud writes the settings into a file of the guest, so
# nothing is said of cloud-init.  README.md says what every key means.

[profile]
name = tencent-2016
title = Tencent Cloud, 2016 (Chinese guide)
source = Tencent Cloud, guide to importing images, Chinese edition of 2016
formats = raw qcow2 vhd vmdk
partition-tables = mbr
firmware = bios
architectures = x86_64 i386
# "The system disk": its virtual size counts.
virtual-size-max = 50GiB

[linux]
filesystems = ext3 ext4
cloud-init = off
disk-drivers = virtio_blk
bus-drivers = virtio_pci
network-drivers = virtio_net
only-nic = eth0
ipv6-refused = yes

[windows]
architectures = x86_64
filesystems = ntfs
lvm-refused = yes
cloud-init = off
disk-drivers = viostor
network-drivers = netkvm

[system CentOS]
type = linux
ids = centos

# Red Hat comes with the customer's own licence.
[system Redhat]
type = linux
ids = rhel
license = BYOL

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

[system Windows Server 2008]
type = windows
ids = windows
versions = 2008
editions = Standard Datacenter Enterprise

[system Windows Server 2008 R2]
type = windows
ids = windows
versions = 2008-R2
editions = Standard Datacenter Enterprise

[system Windows Server 2012]
type = windows
ids = windows
versions = 2012
editions = Standard Datacenter

[system Windows Server 2012 R2]
type = windows
ids = windows
versions = 2012-R2
editions = Standard

[service]
images-per-region = 10
shares-per-image = 50
operations-per-day = 5
import-permission = yes
# "Can only be used to create instances": not to reinstall one, and not to be copied.
shares-only-create = yes
copy-regions = ap-guangzhou ap-beijing ap-shanghai ap-hongkong
linux-settings = /etc/qcloud-network-config.ini
windows-settings = C:\qcloud-network-config.ini
