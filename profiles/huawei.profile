# SPDX-License-Identifier: GPL-2.0-or-later
# Huawei Cloud, Image Management Service, the common import; the fast one takes raw files of
# up to 1 TB with a bitmap beside them.  README.md says what every key means.

[profile]
name = huawei
title = Huawei Cloud (Image Management Service)
source = Huawei Cloud, IMS User Guide, Preparing an image file
# The same chapter, image format; VHDX, QED, VDI, QCOW, ZVHD and ZVHD2 are not read by us.
formats = raw qcow2 vhd vmdk
# The same chapter, image size: at most 128 GB, above that the fast import.
file-size-max = 128GiB
# Huawei Cloud, IMS Service Overview, Constraints: a system disk of at most 1 TB.
virtual-size-max = 1TiB
# Huawei Cloud, IMS Service Overview, OSs supporting UEFI boot mode: BIOS and UEFI, so both
# tables.
partition-tables = mbr gpt
firmware = bios uefi
# Huawei Cloud, IMS User Guide, Preparing an image file: 32 or 64 bit; IMS API Reference,
# architecture: x86 and arm.
architectures = x86_64 i386 arm64

[linux]
# Huawei Cloud, IMS User Guide, Preparing an image file, tools: cloud-init is advised.
cloud-init = warning
# Huawei Cloud, IMS User Guide, Configuring Cloud-Init.
datasources = OpenStack ConfigDrive
# The same guide, Installing native KVM drivers: these in the initramfs.
disk-drivers = virtio_blk
bus-drivers = virtio_pci
network-drivers = virtio_net
more-drivers = virtio_scsi

[windows]
# Huawei Cloud, IMS User Guide, Preparing an image file (Windows), tools: cloudbase-init is
# advised.
cloud-init = warning
# The same guide, Installing Windows-specific drivers: VirtIO.
disk-drivers = viostor vioscsi
network-drivers = netkvm

[service]
# Huawei Cloud, IMS Service Overview, Constraints.
images-per-region = 50
shares-per-image = 128
