#!/usr/bin/env python3
"""Optimal lengths of the scheduling problems that schedule_study writes, beside what our scheduler made of them.

A problem is feasible in T cycles if an integer program says so: x[i,t] = 1 when operation i issues in cycle t, within the window that
its predecessors and successors leave; precedence in its disaggregated form; an operation that makes what the last exit
expects in a register after all readers of that register's entry value, or a move more; slots as Hall's condition, one row for
every union of the slot sets of units; literals, words, one branch, one atom that acts last, the divider. CBC
decides it for growing T, from the larger of critical path and resource bounds on. A decision that takes too long
counts as unknown: the bound is then what has been proven.

  bound.py [--time SECONDS] [--jobs N] [--details] FILE
"""
import argparse
import collections
import multiprocessing
import os
import subprocess
import sys
import tempfile


class Problem:
    def __init__(self, header):
        words = header.split()
        self.name, self.machine = words[1], words[2]
        fields = dict(zip(words[3::2], map(int, words[4::2])))
        self.width, self.literals = fields["width"], fields["literals"]
        self.first, self.final = fields["first"], fields["final"]
        self.ops = []       # (slots, literal, branch, last, divider cycles)
        self.joints = 0
        self.homes = []     # (operation, slots of a move, [(reader, latency)])
        self.successors = collections.defaultdict(list)
        self.predecessors = collections.defaultdict(list)

    def edge(self, a, b, latency):
        self.successors[a].append((b, latency))
        self.predecessors[b].append((a, latency))

    def prepare(self):
        """Earliest issue of each node, and cycles from there to the end."""
        count = len(self.ops) + self.joints
        waiting = [len(self.predecessors[i]) for i in range(count)]
        order = [i for i in range(count) if waiting[i] == 0]
        for i in order:
            for j, _ in self.successors[i]:
                waiting[j] -= 1
                if waiting[j] == 0:
                    order.append(j)
        assert len(order) == count, "the graph has a cycle"
        self.head, self.tail = [0] * count, [0] * count
        for i in order:
            for j, latency in self.successors[i]:
                self.head[j] = max(self.head[j], self.head[i] + latency)
        for i in reversed(order):
            for j, latency in self.successors[i]:
                self.tail[i] = max(self.tail[i], self.tail[j] + latency)

    def resources(self):
        """Rows (slots or None, operation -> words, capacity): what one molecule can hold."""
        rows = []
        masks = set()
        for slots in {op[0] for op in self.ops}:
            masks |= {slots} | {slots | other for other in masks}
        for mask in sorted(masks):
            members = {i: 1 for i, op in enumerate(self.ops) if op[0] & ~mask == 0}
            if len(members) > bin(mask).count("1"):
                rows.append((mask, members, bin(mask).count("1")))
        rows.append((~0, {i: 1 + op[1] for i, op in enumerate(self.ops)}, self.width))
        for column, capacity in ((1, self.literals), (2, 1), (3, 1)):
            members = {i: 1 for i, op in enumerate(self.ops) if op[column]}
            if len(members) > capacity:
                rows.append((None, members, capacity))
        return rows

    def bound(self):
        """The larger of critical path and, over all windows of operations, resources."""
        best = max(self.head[i] + self.tail[i] for i in range(len(self.ops))) + 1
        for _, members, capacity in self.resources():
            heads = sorted({self.head[i] for i in members})
            for head in heads:
                weights = collections.Counter()
                for i, weight in members.items():
                    if self.head[i] >= head:
                        weights[self.tail[i]] += weight
                total = 0
                for tail in sorted(weights, reverse=True):
                    total += weights[tail]
                    best = max(best, head + -(-total // capacity) + tail)
        # The divider takes one after the other.
        dividers = [i for i in range(len(self.ops)) if self.ops[i][4]]
        for head in {self.head[i] for i in dividers}:
            for tail in {self.tail[i] for i in dividers}:
                busy = [self.ops[i][4] for i in dividers if self.head[i] >= head and self.tail[i] >= tail]
                if busy:
                    best = max(best, head + sum(busy) - max(busy) + 1 + tail)
        return best


def write_program(problem, cycles, path):
    """The integer program of `cycles` cycles; False if some window is empty."""
    n = len(problem.ops)
    early = list(problem.head)
    late = [cycles - 1 - tail for tail in problem.tail]
    early[n - 1] = max(early[n - 1], cycles - 1)
    if any(a > b for a, b in zip(early, late)):
        return False
    with open(path, "w") as out:
        out.write("Minimize\n obj: x0_%d\nSubject To\n" % early[0])
        for i in range(n + problem.joints):
            out.write(" " + " + ".join("x%d_%d" % (i, t) for t in range(early[i], late[i] + 1)) + " = 1\n")
        moves = []
        for h, (i, slots, readers) in enumerate(problem.homes):
            move = ["z%d_%d" % (h, t) for t in range(cycles)]
            moves.append((slots, move))
            out.write(" " + " + ".join(move) + " <= 1\n")
            for reader, latency in readers:
                for t in range(early[i], late[i] + 1):
                    if t - latency >= late[reader]:
                        break
                    made = ["x%d_%d" % (i, s) for s in range(early[i], t + 1)]
                    read = ["x%d_%d" % (reader, s) for s in range(early[reader], t - latency + 1)] + move
                    out.write(" " + " + ".join(made) + "".join(" - " + x for x in read) + " <= 0\n")
        for i in range(n + problem.joints):
            for j, latency in problem.successors[i]:
                if late[i] + latency <= early[j]:
                    continue
                # j no later than t only if i no later than t - latency
                for t in range(early[j], late[j] + 1):
                    if t - latency >= late[i]:
                        break
                    left = ["x%d_%d" % (j, s) for s in range(early[j], t + 1)]
                    right = ["x%d_%d" % (i, s) for s in range(early[i], t - latency + 1)]
                    out.write(" " + " + ".join(left) + "".join(" - " + x for x in right) + " <= 0\n")
        for mask, members, capacity in problem.resources():
            by_cycle = collections.defaultdict(list)
            for slots, move in moves:
                if mask is not None and slots & ~mask == 0:
                    for t in range(cycles):
                        by_cycle[t].append((1, move[t]))
            for i, weight in members.items():
                for t in range(early[i], late[i] + 1):
                    by_cycle[t].append((weight, "x%d_%d" % (i, t)))
            for t in sorted(by_cycle):
                if sum(weight for weight, _ in by_cycle[t]) > capacity:
                    out.write(" " + " + ".join("%d %s" % term for term in by_cycle[t]) + " <= %d\n" % capacity)
        dividers = [i for i in range(n) if problem.ops[i][4]]
        if len(dividers) > 1:
            for t in range(cycles):
                terms = ["x%d_%d" % (i, s) for i in dividers for s in range(max(early[i], t - problem.ops[i][4] + 1), min(late[i], t) + 1)]
                if len(terms) > 1:
                    out.write(" " + " + ".join(terms) + " <= 1\n")
        out.write("Binary\n")
        for i in range(n + problem.joints):
            for t in range(early[i], late[i] + 1):
                out.write(" x%d_%d\n" % (i, t))
        for _, move in moves:
            out.write("".join(" %s\n" % x for x in move))
        out.write("End\n")
    return True


def decide(problem, cycles, seconds):
    """True, False, or None if it takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "problem.lp")
        if not write_program(problem, cycles, path):
            return False
        result = subprocess.run(["cbc", path, "sec", str(seconds), "solve", "quit"], capture_output=True, text=True, check=True).stdout
    if "infeasible" in result.lower():
        return False
    if "Result - Optimal solution found" in result:
        return True
    return None


def solve(task):
    problem, seconds = task
    problem.prepare()
    lower = problem.bound()
    best = min(problem.first, problem.final)
    known = True
    while lower < best:
        answer = decide(problem, lower, seconds)
        if answer is None:
            known = False
            break
        if answer:
            break
        lower += 1
    return problem.name, problem.machine, len(problem.ops), lower, known, problem.first, problem.final


def read(path):
    problem = None
    for line in open(path):
        kind, _, rest = line.partition(" ")
        if kind == "problem":
            if problem:
                yield problem
            problem = Problem(line)
        elif kind == "op":
            problem.ops.append(tuple(map(int, rest.split()[:5])))
        elif kind == "edge":
            problem.edge(*map(int, rest.split()))
        elif kind == "home":
            words = rest.split()
            problem.homes.append((int(words[0]), int(words[1]), [tuple(map(int, word.split(":"))) for word in words[2:]]))
        else:
            problem.joints += 1
    if problem:
        yield problem


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--time", type=int, default=60, help="seconds for one decision (default 60)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--details", action="store_true", help="a line for every problem whose schedule is not known to be optimal")
    arguments = parser.parse_args()

    rows = collections.defaultdict(list)
    with multiprocessing.Pool(arguments.jobs) as pool:
        for result in pool.imap(solve, ((problem, arguments.time) for problem in read(arguments.file))):
            name, machine, ops, lower, known, first, final = result
            rows[machine].append(result)
            if arguments.details and (first > lower or final > lower):
                print(name, machine, "ops", ops, "bound", lower, "" if known else "(unknown)", "first", first, "final", final, flush=True)
    print("| machine | superblocks | bound | first scheduling | over the bound | final | over the bound | final optimal | undecided |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for machine, results in rows.items():
        count = len(results)
        bound = sum(r[3] for r in results)
        mean = [100 * sum(r[k] / r[3] - 1 for r in results) / count for k in (5, 6)]
        print("| %s | %d | %d | %d | %.2f %% | %d | %.2f %% | %d | %d |" %
              (machine, count, bound, sum(r[5] for r in results), mean[0], sum(r[6] for r in results), mean[1],
               sum(r[6] <= r[3] for r in results), sum(not r[4] for r in results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
