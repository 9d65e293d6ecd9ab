#!/usr/bin/env python3
"""Proves the properties of rtl/formal/*.svh with yosys and an SMT solver, and refutes a mutant for each.

    prove.py [--module NAME] [--short | --long] [--work DIR]

For each module: a base case (all assertions hold in the first steps after reset) and an induction step (if they hold
in one state they hold in the next), so that the proof is unbounded for the sizes given; then every mutant of MUTANTS is
checked with the public properties alone, from reset, and has to violate one of them. --long adds larger sizes.
Exit code 0: everything proved, every mutant refuted.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

RTL = pathlib.Path(__file__).resolve().parent.parent

# Sizes. Small ones lose no behaviour that depends on how many there are: two ports that meet, a ring whose length is no
# power of two, accesses that reach from one granule into the next.
SIZES = {
    "store_buffer": [dict(Entries=3, Bytes=2, AddrWidth=3, LoadPorts=1, StorePorts=2)],
    "alias_unit": [dict(Entries=3, AddrWidth=4, SizeWidth=3, LoadPorts=2, StorePorts=2)],
    "shadow_file": [dict(Regs=5, Shadowed=3, Width=2, ReadPorts=2, WritePorts=3), dict(Regs=3, Shadowed=3, Width=2, ReadPorts=3, WritePorts=2)],
}
LONG_SIZES = {
    "store_buffer": [dict(Entries=4, Bytes=2, AddrWidth=4, LoadPorts=2, StorePorts=2),
                     dict(Entries=3, Bytes=4, AddrWidth=5, LoadPorts=1, StorePorts=1)],
    "alias_unit": [dict(Entries=8, AddrWidth=6, SizeWidth=5, LoadPorts=2, StorePorts=2)],
    "shadow_file": [dict(Regs=64, Shadowed=16, Width=2, ReadPorts=4, WritePorts=4)],
}

# (module, name, depth, what is replaced, by what). The depth is in cycles from reset.
MUTANTS = [
    ("store_buffer", "a store is released at once", 3,
     "gated_d    = gated_q + new_memory;", "gated_d    = gated_q; released_d = released_d + new_memory;"),
    ("store_buffer", "rollback keeps a gated store", 4,
     "gated_d  = '0;\n", "gated_d  = rollback_i && gated_d != '0 ? CountWidth'(1) : '0;\n"),
    ("store_buffer", "commit leaves out its own molecule's stores", 4,
     "if (commit_i) released_d = released_d + gated_d;", "if (commit_i) released_d = released_d + gated_q;"),
    ("store_buffer", "the oldest byte is forwarded", 4,
     "old_data = (old_data & ~bits_of(lanes)) | (data_q[e] & bits_of(lanes));",
     "old_data = old_data | (data_q[e] & bits_of(lanes & ~old_hit));\n            old_hit  = old_hit | lanes;"),
    ("store_buffer", "forwarding ignores the wrap of the ring", 6, "if (e >= 32'(head_q)) begin", "if (1'b1) begin"),
    ("store_buffer", "no forwarding from the next granule", 4,
     "else if (granule_q[e] == beyond) lanes = low_q[e] & ~first;", ""),
    ("store_buffer", "a concealed load sees gated stores", 3,
     "seen     = load_guest_i[p] ? released_q + gated_q : released_q;", "seen     = released_q + gated_q;"),
    ("store_buffer", "a concealed store is undone by an older drain", 4,
     "assign drain_data_o  = from_lanes(merged[head_q], lane_q[head_q]);",
     "assign drain_data_o  = from_lanes(data_q[head_q], lane_q[head_q]);"),
    ("store_buffer", "a concealed store updates gated entries too", 4,
     "store_concealed_i[p] && age[e] < released_q", "store_concealed_i[p] && age[e] < released_q + gated_q"),
    ("store_buffer", "the drain does not move on", 4, "head_d     = drained ? ", "head_d     = 1'b0 ? "),
    ("store_buffer", "a commit forgets which device stores are gone", 4, "      device_d = '0;\n", ""),
    ("alias_unit", "a store just below an entry hits", 3,
     "if ({1'b0, begin_q[2*e + s]} < beyond &&", "if ({1'b0, begin_q[2*e + s]} <= beyond &&"),
    ("alias_unit", "an overlap at the last byte is missed", 3,
     "{1'b0, first} < end_q[2*e + s] &&", "{1'b0, first} + 1'b1 < end_q[2*e + s] &&"),
    ("alias_unit", "the second range of a load is not recorded", 3,
     "if (written[p][e]) begin", "if (written[p][e] && (r == 0 || p != 0)) begin"),
    ("alias_unit", "the second range of a store is not checked", 3,
     "for (int unsigned r = 0; r < 2; r++) begin\n        logic [AddrWidth-1:0] first;",
     "for (int unsigned r = 0; r < 1; r++) begin\n        logic [AddrWidth-1:0] first;"),
    ("alias_unit", "clearing keeps entries protected in the same cycle", 3,
     "if (clear_i) valid_d = '0;", "if (clear_i) valid_d = valid_d & ~valid_q;"),
    ("alias_unit", "entries that the machine lacks never hit", 2, "(n >= Entries || (", "(n < Entries && ("),
    ("alias_unit", "the mask is ignored", 3,
     "check_mask_i[p*MaxEntries + n] &&", "check_mask_i[p*MaxEntries +: MaxEntries] != '0 &&"),
    ("shadow_file", "commit loses register 1", 3,
     "for (int unsigned r = 0; r < Shadowed; r++) shadow_q[r] <= working_q[r];",
     "for (int unsigned r = 0; r < Shadowed; r++) if (r != 1) shadow_q[r] <= working_q[r];"),
    ("shadow_file", "commit leaves out what is written with it", 3,
     "shadow_q[write_reg_i[p*RegWidth +: ShadowWidth]] <= write_data_i[p*Width +: Width];", ";"),
    ("shadow_file", "commit leaves out what is written to the last shadowed register", 3,
     "32'(write_reg_i[p*RegWidth +: RegWidth]) < Shadowed) begin", "32'(write_reg_i[p*RegWidth +: RegWidth]) < Shadowed - 1) begin"),
    ("shadow_file", "shadows follow without a commit", 3, "      if (commit_i) begin", "      if (!rollback_i) begin"),
    ("shadow_file", "rollback loses register 1", 4,
     "for (int unsigned r = 0; r < Shadowed; r++) working_q[r] <= shadow_q[r];",
     "for (int unsigned r = 0; r < Shadowed; r++) if (r != 1) working_q[r] <= shadow_q[r];"),
    ("shadow_file", "rollback leaves what is written with it", 3,
     "      if (rollback_i) begin", "      if (rollback_i && write_valid_i == '0) begin"),
    ("shadow_file", "rollback restores the registers before the molecule, not before the commit", 4,
     "working_q[r] <= shadow_q[r];", "working_q[r] <= working_q[r];"),
    ("shadow_file", "of two writes to a register the first holds", 3,
     "if (write_valid_i[p]) working_q[write_reg_i[p*RegWidth +: RegWidth]] <= write_data_i[p*Width +: Width];",
     "if (write_valid_i[WritePorts-1-p]) working_q[write_reg_i[(WritePorts-1-p)*RegWidth +: RegWidth]] <= "
     "write_data_i[(WritePorts-1-p)*Width +: Width];"),
    ("shadow_file", "the last port cannot write", 3, "if (write_valid_i[p]) working_q", "if (write_valid_i[p] && p != WritePorts - 1) working_q"),
]

SCRIPT = """
read_verilog -defer -formal -sv -DSYNTHESIS {defines} -I{include} {source}
{chparam}
hierarchy -top {module}
proc
memory_map
flatten
opt -fast
async2sync
dffunmap
setundef -undriven -anyseq
opt_clean
write_smt2 -wires {smt2}
"""


class Failure(Exception):
    pass


def run(command, timeout, log):
    with open(log, "w") as out:
        try:
            return subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, timeout=timeout).returncode
        except subprocess.TimeoutExpired:
            raise Failure(f"{command[0]} took more than {timeout} s; see {log}") from None


def elaborate(work, module, sizes, source, induction):
    (work / f"{module}.sv").write_text(source)
    smt2 = work / f"{module}.smt2"
    chparam = " ".join(f"-set {name} {value}" for name, value in sizes.items())
    (work / "script.ys").write_text(SCRIPT.format(
        module=module, source=work / f"{module}.sv", include=RTL / "formal", smt2=smt2, chparam=f"chparam {chparam} {module}",
        defines="-DINDUCTION" if induction else ""))
    if run(["yosys", "-q", str(work / "script.ys")], 600, work / "yosys.log") != 0:
        raise Failure(f"yosys refuses {module}: see {work / 'yosys.log'}")
    return smt2


def solve(work, smt2, name, *options):
    log = work / f"{name}.log"
    # Unrolled and in one query the problem is pure bit vectors, for which z3 has a SAT solver.
    code = run(["yosys-smtbmc", "-s", "z3", "--unroll", "--noincr", "--noprogress", *options, str(smt2)], 3600, log)
    text = log.read_text()
    if "Status: PASSED" in text and code == 0:
        return True, ""
    if "Status: FAILED" in text:
        return False, ", ".join(sorted(set(re.findall(r"Assert failed in \S+ (\w+)", text)))) or "an assertion"
    raise Failure(f"no verdict: see {log}")


def prove(work, module, sizes):
    work.mkdir(parents=True)
    smt2 = elaborate(work, module, sizes, (RTL / f"{module}.sv").read_text(), True)
    for name, options in (("base", ["-t", "2"]), ("induction", ["-i", "-t", "1"])):
        holds, failed = solve(work, smt2, name, *options)
        if not holds:
            raise Failure(f"{name} case fails: {failed}; see {work / name}.log")
    return "proved for " + ", ".join(f"{name} {value}" for name, value in sizes.items())


def refute(work, module, depth, before, after):
    work.mkdir(parents=True)
    source = (RTL / f"{module}.sv").read_text()
    if source.count(before) != 1:
        raise Failure(f"the mutant's text occurs {source.count(before)} times in {module}.sv: {before!r}")
    smt2 = elaborate(work, module, SIZES[module][0], source.replace(before, after), False)
    holds, failed = solve(work, smt2, "mutant", "-t", f"0:{depth}:{depth + 1}")
    if holds:
        raise Failure(f"survives {depth} cycles")
    return f"refuted by {failed}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", choices=sorted(SIZES), action="append")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--short", action="store_true", help="the proofs, and two mutants of each module")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    scratch = None
    if arguments.work is None:
        scratch = tempfile.TemporaryDirectory()
        arguments.work = pathlib.Path(scratch.name)
    tasks = []
    for module in arguments.module or sorted(SIZES):
        sizes = SIZES[module] + (LONG_SIZES[module] if arguments.long else [])
        for number, size in enumerate(sizes):
            tasks.append((f"{module}: proof", prove, (arguments.work / f"{module}-{number}", module, size)))
        mutants = [mutant for mutant in enumerate(MUTANTS) if mutant[1][0] == module]
        for number, (of, name, depth, before, after) in mutants[:2] if arguments.short else mutants:
            tasks.append((f"{module}: mutant \"{name}\"", refute,
                          (arguments.work / f"{module}-mutant-{number}", module, depth, before, after)))
    failures = 0

    def perform(task):
        begin = time.monotonic()
        try:
            return True, task[1](*task[2]), time.monotonic() - begin
        except Failure as failure:
            return False, str(failure), time.monotonic() - begin

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for task, (good, text, seconds) in zip(tasks, pool.map(perform, tasks)):
            failures += not good
            print(f"{'ok  ' if good else 'FAIL'} {task[0]}: {text} ({seconds:.1f} s)", flush=True)
    if scratch is not None and failures == 0:
        scratch.cleanup()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
