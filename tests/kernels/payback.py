#!/usr/bin/env python3
"""Finds when each kernel has paid its translation back.

That is the first point at which a run with translation has executed as many x86 instructions as a run that only
interprets (firmware.max_gear=0) in no more cycles. Both runs are deterministic, so cutting them off at N instructions
(--max-instructions) gives a point of their curves: N doubles from 25,000 until the point is passed, and is then bisected to
5 %. A kernel that has not paid by --limit million instructions is shown with ">".

    payback.py --chrysalis build/release/sim/chrysalis --kernels build/release/tests/kernels/bin --machine crusoe --level O2

Columns: x86 instructions and cycles at that point, in thousands, and what interpreting alone and translating cost there and
at four times as many instructions, in cycles per x86 instruction.
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

from measure import LEVELS, read_table

FIRST = 25_000
EXACT = 1.05
LIMIT_REACHED = 124


class Curve:
    """Cycles of one kernel's run by the x86 instructions executed."""

    def __init__(self, arguments, program, options):
        self.command = [arguments.chrysalis, 'run', '--quiet', '--machine', arguments.machine] + shlex.split(arguments.options) + options
        # More rounds than any limit lets it finish: the curve is cut off, never ended by the kernel.
        self.guest = ['--', os.path.join(arguments.kernels, program), str(1 << 30)]
        self.known = {}

    def cycles(self, instructions):
        if instructions not in self.known:
            with tempfile.TemporaryDirectory(prefix='chrysalis-payback-') as folder:
                path = os.path.join(folder, 'stats.json')
                done = subprocess.run(self.command + ['--stats', path, '--max-instructions', str(instructions)] + self.guest,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
                if done.returncode != LIMIT_REACHED:
                    raise RuntimeError(f'{shlex.join(self.command + self.guest)}: exit code {done.returncode}: {done.stderr.decode(errors="replace")}')
                with open(path, encoding='utf-8') as data:
                    self.known[instructions] = json.load(data)['host.cycles']
        return self.known[instructions]


def payback(translated, interpreted, limit):
    """The least number of instructions found at which translation has paid, or None."""
    def paid(instructions):
        return translated.cycles(instructions) <= interpreted.cycles(instructions)

    low, high = 0, FIRST
    while not paid(high):
        low, high = high, high * 2
        if high > limit:
            return None
    while low and high / low > EXACT:
        middle = round(math.sqrt(low * high))
        low, high = (low, middle) if paid(middle) else (middle, high)
    return high


def row(arguments, program):
    translated, interpreted = Curve(arguments, program, []), Curve(arguments, program, ['--set', 'firmware.max_gear=0'])
    limit = round(arguments.limit * 1e6)
    at = payback(translated, interpreted, limit)
    shown = at or limit
    costs = [curve.cycles(count) / count for count in (shown, 4 * shown) for curve in (interpreted, translated)]
    return program, ' ' if at else '>', shown / 1e3, translated.cycles(shown) / 1e3, *costs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--kernels', required=True, metavar='FOLDER', help='of the compiled kernels')
    parser.add_argument('--machine', default='crusoe')
    parser.add_argument('--level', choices=LEVELS, default='O2')
    parser.add_argument('--only', default='', help='only kernels whose name contains this')
    parser.add_argument('--options', default='', help='further options of both runs')
    parser.add_argument('--limit', type=float, default=20, help='in millions of x86 instructions')
    parser.add_argument('--jobs', type=int, default=1)
    arguments = parser.parse_args()
    arguments.chrysalis, arguments.kernels = os.path.abspath(arguments.chrysalis), os.path.abspath(arguments.kernels)
    names = [f'{name}-{arguments.level}' for name in read_table()[1] if arguments.only in name]
    if not names:
        sys.exit(f'no kernel has a name with {arguments.only!r} in it; kernels: {", ".join(read_table()[1])}')
    print(f'| {arguments.machine} | x86, thousands | cycles, thousands | interpreted there | translated there | interpreted at 4 times | translated at 4 times |')
    print('| --- |' + ' ---: |' * 6)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for program, sign, instructions, cycles, *costs in pool.map(lambda name: row(arguments, name), names):
            print(f'| `{program}` | {sign}{instructions:.0f} | {cycles:.0f} | ' + ' | '.join(f'{cost:.2f}' for cost in costs) + ' |', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
