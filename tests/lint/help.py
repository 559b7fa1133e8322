#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""help.py IMGPORT: --help of every command, against the terminal and the manual

Help goes to standard output with exit status 0, in less than 80 columns, in every language;
complaints go to standard error with exit status 2.  A command has a manual page imgport-X.1,
and the two name the same options."""
import os
import pathlib
import re
import subprocess
import sys
import unicodedata

COLUMNS = 80
LANGUAGES = ["en", "zh"]
MAN = pathlib.Path(__file__).resolve().parents[2] / "man"
OPTION = re.compile(r"(?<![\w/-])--?[A-Za-z][A-Za-z-]*")

faults = []


def run(*words):
    env = dict(os.environ, LC_ALL="C.UTF-8", LANGUAGE="")
    return subprocess.run(
        [sys.argv[1], *words], env=env, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=60, check=False)


def columns(line):
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in line)


def help_of(command, language):
    words = [*command, "--help", "--lang", language]
    got, name = run(*words), " ".join(["imgport", *words])
    if got.returncode != 0 or got.stderr:
        faults.append(f"{name}: exit status {got.returncode}, complains: {got.stderr!r}")
    if len(got.stdout.splitlines()) < 3:
        faults.append(f"{name}: says next to nothing")
    for line in got.stdout.splitlines():
        if columns(line) >= COLUMNS:
            faults.append(f"{name}: {columns(line)} columns: {line}")
    return got.stdout


def options_of_help(text):
    """Options that have a line of their own: what stands before the explanation."""
    lines = [line.strip() for line in text.splitlines() if line.startswith(" ")]
    heads = [line.partition("  ")[0] for line in lines if line.startswith("-")]
    return {option for head in heads for option in OPTION.findall(head)}


def options_of_page(page):
    """Options that have an item of their own, and those of the synopsis."""
    items, synopsis, section = set(), set(), ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith(".Sh "):
            section = line[4:].strip()
        names = {"-" + n for n in re.findall(r"\bFl (-?[A-Za-z][A-Za-z-]*)", line)}
        if line.startswith(".It "):
            items |= names
        elif section == "SYNOPSIS":
            synopsis |= names
    return items, synopsis


def compare(name, said, page):
    if not page.is_file():
        faults.append(f"{name}: there is no man/{page.name}")
        return
    items, synopsis = options_of_page(page)
    for option in sorted(said - items):
        faults.append(f"man/{page.name}: has no item for {option}, which --help names")
    for option in sorted(items - said):
        faults.append(f"{name} --help: does not name {option}, which man/{page.name} explains")
    for option in sorted(synopsis - items):
        faults.append(f"man/{page.name}: {option} is in the synopsis and has no item")


def complains(*words):
    got, name = run(*words), " ".join(["imgport", *words])
    if got.returncode != 2 or got.stdout or not got.stderr:
        faults.append(
            f"{name}: exit status {got.returncode}, output {got.stdout!r}, error "
            f"{got.stderr!r}; should be 2, nothing, and a sentence")


def main():
    text = help_of([], "en")
    listed = text.partition("Commands:\n")[2].partition("\n\n")[0]
    commands = re.findall(r"^  ([a-z]+) ", listed, re.M)
    if not commands:
        sys.exit("imgport --help lists no commands")
    for command in [[]] + [[c] for c in commands]:
        name = "-".join(["imgport", *command])
        said = [options_of_help(help_of(command, lang)) for lang in LANGUAGES]
        if said[0] != said[1]:
            faults.append(f"{name} --help: options differ by language: {said[0] ^ said[1]}")
        compare(name, said[0], MAN / f"{name}.1")
        complains(*command, "--no-such-option")
        complains(*command)
    complains("no-such-command")
    for page in sorted(MAN.glob("imgport-*.1")):
        if page.stem.removeprefix("imgport-") not in commands:
            faults.append(f"man/{page.name}: imgport --help lists no such command")
    print(*faults, sep="\n")
    print(f"{len(commands)} commands, {len(faults)} faults")
    sys.exit(bool(faults))


main()
