#!/usr/bin/env python3
"""Seeds defects into the SystemC model, one at a time, and finds each.

    campaign.py BUILD [--only TEXT, of rule and name] [--skip N] [--seeds N] [--table FILE]

A defect is a replacement of text in one source of hw/. The source is patched into a scratch folder, compiled there as
BUILD compiles it, and linked with the rest of BUILD: neither the tree nor BUILD is changed. Then
  records     the retire records, cycles and all, of N random programs and of the timing programs are compared with
              those of the model without the defect: what lockstep with a right core finds, and after how many cycles;
  programs    hw_programs_test: docs/timing.md's own programs, which know nothing of the model; if they pass,
  lockstep    hw_lockstep_test: the functional executor follows.
Exit code 0: every defect changes a record, and hw_programs_test or hw_lockstep_test finds it as well.
"""
import argparse
import json
import pathlib
import re
import resource
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
LIMIT = 20  # seconds of processor time, whatever else the machine does; a defect may keep the core from ever going on
TARGETS = ["hw_records", "hw_programs_test", "hw_lockstep_test"]


def defects():
    """(source, rule, what is wrong, text, replacement), from faults.txt."""
    found = []
    for block in re.split(r"\n(?=## )", (HERE / "faults.txt").read_text()):
        head = re.match(r"## (\S+) (\S+) (.*)\n", block)
        if not head:
            continue
        parts = re.match(r"## .*\n<<<\n(.*?)\n===\n(.*?)\n?>>>", block, re.S)
        if not parts:
            sys.exit(f"faults.txt: {head.group(3)}: expected <<<, ===, >>>")
        found.append((head.group(1), head.group(2), head.group(3), parts.group(1), parts.group(2)))
    return found


def commands(build):
    """How BUILD compiles each source of hw/, and links each target."""
    compile_ = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if path.parent == ROOT / "hw":
            compile_[path.name] = shlex.split(entry["command"])
    link = {}
    for target in TARGETS:
        lines = subprocess.run(["ninja", "-C", str(build), "-t", "commands", target], capture_output=True, text=True, check=True).stdout
        last = lines.strip().splitlines()[-1]
        link[target] = re.search(r"&& (\S*(?:c\+\+|g\+\+)\S* .*? -o \S+ .*?)(?: &&|$)", last).group(1)
    return compile_, link


def build_with(build, scratch, compile_, link, source, text, replacement):
    original = (ROOT / "hw" / source).read_text()
    if original.count(text) != 1:
        raise RuntimeError(f"its text occurs {original.count(text)} times in {source}")
    (scratch / source).write_text(original.replace(text, replacement))
    command = [word for word in compile_[source] if word != "ccache"]
    obj = scratch / (source + ".o")
    command[command.index("-o") + 1] = str(obj)
    command[command.index("-c") + 1] = str(scratch / source)
    command += ["-Wno-error", "-w", "-O1"]
    done = subprocess.run(command, cwd=build, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("it does not compile:\n" + done.stderr[:2000])
    library = scratch / "libchrysalis_hw.a"
    library.write_bytes((build / "hw" / "libchrysalis_hw.a").read_bytes())
    member = source + ".o"
    subprocess.run(["ar", "d", str(library), member], check=True)
    subprocess.run(["ar", "r", str(library), str(obj)], check=True, capture_output=True)
    for target in TARGETS:
        words = shlex.split(link[target])
        words[words.index("-o") + 1] = str(scratch / target)
        words = [str(library) if word.endswith("hw/libchrysalis_hw.a") else word for word in words]
        subprocess.run(words, cwd=build, check=True)


def run(command):
    """Exit code and output; a program that hangs or dies has found its defect as well."""
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 2)))
    return done.returncode, done.stdout


def place(words, code):
    """Where hw_records stopped: program, cycles of stimulus, and how, if a difference is not what stopped it."""
    if len(words) < 4:
        return "from the start"
    never = (1 << 64) - 1                # a cycle that does not come
    before = (int(words[1]) - int(words[3])) % (1 << 64)
    cycle = int(words[1]) if int(words[3]) != never else before + int(words[2])
    how = {3: ": a check of the model stops it", 4: ": it goes no further"}.get(code, ": it never issues" if int(words[3]) == never else "")
    return f"{words[0]}, {cycle:,} cycles{how}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many of the list")
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--table", type=pathlib.Path)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    compile_, link = commands(build)
    rows, missed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        golden = scratch / "golden"
        binary = build / "tests/hw/hw_records"
        golden.write_text(subprocess.run([str(binary), str(arguments.seeds)], capture_output=True, text=True, check=True).stdout)
        for source, rule, name, text, replacement in defects()[arguments.skip:]:
            if arguments.only not in f"{rule} {name}":
                continue
            try:
                build_with(build, scratch, compile_, link, source, text, replacement)
            except RuntimeError as problem:
                print(f"FAIL {name}: {problem}", flush=True)
                missed += 1
                continue
            code, out = run([str(scratch / "hw_records"), "--stop-at", str(golden), str(arguments.seeds)])
            words = (out.strip().splitlines() or [""])[-1].split()
            where = place(words, code)
            # Independent of the model: first what docs/timing.md says, then the functional executor.
            by = ""
            code_programs, out_programs = run([str(scratch / "hw_programs_test"), "--gtest_brief=1"])
            if code_programs != 0:
                by = f"{max(1, len(set(re.findall(r'FAILED  .*/([A-Za-z0-9_]+)', out_programs))))} timing programs"
            elif run([str(scratch / "hw_lockstep_test"), "--gtest_brief=1"])[0] != 0:
                by = "the functional executor"
            found = code != 0 and by != ""
            missed += not found
            row = (name, rule, where if code != 0 else "MISSED", by or "MISSED")
            rows.append(row)
            print(f"{'ok  ' if found else 'FAIL'} {' | '.join(row)}", flush=True)
    if arguments.table:
        lines = ["| defect | rule | first record that differs, after cycles of stimulus | found also by |", "| --- | --- | --- | --- |"]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        arguments.table.write_text("\n".join(lines) + "\n")
    print(f"{len(rows)} defects, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
