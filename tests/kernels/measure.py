#!/usr/bin/env python3
"""Runs the benchmark kernels and prints what they cost: x86 instructions, host cycles, instructions per cycle.

Each kernel runs for about --millions x86 instructions, on each --machine; its output must equal the native run's. The
columns "translated" count only translations: the cycles of the account's modes translated_1 to translated_3 against
guest.instructions.translated_1 to _3. A figure that the statistics do not have is shown as "-". Shares of the cycles:
interpreter, translators, translations, all else.

    measure.py --chrysalis build/release/sim/chrysalis --kernels build/release/tests/kernels/bin \\
        --machine crusoe --machine denver --millions 10 --options "--set firmware.max_gear=2"

--calibrate prints kernels.txt anew: the cost of a round changes with the compiler and the kernel.
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

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, 'kernels.txt')
LEVELS = ('O2', 'O3')
GEARS = (1, 2, 3)


def read_table():
    """The comment lines, and {kernel: x86 instructions of a round at -O2}."""
    comments, costs = [], {}
    with open(TABLE, encoding='utf-8') as lines:
        for line in lines:
            if line.startswith('#'):
                comments.append(line)
            elif line.strip():
                name, cost = line.split()
                costs[name] = int(cost)
    return comments, costs


def total(figures, prefix):
    """Sum of all statistics below `prefix`; None if there are none."""
    values = [value for name, value in figures.items() if name.startswith(prefix)]
    return sum(values) if values else None


def over_gears(figures, prefix):
    values = [total(figures, f'{prefix}{gear}') for gear in GEARS]
    values = [value for value in values if value is not None]
    return sum(values) if values else None


def ratio(numerator, denominator):
    return numerator / denominator if numerator is not None and denominator else None


class Run:
    """One kernel on one machine: checks the output, keeps the statistics."""

    def __init__(self, arguments, program, rounds, machine):
        self.program, self.machine, self.problem = program, machine, ''
        command = [os.path.join(arguments.kernels, program), str(rounds)]
        native = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        handle, path = tempfile.mkstemp(prefix='chrysalis-kernel-', suffix='.json')
        os.close(handle)
        try:
            ours = subprocess.run([arguments.chrysalis, 'run', '--quiet', '--machine', machine, '--stats', path] +
                                  shlex.split(arguments.options) + ['--'] + command, stdout=subprocess.PIPE, check=False)
            with open(path, encoding='utf-8') as data:
                text = data.read()
        finally:
            os.unlink(path)
        self.figures = json.loads(text) if text else {}
        if native.returncode != 0:
            self.problem = f'native exit code {native.returncode}'
        elif (ours.returncode, ours.stdout) != (native.returncode, native.stdout):
            self.problem = f'exit code {ours.returncode}, output {ours.stdout!r}, native {native.stdout!r}'
        self.instructions = self.figures.get('guest.instructions')
        self.cycles = self.figures.get('host.cycles')
        self.ipc = ratio(self.instructions, self.cycles)
        self.translated = over_gears(self.figures, 'guest.instructions.translated_')
        self.translated_cycles = over_gears(self.figures, 'account.translated_')
        self.translated_ipc = ratio(self.translated, self.translated_cycles)
        self.shares = [ratio(cycles, self.cycles) for cycles in (
            total(self.figures, 'account.interpreter.'), over_gears(self.figures, 'account.translator_'), self.translated_cycles)]
        self.shares.append(None if self.cycles is None else 1 - sum(share or 0 for share in self.shares))


def mean(values):
    """Geometric; None if a value is missing, since the others alone would mislead."""
    values = list(values)
    if not values or any(not value for value in values):
        return None
    return math.exp(sum(map(math.log, values)) / len(values))


def show(value, digits, scale=1.0):
    return '-' if value is None else f'{value * scale:.{digits}f}'


FORMAT = '{:<16} {:>10} {:>11} {:>8}  {:>10} {:>11} {:>8}  {:>6} {:>6} {:>6} {:>6}'


def print_table(runs):
    print(FORMAT.format('', 'x86, M', 'cycles, M', 'IPC', 'translated', 'cycles, M', 'IPC', 'int. %', 'tr. %', 'run %', 'else %'))
    for run in runs:
        print(FORMAT.format(run.program, show(run.instructions, 3, 1e-6), show(run.cycles, 3, 1e-6), show(run.ipc, 4),
                            show(run.translated, 3, 1e-6), show(run.translated_cycles, 3, 1e-6), show(run.translated_ipc, 4),
                            *(show(share, 1, 100) for share in run.shares)))
        if run.problem:
            print(f'    FAIL {run.problem}')
    for label, level in (('mean O2', 'O2'), ('mean O3', 'O3'), ('mean', '')):
        chosen = [run for run in runs if run.program.endswith(level)]
        if chosen:
            print(FORMAT.format(label, '', '', show(mean(run.ipc for run in chosen), 4), '', '',
                                show(mean(run.translated_ipc for run in chosen), 4), '', '', '', '').rstrip())


def print_cost(runs):
    """What translating cost on the core, by gear and stage, in host cycles for each translated x86 instruction."""
    stages = {name.split('.')[2]: None for run in runs for name in run.figures if name.startswith('translator.') and name.endswith('.cycles')}
    sums = {(gear, stage): sum(run.figures.get(f'translator.gear{gear}.{stage}.cycles', 0) for run in runs) for gear in GEARS for stage in stages}
    counts = {gear: sum(run.figures.get(f'translator.gear{gear}.instructions', 0) for run in runs) for gear in GEARS}
    gears = [gear for gear in GEARS if counts[gear]]
    print('\n| stage | ' + ' | '.join(f'gear {gear}' for gear in gears) + ' |\n| --- |' + ' ---: |' * len(gears))
    for stage in stages:
        if any(sums[gear, stage] for gear in gears):
            print(f'| {stage} | ' + ' | '.join(f'{sums[gear, stage] / counts[gear]:.0f}' for gear in gears) + ' |')
    print('| all | ' + ' | '.join(f'{sum(sums[gear, stage] for stage in stages) / counts[gear]:.0f}' for gear in gears) + ' |')
    print('| x86 instructions translated | ' + ' | '.join(str(counts[gear]) for gear in gears) + ' |')


def print_account(runs):
    """Where the cycles of translations go: per x86 instruction that they commit, by cause, and the share of each gear."""
    causes = []
    for run in runs:
        for name, value in run.figures.items():
            cause = name.rsplit('.', 1)[-1]
            if name.startswith('account.translated_') and value and cause not in causes:
                causes.append(cause)
    print('{:<16} {:>6} {:>6} {:>6}'.format('cycles per x86', 'g1 %', 'g2 %', 'g3 %'), *(f'{cause[:11]:>11}' for cause in causes))
    sums = [0.0] * len(causes)
    counted = 0
    for run in runs:
        if not run.translated:
            continue
        counted += 1
        shares = [ratio(total(run.figures, f'account.translated_{gear}.'), run.translated_cycles) for gear in GEARS]
        values = [sum(run.figures.get(f'account.translated_{gear}.{cause}', 0) for gear in GEARS) / run.translated for cause in causes]
        sums = [a + b for a, b in zip(sums, values)]
        print('{:<16} {:>6} {:>6} {:>6}'.format(run.program, *(show(share, 1, 100) for share in shares)), *(f'{value:>11.3f}' for value in values))
    if counted:
        print('{:<37}'.format('mean'), *(f'{value / counted:>11.3f}' for value in sums))


def calibrate(arguments, comments, names):
    """The cost of a round: the difference between two long runs, so that starting and ending do not count."""
    arguments.options = '--firmware hosted --fidelity functional'
    few, many = 64, 320
    sys.stdout.writelines(comments)
    for name in names:
        short, long = (Run(arguments, f'{name}-O2', rounds, 'crusoe') for rounds in (few, many))
        if short.problem or long.problem:
            sys.exit(f'{name}: {short.problem or long.problem}')
        print(f'{name:<12} {(long.instructions - short.instructions) // (many - few)}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--kernels', required=True, metavar='FOLDER', help='of the compiled kernels')
    parser.add_argument('--machine', action='append', help='repeatable; default crusoe')
    parser.add_argument('--millions', type=float, action='append', help='of x86 instructions for each kernel; repeatable; default 10')
    parser.add_argument('--level', choices=LEVELS + ('both',), default='both')
    parser.add_argument('--only', default='', help='only kernels whose name contains this')
    parser.add_argument('--options', default='', help='further options of chrysalis run')
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--json', metavar='FILE', help='also write all statistics of all runs')
    parser.add_argument('--cost', action='store_true', help='also the cost of translating by gear and stage')
    parser.add_argument('--account', action='store_true', help='also print where the cycles of translations go')
    parser.add_argument('--calibrate', action='store_true')
    arguments = parser.parse_args()
    arguments.chrysalis, arguments.kernels = os.path.abspath(arguments.chrysalis), os.path.abspath(arguments.kernels)
    comments, costs = read_table()
    names = [name for name in costs if arguments.only in name]
    if not names:
        sys.exit(f'no kernel has a name with {arguments.only!r} in it; kernels: {", ".join(costs)}')
    if arguments.calibrate:
        return calibrate(arguments, comments, names)
    levels = LEVELS if arguments.level == 'both' else (arguments.level,)
    everything, failures = [], 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for machine in arguments.machine or ['crusoe']:
            for millions in arguments.millions or [10]:
                print(f'\n{machine}, {millions:g} million x86 instructions {arguments.options}'.rstrip())
                jobs = [pool.submit(Run, arguments, f'{name}-{level}', max(1, round(millions * 1e6 / costs[name])), machine)
                        for level in levels for name in names]
                runs = [job.result() for job in jobs]
                print_table(runs)
                if arguments.cost:
                    print_cost(runs)
                if arguments.account:
                    print_account(runs)
                failures += sum(bool(run.problem) for run in runs)
                everything += [{'kernel': run.program, 'machine': machine, 'millions': millions, 'options': arguments.options,
                                'statistics': run.figures} for run in runs]
                sys.stdout.flush()
    if arguments.json:
        with open(arguments.json, 'w', encoding='utf-8') as out:
            json.dump(everything, out, indent=1)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
