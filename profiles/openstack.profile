# SPDX-License-Identifier: GPL-2.0-or-later
# An OpenStack cloud with KVM hosts, as its documentation describes it; an operator may allow
# less.  README.md says what every key means.

[profile]
name = openstack
title = OpenStack (Glance and Nova with KVM)
source = OpenStack, Virtual Machine Image Guide, Image requirements
# OpenStack Glance, User guide, Disk and container formats.
formats = raw qcow2 vhd vmdk
# OpenStack Image Guide, Image requirements: partitions as the image's maker likes.
partition-tables = mbr gpt
# OpenStack Nova, Admin guide, UEFI: hw_firmware_type is bios or uefi.
firmware = bios uefi
# OpenStack Glance, Useful image properties, architecture.
architectures = x86_64 i386 arm64

[linux]
# OpenStack Image Guide, Image requirements: keys and user data need cloud-init, or a script
# in its place.
cloud-init = warning
# OpenStack Nova, User guide, Metadata: the metadata service, also as EC2 has it, and the
# config drive.
datasources = OpenStack ConfigDrive Ec2
# OpenStack Glance, Useful image properties, hw_disk_bus and hw_scsi_model: virtio is what
# KVM hosts use unless the image asks for another bus.
disk-drivers = virtio_blk virtio_scsi
bus-drivers = virtio_pci
# OpenStack Glance, Useful image properties, hw_vif_model: likewise.
network-drivers = virtio_net

[windows]
# OpenStack Image Guide, Example: Microsoft Windows image: cloudbase-init is what sets it up.
cloud-init = warning
# The same: the virtio drivers are installed with it.
disk-drivers = viostor vioscsi
network-drivers = netkvm

[levels]
# OpenStack Image Guide, Image requirements, Ensure image writes boot log to console: the
# kernel must have console=ttyS0.
L21 = warning
