# SPDX-License-Identifier: GPL-2.0-or-later
# No cloud's rules: for what no shipped profile asks of a Linux system.

[profile]
name = strict
title = What no cloud here asks
source = this test
formats = raw qcow2 vhd vmdk
partition-tables = mbr gpt
firmware = bios uefi
architectures = x86_64

[linux]
lvm-refused = yes
filesystem-features-refused = project
