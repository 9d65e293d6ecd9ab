#!/usr/bin/env python3
"""Core form and hosted form of the firmware make byte-identical translations from identical profiles.

Each case runs in both forms. `chrysalis run --translations` writes every translation as it is installed: gear, guest address,
length, host address, code. The two files have to be the same to the last byte, and a case is no case unless every gear
that it allows has made a translation.

Profiles are identical if nothing in them depends on time: gear 0 and gear 1 count executions, and with
firmware.profiling=instrumentation entries of translations are counted in place of samples.

    identical.py --chrysalis build/release/sim/chrysalis --kernels build/release/tests/kernels/bin \\
        --busybox build/guests/bin/busybox [--long]
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys
import tempfile

MACHINES = ('crusoe', 'efficeon', 'denver')
COUNTED = ['--set', 'firmware.profiling=instrumentation', '--set', 'firmware.gear1_threshold=8']
GEARS = {  # name: options, gears that have to appear
    'gears 1-3': (COUNTED + ['--set', 'firmware.max_gear=3', '--set', 'firmware.gear2_threshold=60', '--set', 'firmware.gear3_threshold=20'], '123'),
    'trees': (COUNTED + ['--set', 'firmware.max_gear=3', '--set', 'firmware.region=tree', '--set', 'firmware.gear2_threshold=60', '--set', 'firmware.gear3_threshold=20'], '123'),
    'gear 2': (COUNTED + ['--set', 'firmware.max_gear=2', '--set', 'firmware.first_gear=2', '--set', 'firmware.gear2_threshold=30'], '2'),
    'gear 1': (COUNTED + ['--set', 'firmware.max_gear=1'], '1'),
}
SHORT = [('lz-O2', 0), ('dp-O3', 1), ('interpreter-O2', 2), ('regex-O3', 0)]
APPLETS = [['sha256sum', 'data'], ['sort', 'data'], ['gzip', '-c', 'data']]


def run(arguments, form, fidelity, machine, options, command, folder):
    path = os.path.join(folder, f'{form}-{fidelity}')
    done = subprocess.run([arguments.chrysalis, 'run', '--quiet', '--machine', machine, '--firmware', form, '--fidelity', fidelity,
                           '--translations', path] + options + ['--'] + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, cwd=folder)
    if done.returncode != 0:
        return None, f'{form}: exit code {done.returncode}: {done.stderr.decode(errors="replace")[-500:]}'
    with open(path, encoding='ascii') as lines:
        return lines.read().splitlines(), ''


def compare(arguments, machine, gears, command, fidelity='functional'):
    """One line of report, and whether all is well."""
    options, wanted = GEARS[gears]
    name = f'{" ".join([os.path.basename(command[0])] + command[1:])}, {machine}, {gears}, {fidelity}'
    with tempfile.TemporaryDirectory(prefix='chrysalis-identical-') as folder:
        with open(os.path.join(folder, 'data'), 'w', encoding='ascii') as data:
            data.writelines(f'{i * 7919 % 1000} line {i} of some text that repeats and repeats\n' for i in range(150))
        core, problem = run(arguments, 'core', fidelity, machine, options, command, folder)
        if not problem:
            hosted, problem = run(arguments, 'hosted', 'functional', machine, options, command, folder)
    if problem:
        return f'FAIL {name}: {problem}', False
    for number, (a, b) in enumerate(zip(core, hosted)):
        if a != b:
            return f'FAIL {name}: translation {number} of {len(core)}:\n    core   {a[:400]}\n    hosted {b[:400]}', False
    if len(core) != len(hosted):
        return f'FAIL {name}: {len(core)} translations in the core form, {len(hosted)} in the hosted form', False
    made = {gear: sum(line.startswith(f'gear {gear} ') for line in core) for gear in wanted}
    if not all(made.values()):
        return f'FAIL {name}: translations by gear: {made}', False
    return f'{name}: translations by gear {made}, identical', True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--kernels', required=True, metavar='FOLDER')
    parser.add_argument('--busybox')
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--long', action='store_true', help='every kernel, every machine, every set of gears')
    arguments = parser.parse_args()
    arguments.chrysalis, arguments.kernels = os.path.abspath(arguments.chrysalis), os.path.abspath(arguments.kernels)
    kernel = lambda name: [os.path.join(arguments.kernels, name), '1']
    jobs = []
    if arguments.long:
        jobs += [(machine, gears, kernel(name)) for name in sorted(os.listdir(arguments.kernels)) for machine in MACHINES for gears in GEARS]
    else:
        jobs += [(MACHINES[at], gears, kernel(name)) for name, at in SHORT for gears in ('gears 1-3', 'gear 2')]
        jobs += [('crusoe', 'trees', kernel('regex-O3')), ('efficeon', 'trees', kernel('lz-O2'))]
        jobs += [('crusoe', 'gear 1', kernel('lz-O2')), ('crusoe', 'gears 1-3', kernel('lz-O2'), 'cycle')]
    if arguments.busybox:
        busybox = os.path.abspath(arguments.busybox)
        for at, applet in enumerate(APPLETS):
            for machine in MACHINES if arguments.long else MACHINES[at:at + 1]:
                jobs.append((machine, 'gears 1-3', [busybox] + applet))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for report, fine in pool.map(lambda job: compare(arguments, *job), jobs):
            print(report, flush=True)
            failed += not fine
    print(f'{len(jobs) - failed} of {len(jobs)} identical')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
