# SPDX-License-Identifier: GPL-2.0-or-later
# KubeVirt with its Containerized Data Importer.  The disk's bus is chosen machine by machine,
# so any that KubeVirt has will do.  README.md says what every key means.

[profile]
name = kubevirt
title = KubeVirt (Containerized Data Importer)
source = KubeVirt, Containerized Data Importer, Supported operations
# The same document: qcow2, VMDK, VDI, VHD, VHDX and raw, all converted to raw.
formats = raw qcow2 vhd vmdk
# KubeVirt User Guide, Virtual hardware: the disk is given to the machine as it is.
partition-tables = mbr gpt
# KubeVirt User Guide, Virtual hardware, BIOS/UEFI.
firmware = bios uefi
# KubeVirt User Guide, Virtual hardware and Arm64.
architectures = x86_64 i386 arm64

[linux]
# KubeVirt User Guide, Startup scripts: cloud-init is one way among others.
cloud-init = warning
# KubeVirt User Guide, Startup scripts: cloudInitNoCloud and cloudInitConfigDrive.
datasources = NoCloud ConfigDrive
# KubeVirt User Guide, Disks and volumes: the bus is virtio, sata or scsi (virtio-scsi).
disk-drivers = virtio_blk virtio_scsi ahci
bus-drivers = virtio_pci ahci
# KubeVirt User Guide, Interfaces and networks: the model is virtio unless another is asked
# for.
network-drivers = virtio_net

[windows]
# KubeVirt User Guide, Startup scripts: cloud-init's formats are read by cloudbase-init.
cloud-init = warning
# KubeVirt User Guide, Disks and volumes: the bus may also be sata, which Windows has a driver
# for, so only the network's is judged.  The same guide, Windows virtio drivers.
network-drivers = netkvm
