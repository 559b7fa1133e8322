#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# scripts.sh: shellcheck has nothing to say about any script (.shellcheckrc has the rules)
. "$(dirname "$0")/files.sh"
needs shellcheck

mapfile -t names < <(scripts)
some ${#names[@]} scripts
shellcheck "${names[@]}"
