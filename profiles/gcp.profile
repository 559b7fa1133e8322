# SPDX-License-Identifier: GPL-2.0-or-later
# Google Compute Engine, by its import tool.  README.md says what every key means.

[profile]
name = gcp
title = Google Compute Engine
source = Google Cloud, Compute Engine, Import virtual disks
# The same document: most formats of virtual disks, VMDK and VHD among them.
formats = raw qcow2 vhd vmdk
# Google Cloud, Compute Engine, Manually import boot disks: disk.raw is a whole number of GB.
raw-size-multiple = 1GiB
# Google Cloud, Image management best practices: an MBR or a GPT.
partition-tables = mbr gpt
# Google Cloud, gcloud compute migration image-imports create: --boot-conversion knows both.
firmware = bios uefi
# Google Cloud, Import virtual disks, limitations: no Arm images by the tool.
architectures = x86_64

[linux]
# Google Cloud, Import virtual disks, limitations of Linux: the boot loader is GRUB.
boot-loaders = grub2 grub-legacy
# Google Cloud, Guest environment: it sets an instance up; cloud-init is not asked for.
cloud-init = off
# cloud-init, Datasource reference, Google Compute Engine.
datasources = GCE
# Google Cloud, Requirements to build custom images: Virtio-SCSI, CONFIG_VIRTIO_PCI and
# CONFIG_VIRTIO_NET.
disk-drivers = virtio_scsi
bus-drivers = virtio_pci
network-drivers = virtio_net
# The same document, Ethernet controller: the third generation of machines needs gVNIC.
module-drivers = gve

[windows]
# Google Cloud, Import virtual disks, supported operating systems: some also as 32 bit.
architectures = x86_64 i386
