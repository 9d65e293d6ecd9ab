#!/usr/bin/env python3
"""Checks that a run's results depend on nothing but its inputs.

 1. The same run twice, the program, the working folder and the outputs at other paths: statistics and guest output
    are the same, byte by byte, but for the keys under `sim.`.
 2. Quantum 1 and 1,000,000: the same statistics.
 3. Core and hosted form of the firmware, functional and cycle fidelity, three interpreters, three machines: the same
    guest output, exit code, files and number of instructions.
 4. The leaves of the cycle account sum to host.cycles, in every run.
 5. The three formats of the statistics agree.
"""
import argparse
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

PROGRAMS = [['control'], ['modified'], ['repeated', 'faults'], ['threads'], ['clock']]
# Enough for a program to start and get to work; quantum 1 is slow.
LIMIT = ['--max-cycles', '12000000']


class Checker:
    def __init__(self, arguments, base):
        self.arguments = arguments
        self.base = base
        self.failures = 0
        self.checks = 0
        self.runs = 0

    def expect(self, what, held, detail=''):
        self.checks += 1
        if not held:
            self.failures += 1
            print(f'FAIL {what}{": " + detail if detail else ""}')

    def run(self, command, options, place=''):
        """One run in a folder of its own; the program is copied to `place` below it. Returns all its results."""
        self.runs += 1
        folder = os.path.join(self.base, f'run{self.runs}', place) if place else os.path.join(self.base, f'run{self.runs}')
        os.makedirs(folder)
        program = os.path.join(folder, command[0])
        shutil.copy2(os.path.join(self.arguments.guests, command[0]), program)
        stats = os.path.join(folder, 'stats.json')
        text = os.path.join(folder, 'stats.txt')
        base = os.path.join(folder, 'stats.sqlite')
        work = os.path.join(folder, 'work')
        os.makedirs(work)
        done = subprocess.run([self.arguments.chrysalis, 'run', '--quiet', '--stats', stats, '--stats', text, '--stats', base] +
                              options + ['--', program] + command[1:], cwd=work, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600, check=False)
        what = f'{" ".join(command)} [{" ".join(options)}]'
        try:
            with open(stats, encoding='utf-8') as data:
                kept = ''.join(line for line in data if not line.lstrip().startswith('"sim.'))
            with open(stats, encoding='utf-8') as data:
                figures = json.load(data)
        except (OSError, ValueError) as error:
            self.expect(f'{what}: statistics', False, f'{error}; {done.stderr.decode(errors="replace")[:300]}')
            return None
        account = sum(value for key, value in figures.items() if key.startswith('account.'))
        self.expect(f'{what}: account', account == figures['host.cycles'], f'{account} of {figures["host.cycles"]} cycles')
        self.expect(f'{what}: every key with a number', all(isinstance(v, (int, float)) for v in figures.values()))
        self.formats(what, figures, text, base)
        return {'statistics': kept, 'figures': figures, 'output': done.stdout, 'errors': done.stderr, 'code': done.returncode,
                'files': sorted(os.listdir(work))}

    def formats(self, what, figures, text, base):
        with open(text, encoding='utf-8') as lines:
            shown = dict(match.groups() for match in (re.match(r'^(\S+)\s+(\S+)\s+#', line) for line in lines) if match)
        self.expect(f'{what}: text has the same names', set(shown) == set(figures))
        self.expect(f'{what}: text has the same counts', all(shown.get(k) == str(v) for k, v in figures.items() if isinstance(v, int)))
        with sqlite3.connect(base) as database:
            rows = dict(database.execute('SELECT name, value FROM statistics'))
        database.close()
        self.expect(f'{what}: SQLite has the same values', rows.keys() == figures.keys() and
                    all(rows[k] == v for k, v in figures.items() if isinstance(v, int)))

    def same(self, what, a, b, keys):
        if a is None or b is None:
            return
        for key in keys:
            detail = ''
            if key == 'statistics' and a[key] != b[key]:
                differ = [k for k in a['figures'] if not k.startswith('sim.') and a['figures'][k] != b['figures'].get(k)]
                detail = ', '.join(f'{k} {a["figures"][k]} {b["figures"].get(k)}' for k in differ[:6])
            elif a[key] != b[key]:
                detail = f'{a[key]!r:.200} {b[key]!r:.200}'
            self.expect(f'{what}: {key}', a[key] == b[key], detail)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--guests', required=True)
    parser.add_argument('--long', action='store_true', help='every program with every check, to the end')
    arguments = parser.parse_args()
    arguments.chrysalis = os.path.abspath(arguments.chrysalis)
    arguments.guests = os.path.abspath(arguments.guests)
    everything = ['statistics', 'output', 'errors', 'code', 'files']
    guest = ['output', 'errors', 'code', 'files']
    with tempfile.TemporaryDirectory(prefix='chrysalis-determinism-') as base:
        checker = Checker(arguments, base)
        for number, command in enumerate(PROGRAMS):
            name = ' '.join(command)
            limit = [] if arguments.long else LIMIT
            if arguments.long or number < 2:
                first = checker.run(command, limit)
                second = checker.run(command, limit, 'a/rather/longer/path/to/the/same/program')
                checker.same(f'{name}: other paths', first, second, everything)
            if arguments.long or number == 2:
                small = ['--max-cycles', '6000000']
                fine = checker.run(command, small + ['--set', 'sim.quantum=1'])
                coarse = checker.run(command, small + ['--set', 'sim.quantum=1000000'])
                checker.same(f'{name}: quantum', fine, coarse, everything)
            hosted = ['--firmware', 'hosted', '--fidelity', 'functional']
            runs = [checker.run(command, hosted + ['--set', f'firmware.interpreter={interpreter}'])
                    for interpreter in ('decode-dispatch', 'indirect-threaded', 'direct-threaded')]
            runs.append(checker.run(command, hosted + ['--machine', 'denver']))
            if arguments.long or number in (0, 1):
                runs.append(checker.run(command, ['--fidelity', 'functional', '--machine', 'efficeon']))
            if arguments.long:
                runs += [checker.run(command, ['--machine', machine]) for machine in ('crusoe', 'efficeon', 'denver')]
            for other in runs[1:]:
                checker.same(f'{name}: forms of execution', runs[0], other, guest)
                # A guest that looks at the clock may go other ways on another machine.
                if other is not None and runs[0] is not None and command[0] not in ('clock', 'threads'):
                    checker.expect(f'{name}: instructions', runs[0]['figures']['guest.instructions'] == other['figures']['guest.instructions'],
                                   f'{runs[0]["figures"]["guest.instructions"]} {other["figures"]["guest.instructions"]}')
    print(f'{checker.runs} runs, {checker.checks} checks, {checker.failures} failed')
    return 1 if checker.failures else 0


if __name__ == '__main__':
    sys.exit(main())
