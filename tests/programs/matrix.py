#!/usr/bin/env python3
"""Makes the comparisons with native execution under many sets of options, and prints a table of passed and failed.

Rows: the sets of options of --matrix whose names contain one of --sets, among them without-SETTING=VALUE for each line of
`chrysalis ablations`, by the hosted form. Columns: the --parts. BUILD is a build folder with
chrysalis, guest_programs and kernel_programs built; the applets need build/guests (sim/fetch-guest.sh). What fails is
printed as compare_programs.py prints it. The exit code is 1 if anything failed.

    matrix.py build/release --sets hosted --parts smc precise --jobs 2
"""
import argparse
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def comparisons(build):
    """For each part the script and its arguments."""
    def guests(name, folder='tests/programs/guests'):
        return ['compare_programs.py', '--guests', os.path.join(build, folder), '--list', name]

    return {
        'applets': ['compare_programs.py', '--program', os.path.join(ROOT, 'build/guests/bin/busybox'), '--list', os.path.join(HERE, 'applets.txt')],
        'guests': guests(os.path.join(HERE, 'guests.txt')),
        'smc': guests(os.path.join(HERE, 'smc.txt')) + ['--succeeding'],
        'precise': guests(os.path.join(HERE, 'precise.txt')) + ['--succeeding'],
        'kernels': guests(os.path.join(build, 'tests/kernels/one_round.txt'), 'tests/kernels/bin') + ['--succeeding'],
        'csmith': ['csmith.py', '--folder', os.path.join(ROOT, 'build/csmith'), '--seeds', '1-12'],
    }


def read_sets(path):
    sets = {}
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            if line.strip() and not line.startswith('#'):
                name, _, options = line.strip().partition(' ')
                sets[name] = options.strip()
    return sets


def ablation_sets(chrysalis):
    """What docs/ablations.md measures, each taken away from gear 3."""
    lines = subprocess.run([chrysalis, 'ablations'], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    settings = [line.split('\t')[0] for line in lines]
    base = '--fidelity functional --firmware hosted --set firmware.max_gear=3 --set '
    return {f'without-{setting}': base + setting for setting in settings}


def compare(command, options, jobs, others):
    """The table's entry and whether all is well."""
    started = time.monotonic()
    command = [sys.executable, os.path.join(HERE, command[0])] + command[1:]
    done = subprocess.run(command + ['--options', options, '--jobs', str(jobs)] + others, stdout=subprocess.PIPE, check=False)
    text = done.stdout.decode(errors='replace')
    counts = re.search(r'^(\d+) passed, (\d+) failed$', text, re.MULTILINE)
    good = done.returncode == 0 and counts is not None
    if not good:
        print(f'\n{" ".join(command)} --options "{options}"\n{text}', flush=True)
    shown = f'{counts[1]}/{int(counts[1]) + int(counts[2])}' if counts else 'error'
    return f'{shown} {time.monotonic() - started:.0f}s', good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build')
    parser.add_argument('--chrysalis', help="default: the build folder's")
    parser.add_argument('--matrix', default=os.path.join(HERE, 'matrix.txt'), help='file of option sets')
    parser.add_argument('--sets', nargs='+', default=[''], metavar='TEXT')
    parser.add_argument('--parts', nargs='+', default=None, metavar='PART', help='applets guests smc precise kernels csmith')
    parser.add_argument('--seeds', help='of the csmith programs, as FIRST-LAST')
    parser.add_argument('--every', help='only every Nth line of each list')
    parser.add_argument('--timeout', default='3600', help='seconds for one program')
    parser.add_argument('--jobs', type=int, default=2)
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    parts = comparisons(build)
    if arguments.seeds:
        parts['csmith'][-1] = arguments.seeds
    chosen = arguments.parts or list(parts)
    unknown = [part for part in chosen if part not in parts]
    chrysalis = arguments.chrysalis or os.path.join(build, 'sim/chrysalis')
    sets = read_sets(arguments.matrix) | ablation_sets(chrysalis)
    sets = {name: options for name, options in sets.items() if any(text in name for text in arguments.sets)}
    if unknown or not sets:
        parser.error(f'unknown parts: {" ".join(unknown)}' if unknown else f'no set of {arguments.matrix} is chosen')
    others = ['--chrysalis', chrysalis, '--timeout', arguments.timeout]
    others += ['--every', arguments.every] if arguments.every else []
    width = max(map(len, sets)) + 2
    header = ' ' * width + ''.join(f'{part:<16}' for part in chosen).rstrip()
    table, failures = [header], 0
    print(header, flush=True)
    for name, options in sets.items():
        row = f'{name:<{width}}'
        for part in chosen:
            shown, good = compare(parts[part], options, arguments.jobs, others)
            row += f'{shown if good else shown + " FAIL":<16}'
            failures += not good
        table.append(row.rstrip())
        print(row.rstrip(), flush=True)
    if failures:
        print('\n' + '\n'.join(table))
    print(f'{failures} comparisons failed' if failures else 'all comparisons passed')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
