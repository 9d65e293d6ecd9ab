#!/usr/bin/env python3
"""Runs benchmark kernels at every gear and holds each run to the native output and to one count of x86 instructions.

What a translation skips, repeats or abandons may not be counted twice or not at all: `guest.instructions` is the
interpreter's in every gear, on every machine, for every shape of region.

    gear_counts.py --chrysalis build/release/sim/chrysalis --kernels build/release/tests/kernels/bin \\
        --options "--machine efficeon --set firmware.max_gear=3" --options "--machine denver" gametree-O2 lz-O3
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile

REFERENCE = '--firmware hosted --fidelity functional --set firmware.max_gear=0'


def run(chrysalis, options, command):
    """Exit code, output and count."""
    handle, path = tempfile.mkstemp(prefix='chrysalis-counts-', suffix='.json')
    os.close(handle)
    try:
        done = subprocess.run([chrysalis, 'run', '--quiet', '--stats', path] + shlex.split(options) + ['--'] + command,
                              stdout=subprocess.PIPE, check=False)
        with open(path, encoding='utf-8') as data:
            text = data.read()
    finally:
        os.unlink(path)
    return done.returncode, done.stdout, json.loads(text)['guest.instructions'] if text else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--kernels', required=True, metavar='FOLDER', help='of the compiled kernels')
    parser.add_argument('--rounds', type=int, default=1)
    parser.add_argument('--options', action='append', required=True, help='of chrysalis run; repeatable: each kernel runs with each set')
    parser.add_argument('kernel', nargs='+')
    arguments = parser.parse_args()
    failures = 0
    for kernel in arguments.kernel:
        command = [os.path.abspath(os.path.join(arguments.kernels, kernel)), str(arguments.rounds)]
        native = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        wanted = run(arguments.chrysalis, REFERENCE, command)
        if wanted[:2] != (native.returncode, native.stdout):
            sys.exit(f'{kernel}: interpreted {wanted}, native {(native.returncode, native.stdout)}')
        for options in arguments.options:
            got = run(arguments.chrysalis, options, command)
            if got == wanted:
                continue
            failures += 1
            print(f'FAIL {kernel} {options}\n    {got}\n    {wanted} interpreted')
    print(f'{len(arguments.kernel)} kernels, {len(arguments.options)} sets of options, {failures} failures')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
