# SPDX-License-Identifier: GPL-2.0-or-later
# Amazon EC2 through VM Import/Export, which changes a Linux as it imports it: drivers of Xen
# are put in, fixed addresses and device names replaced.  README.md says what every key means.

[profile]
name = aws
title = Amazon EC2 (VM Import/Export)
source = AWS, VM Import/Export User Guide, Requirements for resources that you import
# The same chapter, image formats: VMDK for ESX (stream-optimized), fixed and dynamic VHD, raw.
formats = raw vhd vmdk
vmdk-kinds = streamOptimized
vhd-kinds = fixed dynamic
# The same chapter, volume types and file systems.
partition-tables = mbr gpt
# The same chapter, boot modes: legacy-bios and uefi.
firmware = bios uefi
# The same chapter, operating systems: 64-bit only, and ARM64 is not supported.
architectures = x86_64
# AWS, VM Import Instance Checker for Linux: a root of less than 1 TB.
virtual-size-max = 1TiB

[linux]
# AWS, VM Import/Export User Guide, volume types and file systems.
filesystems = ext2 ext3 ext4 btrfs jfs xfs
# AWS, Amazon EC2 User Guide, Run commands when you launch an instance: user data of Linux is
# read by cloud-init.
cloud-init = warning
# cloud-init, Datasource reference, Amazon EC2.
datasources = Ec2
# AWS, Amazon EC2 Instance Types, Instances built on the AWS Nitro System: disks are NVMe,
# and the network is ENA.
more-drivers = nvme
module-drivers = ena

[windows]
# AWS, VM Import/Export User Guide, operating systems: some versions also as 32 bit.
architectures = x86_64 i386
# The same guide, volume types and file systems: NTFS.
filesystems = ntfs

# AWS, VM Import/Export User Guide, operating systems.  The versions change with each edition
# of that list, so only the distribution counts.
[system Amazon Linux]
type = linux
ids = amzn

[system CentOS]
type = linux
ids = centos centos-stream

[system Debian]
type = linux
ids = debian

[system Fedora]
type = linux
ids = fedora

[system Oracle Linux]
type = linux
ids = ol

[system Red Hat Enterprise Linux]
type = linux
ids = rhel

[system SUSE Linux Enterprise Server]
type = linux
ids = sles

[system Ubuntu]
type = linux
ids = ubuntu

[system Windows]
type = windows
ids = windows

[levels]
# A system or version outside the list is imported at the customer's own risk, or not at all.
L01 = warning
