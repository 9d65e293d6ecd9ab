#!/usr/bin/env python3
"""Tests rtl/synth: what lower.py writes is what the sources say, yosys reads all of a core, and cost.py counts.

    synth_test.py equal|reads|cost --build DIR [--machine MACHINE]

equal: modules that yosys reads as they are and as lowered give the same outputs for every input over the first cycles.
reads: every module of the core, lowered, passes `hierarchy -check` and `check -assert`.
cost:  half the alias entries cost less, and a missing yosys is said to be missing.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

RTL = pathlib.Path(__file__).resolve().parents[3] / "rtl"
sys.path.insert(0, str(RTL / "synth"))
sys.setrecursionlimit(100000)
import cost   # noqa: E402
import lower  # noqa: E402

SMALL = {
    "alias_unit": dict(Entries=2, LoadPorts=1, StorePorts=1, AddrWidth=3, SizeWidth=2),
    "shadow_file": dict(Regs=4, Shadowed=2, Width=2, ReadPorts=2, WritePorts=2),
    "store_buffer": dict(Entries=3, LoadPorts=1, StorePorts=1, AddrWidth=3, Bytes=2),
}
CYCLES = 3


def yosys(script):
    done = subprocess.run(["yosys", "-q", "-p", script], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def equal(machine, build, work):
    for module, sizes in SMALL.items():
        design = lower.elaborate(module, machine.package, build / "rtl", work / module, sizes.items())
        lowered = work / f"{module}.v"
        lowered.write_text(design.lower(module).text.replace(f"module {design.elements[module].get('name')} (", "module lowered ("))
        chparam = " ".join(f"-set {name} {value}" for name, value in sizes.items())
        # Each side's memories and registers begin as 0; registers without reset would differ in what they happened to hold.
        status, text = yosys(f"""
            read_verilog -defer -sv -DSYNTHESIS -I{RTL} {RTL / module}.sv; chparam {chparam} {module}; hierarchy -top {module}
            proc; flatten; memory_map; opt -fast; rename {module} sources; design -stash sources
            read_verilog {lowered}; hierarchy -top lowered; proc; flatten; memory_map; opt -fast; design -stash lowered
            design -copy-from sources sources; design -copy-from lowered lowered
            miter -equiv -make_assert -flatten sources lowered both; hierarchy -top both
            async2sync; dffunmap; opt -fast
            sat -verify -prove-asserts -seq {CYCLES} -set-init-zero -set-at 1 in_rst_ni 0 both""")
        if status != 0:
            raise SystemExit(f"{module}: as lowered it differs from its source\n{text[-3000:]}")
        print(f"{module}: equal")


def reads(machine, build, work):
    for module in machine.core.elements:
        lowered = machine.core.lower(module)
        boxes = [machine.core.box(call) for call in lowered.calls]
        boxes += ["(* blackbox *) " + cost.interface(machine.core, child) for child in sorted(set(lowered.instances))]
        boxes += ["(* blackbox *) " + lower.operator_text(operator) for operator in sorted(lowered.operators)]
        source = work / "read.v"
        source.write_text("".join(boxes) + lowered.text)
        status, text = yosys(f"read_verilog {source}; hierarchy -check -top {lowered.name}; proc; check -assert")
        if status != 0:
            raise SystemExit(f"{module}: {text[-3000:]}")
        print(f"{module}: read and checked")


def costs(machine, build, work):
    def synthesised(*entries):
        synthesis = cost.Synthesis(work, lambda text: None, 2)
        started = [synthesis.module(machine.alone("alias_unit", Entries=n), "alias_unit")[0] for n in entries]
        return [cost.total([(future, 1)]) for future in started]

    less, more = synthesised(2, 4)
    if not 0 < less.cells < more.cells or more.flip_flops != 2 * less.flip_flops or less.depth <= 0 or more.depth <= 0:
        raise SystemExit(f"2 and 4 alias entries: {vars(less)}, {vars(more)}")
    if vars(synthesised(2)[0]) != vars(less):
        raise SystemExit("what is kept differs from what was synthesised")
    # An entry: two ranges of a beginning and an end, and a bit that says that it is valid.
    width = machine.core.parameters("alias_unit")["AddrWidth"]
    if more.flip_flops != 4 * (2 * (width + width + 1) + 1):
        raise SystemExit(f"{more.flip_flops} flip-flops in 4 alias entries")
    (work / "bin").mkdir()
    (work / "bin" / "python3").symlink_to(sys.executable)
    done = subprocess.run([sys.executable, RTL / "synth" / "cost.py", "--build", build, "crusoe"], env={**os.environ, "PATH": str(work / "bin")},
                          capture_output=True, text=True)
    if done.returncode != 125 or "yosys is not installed" not in done.stderr:
        raise SystemExit(f"without yosys: exit code {done.returncode}, {done.stderr}")
    print(json.dumps([vars(less), vars(more)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["equal", "reads", "cost"])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--machine", default="crusoe")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        machine = cost.Machine(arguments.machine, arguments.build, pathlib.Path(scratch) / "machine")
        {"equal": equal, "reads": reads, "cost": costs}[arguments.what](machine, arguments.build, pathlib.Path(scratch))


if __name__ == "__main__":
    main()
