#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""embed.py OUTPUT FILE...: numbered migrations as a C table

Files are NNNN_name.sql, from 0001 on without a gap."""
import pathlib
import re
import sys

output, *names = sys.argv[1:]
rows = []
for want, name in enumerate(sorted(names, key=lambda n: pathlib.Path(n).name), start=1):
    path = pathlib.Path(name)
    found = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
    if not found or int(found[1]) != want:
        sys.exit(f"{path.name}: the next migration is {want:04}_name.sql")
    sql = re.sub(r"^\s*--.*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    text = "".join(
        '\n     "%s\\n"' % line.replace("\\", "\\\\").replace('"', '\\"')
        for line in sql.splitlines() if line.strip())
    rows.append('    {%d, "%s",%s},\n' % (want, found[2], text))
pathlib.Path(output).write_text(
    '#include "store/db_driver.h"\n\nconst struct migration db_migrations[] = {\n'
    + "".join(rows) + "};\nconst int db_n_migrations = %d;\n" % len(rows), encoding="utf-8")
