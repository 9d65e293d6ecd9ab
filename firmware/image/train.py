#!/usr/bin/env python3
"""Makes firmware/image/profile.txt anew: how often the firmware's blocks run in programs that stand for its use.

    firmware/image/train.py --chrysalis build/release/sim/chrysalis --kernels build/release/tests/kernels/bin --busybox build/guests/bin/busybox

A run for each program at three gears, a few million x86 instructions in all. Profiles of functions that change afterwards are left out,
which costs speed: train again when the firmware has changed in much. `chrysalis run --train FILE` adds one run's counts.
"""
import argparse
import os
import subprocess
import sys
import tempfile

PROFILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'profile.txt')
KERNELS = ('lz-O2', 'parser-O2', 'hashtable-O3', 'interpreter-O2')
APPLETS = (['awk', '{ n[$1] += NF } END { for (k in n) print k, n[k] }', 'text'], ['gzip', '-c', 'text'], ['sort', 'text'])
INSTRUCTIONS = 600_000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--kernels', required=True, metavar='FOLDER')
    parser.add_argument('--busybox', required=True)
    parser.add_argument('--machine', default='crusoe')
    parser.add_argument('--output', default=PROFILE)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'text'), 'w', encoding='utf-8') as text:
            for i in range(400):
                text.write(f'{"abcdefghij"[i * i % 10]} line {i} of {i * 7919 % 1000}, {"odd" if i % 2 else "even"}\n')
        profile = os.path.join(folder, 'profile')
        programs = [[os.path.join(os.path.abspath(arguments.kernels), name), '3'] for name in KERNELS]
        programs += [[os.path.abspath(arguments.busybox)] + applet for applet in APPLETS]
        for program in programs:
            print(' '.join(program), file=sys.stderr)
            result = subprocess.run([os.path.abspath(arguments.chrysalis), 'run', '--quiet', '--machine', arguments.machine, '--set', 'firmware.max_gear=3',
                                     '--set', 'firmware.gear3_threshold=3', '--max-instructions', str(INSTRUCTIONS), '--train', profile, '--'] + program,
                                    cwd=folder, stdout=subprocess.DEVNULL, check=False)
            if result.returncode not in (0, 124):
                sys.exit(f'{program[0]}: exit code {result.returncode}')
        with open(profile, encoding='utf-8') as lines, open(arguments.output, 'w', encoding='utf-8') as out:
            out.write(lines.read())
    return 0


if __name__ == '__main__':
    sys.exit(main())
