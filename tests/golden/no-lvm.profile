# SPDX-License-Identifier: GPL-2.0-or-later
# No cloud's rules: for the check that no shipped profile asks of a Linux system.

[profile]
name = no-lvm
title = LVM refused
source = this test
formats = raw qcow2 vhd vmdk
partition-tables = mbr gpt
firmware = bios uefi
architectures = x86_64

[linux]
lvm-refused = yes
