#!/usr/bin/env python3
"""Measures what each part of the system is worth: kernels in the steady state, with everything on and with one thing
taken away. `chrysalis ablations` lists what can be; the result is docs/ablations.md.

Steady state: a kernel runs for about --millions x86 instructions and for twice as many; the difference between the two runs,
in cycles per x86 instruction, has no start, no warming up and little translation in it, but all that a
running program keeps paying, dispatch and recovery included. A figure of the table is the geometric mean over the kernels of
(cycles per instruction without it) / (with everything), so 1.10 means that without it everything takes 10 % longer.

    ablate.py --chrysalis build/release/sim/chrysalis --kernels build/release/tests/kernels/bin \\
        --only quicksort,hashtable --machine crusoe --millions 2 --write docs/ablations.md

--cache FILE keeps the runs' figures, so that an interrupted or extended measurement goes on where it was.
"""
import argparse
import concurrent.futures
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile

from measure import read_table

BASE = ['firmware.max_gear=3']
MACHINES = ('crusoe', 'efficeon', 'denver')
KEPT = ('guest.instructions', 'host.cycles')


def ablations(chrysalis):
    """[(assignment, what then is missing)]"""
    lines = subprocess.run([chrysalis, 'ablations'], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return [tuple(line.split('\t')) for line in lines]


def run(arguments, program, rounds, machine, assignments):
    """The figures of a run, whose output must be the native one."""
    command = [os.path.join(arguments.kernels, program), str(rounds)]
    native = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    handle, path = tempfile.mkstemp(prefix='chrysalis-ablate-', suffix='.json')
    os.close(handle)
    try:
        options = [word for assignment in assignments for word in ('--set', assignment)]
        ours = subprocess.run([arguments.chrysalis, 'run', '--quiet', '--machine', machine, '--stats', path] + options +
                              shlex.split(arguments.options) + ['--'] + command, stdout=subprocess.PIPE, check=True)
        if ours.stdout != native:
            sys.exit(f'{program} on {machine} with {assignments}: output differs from the native run')
        with open(path, encoding='utf-8') as data:
            figures = json.load(data)
    finally:
        os.unlink(path)
    return {name: figures[name] for name in KEPT}


class Cache:
    def __init__(self, path):
        self.path, self.figures = path, {}
        if path and os.path.exists(path):
            with open(path, encoding='utf-8') as data:
                self.figures = json.load(data)

    def get(self, key, make):
        if key not in self.figures:
            self.figures[key] = make()
            if self.path:
                with open(self.path + '.partial', 'w', encoding='utf-8') as out:
                    json.dump(self.figures, out, indent=1)
                os.replace(self.path + '.partial', self.path)
        return self.figures[key]


def steady(arguments, cache, program, cost, machine, assignments):
    """Cycles per x86 instruction between `millions` and twice as many."""
    rounds = max(1, round(arguments.millions * 1e6 / cost))
    runs = []
    for n in (rounds, 2 * rounds):
        key = ' '.join([program, str(n), machine] + assignments + shlex.split(arguments.options))
        runs.append(cache.get(key, lambda n=n: run(arguments, program, n, machine, assignments)))
    return ((runs[1]['host.cycles'] - runs[0]['host.cycles']) /
            (runs[1]['guest.instructions'] - runs[0]['guest.instructions']))


def mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def table(rows, header):
    widths = [max(len(row[i]) for row in rows + [header]) for i in range(len(header))]
    lines = [header, ['-' * width for width in widths]] + rows
    return ''.join('| ' + ' | '.join(cell.ljust(width) for cell, width in zip(line, widths)) + ' |\n' for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--kernels', required=True, metavar='FOLDER', help='of the compiled kernels')
    parser.add_argument('--machine', action='append', help=f'repeatable; default {", ".join(MACHINES)}')
    parser.add_argument('--millions', type=float, default=2, help='of x86 instructions of the shorter run')
    parser.add_argument('--only', default='', help='kernels, with commas between; default all')
    parser.add_argument('--level', choices=('O2', 'O3'), default='O2')
    parser.add_argument('--without', default='', help='only ablations whose assignment contains this')
    parser.add_argument('--options', default='', help='further options of chrysalis run')
    parser.add_argument('--cache', metavar='FILE')
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--write', metavar='FILE', help='put the tables between its <!-- table --> marks')
    arguments = parser.parse_args()
    arguments.chrysalis, arguments.kernels = os.path.abspath(arguments.chrysalis), os.path.abspath(arguments.kernels)
    _, costs = read_table()
    names = arguments.only.split(',') if arguments.only else list(costs)
    unknown = [name for name in names if name not in costs]
    if unknown:
        sys.exit(f'no kernel {", ".join(unknown)}; kernels: {", ".join(costs)}')
    machines = arguments.machine or list(MACHINES)
    cache = Cache(arguments.cache)
    chosen = [(assignment, what) for assignment, what in ablations(arguments.chrysalis) if arguments.without in assignment]

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        def of(machine, assignments):
            jobs = [pool.submit(steady, arguments, cache, f'{name}-{arguments.level}', costs[name], machine, assignments) for name in names]
            return [job.result() for job in jobs]

        base = {machine: of(machine, BASE) for machine in machines}
        header = ['everything on: cycles per x86 instruction'] + machines
        text = table([[name] + [f'{base[machine][i]:.3f}' for machine in machines] for i, name in enumerate(names)] +
                     [['geometric mean'] + [f'{mean(base[machine]):.3f}' for machine in machines]], header) + '\n'
        rows = []
        for assignment, what in chosen:
            cells = []
            for machine in machines:
                # Later assignments win, so that a gear can be taken away.
                ratios = [without / full for without, full in zip(of(machine, BASE + [assignment]), base[machine])]
                cells.append(f'{mean(ratios):.3f} ({max(ratios):.2f})')
            rows.append([f'`--set {assignment}`', what] + cells)
            print('  '.join(rows[-1]), flush=True)
        text += table(rows, ['switch', 'takes away'] + [f'{machine}: mean (worst)' for machine in machines])
    print(text)
    if arguments.write:
        with open(arguments.write, encoding='utf-8') as source:
            before, rest = source.read().split('<!-- table -->\n', 1)
            after = rest.split('<!-- end of table -->\n', 1)[1]
        with open(arguments.write, 'w', encoding='utf-8') as out:
            out.write(f'{before}<!-- table -->\n{text}<!-- end of table -->\n{after}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
