# SPDX-License-Identifier: GPL-2.0-or-later
# Microsoft Azure: a Hyper-V guest on a fixed VHD.  README.md says what every key means.

[profile]
name = azure
title = Microsoft Azure
source = Microsoft Azure, Virtual Machines, Prepare Linux for imaging in Azure
# The same document, general notes: fixed VHD only, no VHDX.
formats = vhd
vhd-kinds = fixed
# The same document: the virtual size is a whole number of MB (1024 x 1024 bytes).
vhd-size-multiple = 1MiB
# The same document: at most 1,023 GB.
virtual-size-max = 1023GiB
# The same document: generation 1 starts by BIOS, generation 2 by UEFI.
partition-tables = mbr gpt
firmware = bios uefi
# Microsoft Azure, Azure Compute Gallery, image definitions, architecture: x64 and Arm64.
architectures = x86_64 arm64

[linux]
# Microsoft Azure, Prepare Linux for imaging, general system requirements: cloud-init, with
# the Azure Linux Agent beside it.
cloud-init = warning
# The same: datasource_list is [ Azure ].
datasources = Azure
# The same, kernel modules: hv_vmbus and hv_storvsc have to be in the initramfs.
disk-drivers = hv_storvsc
bus-drivers = hv_vmbus
# The same, kernel requirements, drivers for Hyper-V.
network-drivers = hv_netvsc
# The same, the Azure Linux Agent: without udf provisioning fails (from cloud-init 21.2 on),
# without vfat the start as well.
module-drivers = udf vfat
# The same, general notes: standard partitions rather than LVM.
lvm-refused = yes

[levels]
# A recommendation, not a demand (lvm-refused above).
P15 = warning
# Microsoft Azure, Prepare Linux for imaging, general notes: no swap on the system disk.
L18 = warning
# The same, general system requirements: console=ttyS0.
L21 = warning
