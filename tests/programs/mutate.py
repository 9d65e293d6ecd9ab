#!/usr/bin/env python3
"""Feeds mutated programs, configurations and machine files to the command.

Whatever the file holds, the command must end by itself: with the guest's exit code (any, also 128+n), at a limit
(124) or with a message and 125. It must not crash (killed by a signal), hang, panic (123) or print a sanitizer's
report. Most useful with a build that has sanitizers. The seed fixes every mutation; a failing file is kept.

usage: mutate.py --chrysalis PATH --guests FOLDER --machines FOLDER [--count N] [--seed N] [--kind elf|config|machine]
                 [--options "..."] [--keep FOLDER] [--first N]
"""
import argparse
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile

CONFIG = """\
# every setting
[firmware]
interpreter = "indirect-threaded"
max_gear = 0

[sim]
quantum = 1000
seed = 7

[guest]
ram = 64
stack_limit = 256

[machine]
width = 4
"""
BAD_SIGNS = [b'Sanitizer', b'runtime error', b'terminate called', b'Assertion', b'CHRYSALIS_ASSERT', b'what():']
WORDS = [b'0', b'-1', b'99999999999999999999', b'true', b'""', b'[]', b'{}', b'"\\u0000"', b'1e400', b'nan', b'0x7fffffffffffffff',
         b'"branch"', b'"alu"', b'[[[', b'= =', b'\n[', b'.', b'1979-05-27', b"'''", b'inf', b'1.5', b'4096', b'256', b'64', b'1', b'2', b'3']


def mutate_bytes(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        kind = rng.randrange(6)
        # Headers decide most; so do they here.
        at = rng.randrange(min(len(data), 512)) if rng.random() < 0.7 else rng.randrange(len(data))
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            value = rng.choice([0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffff000, 0x1000, 0x08048000, rng.getrandbits(32)])
            at &= ~3
            data[at:at + 4] = value.to_bytes(4, 'little')
        elif kind == 3 and rng.random() < 0.3:
            del data[rng.randrange(1, len(data)):]
        elif kind == 4:
            size = rng.randrange(1, 64)
            source = rng.randrange(len(data))
            data[at:at + size] = data[source:source + size]
        else:
            at = 0x1000 + rng.randrange(max(1, len(data) - 0x1000))  # code: the guest meets odd instructions
            data[at:at + 4] = rng.randbytes(4)
        if not data:
            data = bytearray(b'\x7f')
    return bytes(data)


def mutate_text(data, rng):
    lines = data.split(b'\n')
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        at = rng.randrange(len(lines))
        kind = rng.randrange(9)
        line = lines[at]
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(rng.randrange(len(lines) + 1), line)
        elif kind == 2 and b'=' in line:
            lines[at] = line.split(b'=')[0] + b'= ' + rng.choice(WORDS)
        elif kind == 3 and line:
            where = rng.randrange(len(line))
            lines[at] = line[:where] + bytes([rng.randrange(256)]) + line[where + 1:]
        elif kind == 4 and line:
            where = rng.randrange(len(line))
            lines[at] = line[:where] + line[where + 1:]
        elif kind == 5:
            where = rng.randrange(len(line) + 1)
            lines[at] = line[:where] + rng.choice(WORDS) + line[where:]
        elif kind == 6:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 7:
            digits = [i for i, c in enumerate(line) if 48 <= c < 58]
            if digits:
                where = rng.choice(digits)
                lines[at] = line[:where] + str(rng.choice([0, 9, 65535, 1 << 33])).encode() + line[where + 1:]
        else:
            lines = lines[:at + 1]
        if not lines:
            lines = [b'']
    return b'\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--guests', required=True)
    parser.add_argument('--machines', required=True, help='folder of the machine files that are mutated')
    parser.add_argument('--count', type=int, default=2000)
    parser.add_argument('--first', type=int, default=0, help='begin with mutation number N')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--kind', choices=['elf', 'config', 'machine'])
    parser.add_argument('--options', default='--firmware hosted --fidelity functional --max-instructions 20000')
    parser.add_argument('--machine-options', default='--max-cycles 200000',
                        help='as --options, for mutated machine files: the firmware is scheduled for the machine and started')
    parser.add_argument('--timeout', type=int, default=120)
    parser.add_argument('--keep', help='folder for failing files (default: mutated/ in the working folder)')
    arguments = parser.parse_args()
    chrysalis = os.path.abspath(arguments.chrysalis)
    keep = os.path.abspath(arguments.keep or 'mutated')
    sources = {'elf': [], 'config': [('config.toml', CONFIG.encode())], 'machine': []}
    for name in ('layout', 'faults', 'modified'):
        with open(os.path.join(arguments.guests, name), 'rb') as data:
            sources['elf'].append((name, data.read()))
    for name in sorted(os.listdir(arguments.machines)):
        if name.endswith('.toml'):
            with open(os.path.join(arguments.machines, name), 'rb') as data:
                sources['machine'].append((name, data.read()))
    good = os.path.abspath(os.path.join(arguments.guests, 'layout'))
    failures = 0
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix='chrysalis-mutate-') as base:
        work = os.path.join(base, 'work')
        for number in range(arguments.first, arguments.first + arguments.count):
            rng = random.Random(arguments.seed * 1_000_003 + number)
            kind = arguments.kind or rng.choice(['elf', 'elf', 'config', 'machine'])
            name, data = rng.choice(sources[kind])
            mutated = mutate_bytes(data, rng) if kind == 'elf' else mutate_text(data, rng)
            path = os.path.join(base, name)
            with open(path, 'wb') as out:
                out.write(mutated)
            os.chmod(path, 0o755)
            os.mkdir(work)
            command = [chrysalis, 'run', '--quiet'] + shlex.split(arguments.machine_options if kind == 'machine' else arguments.options)
            command += {'elf': ['--', path, 'accesses'], 'config': ['--config', path, '--', good],
                        'machine': ['--machine', path, '--', good]}[kind]
            try:
                done = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      timeout=arguments.timeout, check=False)
                code, message = done.returncode, done.stderr
            except subprocess.TimeoutExpired:
                code, message = 'hang', b''
            finally:
                shutil.rmtree(work, ignore_errors=True)
            bad = code == 'hang' or code < 0 or code == 123 or any(sign in message for sign in BAD_SIGNS)
            if code == 125 and not message.strip():
                bad = True
            outcomes[code] = outcomes.get(code, 0) + 1
            if bad:
                failures += 1
                os.makedirs(keep, exist_ok=True)
                kept = os.path.join(keep, f'{arguments.seed}-{number}-{name}')
                shutil.copy2(path, kept)
                print(f'FAIL mutation {number} ({kind}): exit {code}, kept as {kept}')
                print('     ' + message.decode('utf-8', 'backslashreplace').strip()[:1500].replace('\n', '\n     '))
    shown = ', '.join(f'{code}: {count}' for code, count in sorted(outcomes.items(), key=lambda item: str(item[0])))
    print(f'{arguments.count} mutations, seed {arguments.seed}, {failures} failed; exit codes {shown}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
