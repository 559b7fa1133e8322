# SPDX-License-Identifier: GPL-2.0-or-later
# Alibaba Cloud ECS.  An import itself asks for little; what its image check says afterwards
# is a warning here.  README.md says what every key means.

[profile]
name = aliyun
title = Alibaba Cloud ECS
source = Alibaba Cloud ECS, Import a custom image
# The same document: QCOW2, VHD, RAW and VMDK.
formats = raw qcow2 vhd vmdk
# Alibaba Cloud ECS, Alibaba Cloud image specifications (Linux), disk partitions: both boot
# modes, so both tables.
partition-tables = mbr gpt
# The same document: the boot mode is BIOS, UEFI or UEFI-Preferred.
firmware = bios uefi
# Alibaba Cloud SMC, Image check items, GUESTOS.Architecture.
architectures = x86_64 i386 arm64
# Alibaba Cloud ECS, API reference, ImportImage, DiskImageSize of a system disk.
virtual-size-max = 500GiB

[linux]
# Alibaba Cloud ECS, image specifications (Linux), required software: cloud-init, or an
# instance is not initialized.
cloud-init = warning
# cloud-init, Datasource reference, Alibaba Cloud (AliYun).
datasources = AliYun
# Alibaba Cloud ECS, Check whether an image meets the import requirements, Virtio: an
# instance without it does not start.
disk-drivers = virtio_blk
bus-drivers = virtio_pci
network-drivers = virtio_net
# The same document, NVMe: instance types such as ecs.g7se need it.
more-drivers = nvme
# Alibaba Cloud ECS, image specifications (Linux), LVM management: no LVM.
lvm-refused = yes

[windows]
# Alibaba Cloud ECS, Notes for importing images, Windows: NTFS.
filesystems = ntfs
# Alibaba Cloud ECS, Install the virtio driver: an imported Windows needs it to start.
disk-drivers = viostor
network-drivers = netkvm

[levels]
# A demand of the image specifications, not of the import (lvm-refused above).
P15 = warning
# Alibaba Cloud ECS, image specifications (Linux), swap partition: none.
L18 = warning
# Alibaba Cloud SMC, Image check items, GUESTOS.RtcTimeMode: UTC is recommended.
L29 = warning
