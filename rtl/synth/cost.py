#!/usr/bin/env python3
"""What a machine's core costs: cells and depth per block, and what one more entry or slot of it adds.

    cost.py --build DIR [--block NAME] [--no-margins] [--jobs N] [--json] MACHINE...

MACHINE is a machine's name or file. Every block of rtl/ is lowered (lower.py) and synthesised by yosys to two-input gates,
flip-flops and memories; docs/rtl.md, "Cost", says how to read the result. Synthesis is slow (minutes a block), so each result
is kept in DIR/rtl/cost under a hash of what was synthesised: a block that two machines share is synthesised once.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import lower

# Ports that serve the simulator alone: the cycle account, statistics, observers. Nothing that drives only them is counted.
FOR_THE_SIMULATOR = {
    "scoreboard": ["charge_o"],
    "branch_unit": ["jtb_looks_up_o"],
    "fetch": ["hits_o", "invalidated_o"],
    "data_side": ["load_hits_o", "load_misses_o", "store_hits_o", "store_misses_o", "prefetches_o", "dropped_o", "forwarded_o", "crossings_o", "conflict_o"],
    "core": ["charge_o", "redirecting_o", "counter_o", "count_o", "end_o", "committed_o", "gcount_o", "gated_o", "cause_o"],
}
# (row of the table, modules).
BLOCKS = [
    ("fetch, L1I tags", ["fetch"]),
    ("decode", ["decode"]),
    ("registers, shadows", ["registers"]),
    ("scoreboard", ["scoreboard"]),
    ("integer units", ["integer_unit"]),
    ("multiply, divide", []),
    ("address unit, TLB", ["address_unit"]),
    ("data side, L1D tags", ["data_side"]),
    ("store buffer", ["store_buffer"]),
    ("alias unit", ["alias_unit"]),
    ("JTB, return stack", ["lookup"]),
    ("core control", ["core", "straps", "memory_ports", "branch_unit", "load_unit", "latencies"]),
]
# What one more costs: (name, row of the table, module, parameter). Half as many are synthesised beside those of the machine.
MARGINS = [("alias entry", "alias unit", "alias_unit", "Entries"), ("store-buffer slot", "store buffer", "store_buffer", "Entries"),
           ("TLB entry", "address unit, TLB", "address_unit", "TlbEntries"), ("JTB entry", "JTB, return stack", "lookup", "JtbEntries")]

# Modules are mapped one by one, so a table of the decoder once, and then put together, so that the depth is that of the block.
# Other blocks are cut out of the core before paths are looked for: from each input of a block to each of its outputs there would be one.
# `rewrite -l` does not keep count of levels while it rewrites: of a million gates that takes seconds, with it more than a quarter of an hour.
SCRIPT = """
read_verilog {source}
hierarchy -check -top {top}
{drop}
proc
check -assert
opt_expr
opt_merge
opt_dff
opt_clean
alumacc
memory_collect
techmap
opt -fast
abc -g gates -script +strash;balance;rewrite,-l;balance;map
flatten
opt_clean
check -assert
{cut}tee -o {report} stat
tee -a {report} ltp -noff
"""
FLIP_FLOP = re.compile(r"\$_(S?DFFE?|ALDFFE?|SDFFCE)_")


class Cost(Exception):
    pass


class Tally:
    """What one module takes, or a sum of modules."""

    def __init__(self, cells=0, flip_flops=0, bits=0, depth=0):
        self.cells, self.flip_flops, self.bits, self.depth = cells, flip_flops, bits, depth


def total(terms):
    """The sum of (synthesis that may still run, how many times); its depth is the greatest of those that are added."""
    sum_of = Tally()
    for future, times in terms:
        one = future.result()
        sum_of.cells += one.cells * times
        sum_of.flip_flops += one.flip_flops * times
        sum_of.bits += one.bits * times
        if times > 0:
            sum_of.depth = max(sum_of.depth, one.depth)
    return sum_of


def parse(text):
    """Gates, flip-flops and depth from yosys's report."""
    gates = flip_flops = 0
    for name, count in re.findall(r"^\s+(\$_\w+_)\s+(\d+)$", text, re.MULTILINE):
        if FLIP_FLOP.match(name):
            flip_flops += int(count)
        else:
            gates += int(count)
    depth = re.search(r"length=(\d+)", text)
    return gates, flip_flops, int(depth[1]) if depth else 0


class Synthesis:
    """Runs yosys, `jobs` at a time. What it gives are futures of a Tally."""

    def __init__(self, build, log, jobs):
        self.build, self.log = build, log
        self.cache = build / "rtl" / "cost"
        self.cache.mkdir(parents=True, exist_ok=True)
        self.pool = concurrent.futures.ThreadPoolExecutor(jobs)
        self.started = {}

    def start(self, top, text, drop=(), cut=(), bits=0):
        script = SCRIPT.format(source="SOURCE", top=top, report="REPORT", drop="\n".join(f"delete -port {top}/{port}" for port in drop),
                               cut="".join(f"delete {top}/t:{module}\n" for module in cut))
        key = hashlib.sha256((script + text).encode()).hexdigest()[:24]
        if key not in self.started:
            self.started[key] = self.pool.submit(self.run, self.cache / (key + ".json"), script, top, text, bits)
        return self.started[key]

    def run(self, kept, script, top, text, bits):
        if not kept.exists():
            self.log(f"synthesising {top} ...")
            with tempfile.TemporaryDirectory(dir=self.cache) as scratch:
                source, report, file = (pathlib.Path(scratch) / name for name in ("block.v", "report", "script.ys"))
                source.write_text(text)
                file.write_text(script.replace("SOURCE", str(source)).replace("REPORT", str(report)))
                done = subprocess.run(["yosys", "-q", str(file)], capture_output=True, text=True)
                if done.returncode != 0:
                    kept.with_suffix(".v").write_text(text)
                    raise Cost(f"yosys refuses {top} ({kept.with_suffix('.v')}):\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
                written = pathlib.Path(scratch) / "result"
                written.write_text(json.dumps(parse(report.read_text())))
                written.rename(kept)
        gates, flip_flops, depth = json.loads(kept.read_text())
        return Tally(gates, flip_flops, bits, depth)

    def operator(self, name):
        return self.start(name, lower.operator_text(name))

    def module(self, design, name):
        """A module with what it instantiates, but for other blocks (black boxes) and operators: (synthesis, operators)."""
        own, others = [design.lower(name)], []
        for child in own[0].instances:
            others.append(child) if name == "core" else own.append(design.lower(child))
        text = "".join(module.text for module in own)
        boxes = [design.box(call) for call in sorted({call for module in own for call in module.calls})]
        boxes += ["(* blackbox *) " + lower.operator_text(operator) for operator in sorted({o for module in own for o in module.operators})]
        boxes += ["(* blackbox *) " + interface(design, child) for child in sorted(set(others))]
        bits = sum(shape[0] * shape[1] for module in own for shape in module.memories.values())
        cut = [design.elements[child].get("name") for child in sorted(set(others))]
        return self.start(own[0].name, "".join(boxes) + text, FOR_THE_SIMULATOR.get(name, ()), cut, bits), own[0].operators


def interface(design, name):
    module = lower.Module(design.elements[name], design.types, {}, {}, set())
    ports = []
    for var in design.elements[name]:
        if var.tag == "var" and var.get("dir"):
            length, width = design.types.of(var.get("dtype_id"))
            ports.append(f"{var.get('dir')} [{(length or 1) * width - 1}:0] {var.get('name')}")
    return f"module {module.element.get('name')} ({', '.join(ports)});\nendmodule\n"


class Machine:
    """A machine's core, elaborated."""

    def __init__(self, name, build, scratch):
        self.name, self.build, self.scratch = name, build, scratch
        scratch.mkdir(exist_ok=True)
        self.package = scratch / "machine_pkg.sv"
        generator = build / "rtl" / "chrysalis_gen_rtl"
        done = subprocess.run([generator, "machine", name, self.package], capture_output=True, text=True)
        if done.returncode != 0:
            raise Cost(done.stderr.strip())
        self.core = lower.elaborate("core", self.package, build / "rtl", scratch)
        self.width = self.core.parameters("integer_unit")["Units"]

    def narrower(self):
        """The same with an atom less."""
        text = self.package.read_text()
        work = self.scratch / "narrower"
        work.mkdir()
        (work / "machine_pkg.sv").write_text(re.sub(r"Width = \d+;", f"Width = {self.width - 1};", text))
        return lower.elaborate("core", work / "machine_pkg.sv", self.build / "rtl", work)

    def alone(self, module, **changed):
        """One module with its parameters here, some changed."""
        parameters = {**self.core.parameters(module), **changed}
        return lower.elaborate(module, self.package, self.build / "rtl", self.scratch / module, parameters.items())


def blocks(machine, synthesis, wanted):
    """Row -> terms of total()."""
    rows, operators = {}, {}
    for row, modules in BLOCKS:
        if wanted and row not in wanted and not (row == "integer units" and "multiply, divide" in wanted):
            continue
        terms = []
        for name in modules:
            if name == "integer_unit":
                one, operators = synthesis.module(machine.alone(name, Units=1), name)
                terms.append((one, machine.width))
            else:
                terms.append((synthesis.module(machine.core, name)[0], 1))
        if row == "multiply, divide":
            terms = [(synthesis.operator(name), count * machine.width) for name, count in operators.items()]
        rows[row] = terms
    return rows


def margins(machine, synthesis, wanted):
    """Name -> (terms of what more of it adds, how many more)."""
    result = {}
    for name, row, module, parameter in MARGINS:
        entries = machine.core.parameters(module)[parameter]
        if entries < 2 or wanted and row not in wanted:
            continue
        more, less = (synthesis.module(design, module)[0] for design in (machine.core, machine.alone(module, **{parameter: entries // 2})))
        result[name] = ([(more, 1), (less, -1)], entries - entries // 2)
    if machine.width > 1 and not wanted:
        narrower, (unit, operators) = machine.narrower(), synthesis.module(machine.alone("integer_unit", Units=1), "integer_unit")
        terms = [(unit, 1)] + [(synthesis.operator(operator), count) for operator, count in operators.items()]
        for module in ("scoreboard", "registers", "core", "memory_ports", "branch_unit", "load_unit", "latencies"):
            terms += [(synthesis.module(machine.core, module)[0], 1), (synthesis.module(narrower, module)[0], -1)]
        result["atom of width"] = (terms, 1)
    return result


def show(machine, rows, more):
    print(f"{machine.name}: two-input gates, flip-flops and memory bits; depth in gates\n")
    print(f"{'block':<22}{'gates':>10}{'flip-flops':>12}{'memory bits':>13}{'depth':>7}")
    for name, t in rows.items():
        print(f"{name:<22}{t.cells:>10}{t.flip_flops:>12}{t.bits:>13}{t.depth:>7}")
    sums = [sum(getattr(t, what) for t in rows.values()) for what in ("cells", "flip_flops", "bits")]
    print(f"{'all of these':<22}{sums[0]:>10}{sums[1]:>12}{sums[2]:>13}")
    if more:
        print(f"\n{'one more':<22}{'gates':>10}{'flip-flops':>12}{'memory bits':>13}")
        for name, (t, count) in more.items():
            print(f"{name:<22}{t.cells / count:>10.0f}{t.flip_flops / count:>12.0f}{t.bits / count:>13.0f}")
    print("\nNot hardware yet, and so not counted: floating-point and media atoms.\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build tree")
    parser.add_argument("--block", action="append", choices=[name for name, _ in BLOCKS], help="this row alone")
    parser.add_argument("--no-margins", action="store_true", help="not what one more costs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="how many blocks are synthesised at a time (default: processors)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("machines", nargs="+", metavar="MACHINE")
    arguments = parser.parse_args()
    sys.setrecursionlimit(100000)
    for tool, package in (("yosys", "yosys"), ("yosys-abc", "yosys"), ("verilator", "verilator")):
        if shutil.which(tool) is None:
            raise Cost(f"{tool} is not installed; it synthesises the blocks (Debian: apt install {package})")
    synthesis = Synthesis(arguments.build, lambda text: print(text, file=sys.stderr, flush=True), arguments.jobs)
    try:
        for name in arguments.machines:
            with tempfile.TemporaryDirectory(dir=synthesis.cache) as scratch:
                machine = Machine(name, arguments.build, pathlib.Path(scratch))
                rows = blocks(machine, synthesis, arguments.block)
                more = {} if arguments.no_margins else margins(machine, synthesis, arguments.block)
            rows = {row: total(terms) for row, terms in rows.items()}
            more = {name: (total(terms), count) for name, (terms, count) in more.items()}
            if arguments.json:
                print(json.dumps({"machine": name, "blocks": {row: vars(t) for row, t in rows.items()},
                                  "one_more": {row: {key: value / count for key, value in vars(t).items() if key != "depth"} for row, (t, count) in more.items()}}))
            else:
                show(machine, rows, more)
    finally:
        synthesis.pool.shutdown(cancel_futures=True)


if __name__ == "__main__":
    try:
        main()
    except (Cost, lower.Unsupported) as problem:
        print(f"cost.py: {problem}", file=sys.stderr)
        sys.exit(125)
