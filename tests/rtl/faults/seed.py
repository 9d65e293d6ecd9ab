#!/usr/bin/env python3
"""Writes copies of the RTL's sources in which every defect of faults.txt is present, and one of them is chosen while it runs.

    seed.py SOURCES... --out FOLDER

A defect stands as `seeded_defect() == N ? wrong : right`, or as if and else where it is a statement; N counts from 1. seeded_defect() is a
function in C++. FOLDER/faults.inc lists source, rule and name of each.
"""
import argparse
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent


def defects():
    """(source, rule, what is wrong, text, replacement), from faults.txt."""
    found = []
    for block in re.split(r"\n(?=## )", (HERE / "faults.txt").read_text()):
        head = re.match(r"## (\S+) (\S+) (.*)\n", block)
        if not head:
            continue
        parts = re.match(r"## .*\n<<<\n(.*?)\n===\n(.*?)\n>>>", block, re.S)
        if not parts:
            sys.exit(f"faults.txt: {head.group(3)}: expected <<<, ===, >>>")
        found.append((*head.groups(), *parts.groups()))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    texts = {path.name: path.read_text() for path in arguments.sources}
    rows = []
    for number, (source, rule, name, text, replacement) in enumerate(defects(), 1):
        if texts.get(source, "").count(text) != 1:
            sys.exit(f"faults.txt: {name}: its text occurs {texts.get(source, '').count(text)} times in {source}")
        chosen = f"seeded_defect() == {number}"
        if text.endswith((";", "end")):
            both = f"if ({chosen}) begin\n{replacement}\nend else begin\n{text}\nend"
        else:
            both = f"({chosen} ? ({replacement}) : ({text}))"
        texts[source] = texts[source].replace(text, both)
        rows.append(f'{{"{source}", "{rule}", "{name}"}},\n')
    arguments.out.mkdir(parents=True, exist_ok=True)
    first = arguments.sources[0].name
    texts[first] = 'import "DPI-C" pure function int unsigned seeded_defect();\n' + texts[first]
    for name, text in texts.items():
        (arguments.out / name).write_text(text)
    (arguments.out / "faults.inc").write_text("".join(rows))


if __name__ == "__main__":
    main()
