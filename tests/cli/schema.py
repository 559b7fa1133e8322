#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""schema.py [--strict] SCHEMA FILE...: every file is what the schema says

With --strict: and none is any more once one of its objects has a key more, a key less or a
value of another type.  One object stands for all at the same place."""
import json
import sys

import jsonschema


def places(value, path=()):
    """Where the objects of a document are, elements of a list counting as one place."""
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from places(item, path + (key,))
    elif isinstance(value, list):
        for item in value:
            yield from places(item, path + ("*",))


def changes(thing):
    """Spoils the object, one way after another; it is whole again after each."""
    thing["not-in-the-schema"] = 1
    yield "a key more"
    del thing["not-in-the-schema"]
    for key, value in list(thing.items()):
        rest = dict(thing)
        del thing[key]
        yield f"without {key}"
        thing.update(rest)
        thing[key] = [1] if not isinstance(value, list) else {}
        yield f"{key} of another type"
        thing[key] = value


def main():
    strict = sys.argv[1] == "--strict"
    schema_file, *files = sys.argv[1 + strict:]
    with open(schema_file) as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    seen, bad = set(), 0
    for name in files:
        with open(name) as f:
            document = json.load(f)
        for error in validator.iter_errors(document):
            bad += 1
            worst = jsonschema.exceptions.best_match([error])
            print(f"{name}: {'/'.join(map(str, worst.absolute_path))}: {worst.message[:300]}")
        for path, thing in places(document) if strict else ():
            kind = ("reports" in document, len(document)) + path
            if kind in seen:
                continue
            seen.add(kind)
            for change in changes(thing):
                if validator.is_valid(document):
                    bad += 1
                    print(f"{name}: {'/'.join(path)}: {change} is not noticed")
    if strict:
        print(f"{len(seen)} places")
    return 1 if bad or not files or (strict and not seen) else 0


if __name__ == "__main__":
    sys.exit(main())
