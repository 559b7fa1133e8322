# SPDX-License-Identifier: GPL-2.0-or-later
# No cloud's rules: only whether the system can start as a KVM guest with virtio devices.
# Written for this project.  README.md says what every key means.

[profile]
name = generic-kvm
title = Any KVM host (capability only)
source = this project; what QEMU and KVM need to start a guest on virtio devices
formats = raw qcow2 vhd vmdk
partition-tables = mbr gpt
firmware = bios uefi
architectures = x86_64 i386 arm64

[linux]
cloud-init = warning
# A host can offer either of both.
disk-drivers = virtio_blk virtio_scsi
bus-drivers = virtio_pci
network-drivers = virtio_net

[windows]
# cloudbase-init
cloud-init = warning
# A host can offer either of both.
disk-drivers = viostor vioscsi
network-drivers = netkvm
