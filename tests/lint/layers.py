#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""layers.py [ROOT]: who includes whom, by the table of ARCHITECTURE.md

The table `| layer | may include |` is the rule itself.  A cell names layers, or single
headers of one ("guest/facts.h").  A layer may name only layers above it in the table, so
there is no circle.  Every folder of src/ is a layer, and every row is a folder."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def read_table(text):
    rows, rest = {}, None
    for line in text.splitlines():
        cells = [c.strip().strip("`") for c in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            if rest is not None:
                break
        elif [c.lower() for c in cells[:2]] == ["layer", "may include"]:
            rest = True
        elif rest and not set(line) <= set("|-: "):
            names = cells[1] if len(cells) > 1 else ""
            rows[cells[0]] = [n for n in re.split(r"[,\s`]+", names) if n]
    return rows


def check_table(rows, root):
    known = []
    for layer, names in rows.items():
        for name in names:
            of = name.split("/")[0]
            if of not in rows:
                yield f"table: {layer} may include {name}, which is no layer"
            elif of not in known:
                yield f"table: {layer} may include {name}, which stands below it"
            if "/" in name and not (root / "src" / name).is_file():
                yield f"table: {layer} may include {name}, which is not there"
        known.append(layer)
    folders = {p.name for p in (root / "src").iterdir() if p.is_dir()}
    for name in sorted(folders - set(rows)):
        yield f"src/{name} is not in the table"
    for name in sorted(set(rows) - folders):
        yield f"table: {name} has no folder src/{name}"


def check_include(rows, root, file, kind, name):
    layer = file.relative_to(root / "src").parts[0]
    where = file.relative_to(root)
    ours = (root / "src" / name).is_file()
    public = (root / "include" / name).is_file()
    if kind == "<":
        if ours or public:
            yield f'{where}: <{name}> is ours: use "{name}"'
        return
    if public or name == "config.h":
        return  # the public header and what meson writes know no layer
    if not ours:
        yield f'{where}: "{name}" is not a path from src/'
        return
    of = name.split("/")[0]
    if of != layer and of not in rows[layer] and name not in rows[layer]:
        yield f'{where}: {layer} may not include "{name}"'


def main():
    here = pathlib.Path(__file__).resolve().parents[2]
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here
    page = root / "ARCHITECTURE.md"
    rows = read_table(page.read_text(encoding="utf-8")) if page.is_file() else {}
    if not rows:
        sys.exit("ARCHITECTURE.md has no table | layer | may include |")
    faults, count = list(check_table(rows, root)), 0
    for file in sorted((root / "src").rglob("*.[ch]")):
        if file.relative_to(root / "src").parts[0] not in rows:
            continue
        for kind, name in INCLUDE.findall(file.read_text(encoding="utf-8")):
            count += 1
            faults += check_include(rows, root, file, kind, name)
    if count == 0:
        faults.append("src/ includes nothing at all")
    print(*faults, sep="\n")
    print(f"{count} includes, {len(rows)} layers, {len(faults)} faults")
    sys.exit(bool(faults))


main()
