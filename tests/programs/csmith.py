#!/usr/bin/env python3
"""Compares random C programs (csmith: X. Yang, Y. Chen, E. Eide, J. Regehr, PLDI 2011) run by chrysalis and natively.

Program N is csmith's for seed N, without floating point, compiled -m32 at -O0, -O1, -O2 or -O3 (N modulo 4). Programs
stay in --folder and are used again. One that does not end natively within --native-limit seconds is skipped and counted.
All other options are compare_programs.py's:

    csmith.py --folder build/csmith --seeds 1-1000 --jobs 2 --chrysalis build/release/sim/chrysalis \\
        --options "--firmware hosted --fidelity functional"
"""
import argparse
import concurrent.futures
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = '/usr/include/csmith'
GENERATE = ['csmith', '--no-float', '--seed']


def seed_range(text):
    first, _, last = text.partition('-')
    return range(int(first), int(last or first) + 1)


def output(command, folder=None):
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True).stdout.decode()


def compiler():
    # Debian keeps <asm/...> of the 32-bit side in the 64-bit one's folder.
    asm = f'/usr/include/{output(["gcc", "-print-multiarch"]).strip()}'
    return ['gcc', '-m32', '-static', '-march=i686', '-mno-sse', '-fno-pie', '-no-pie', '-w', '-isystem', asm, '-I', INCLUDE]


def write_whole(path, make):
    """Creates `path` by make(temporary), so that an interrupted run leaves nothing half made."""
    temporary = f'{path}.tmp{os.getpid()}'
    make(temporary)
    os.rename(temporary, path)


def prepare(folder, compile_command, seed, limit):
    """The program's name, or why there is none."""
    name = f'seed{seed:05}-O{seed % 4}'
    program = os.path.join(folder, name)
    if not os.path.exists(program):
        source = program + '.c'
        # csmith leaves a platform.info where it runs.
        write_whole(source, lambda path: subprocess.run(GENERATE + [str(seed), '--output', path], cwd=folder, stdout=subprocess.DEVNULL, check=True))
        write_whole(program, lambda path: subprocess.run(compile_command + [f'-O{seed % 4}', source, '-o', path], check=True))
    try:
        subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return name, 'does not end natively'
    return name, ''


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--folder', required=True, help='where programs are made and kept')
    parser.add_argument('--seeds', type=seed_range, default=seed_range('1-1000'), metavar='FIRST-LAST')
    parser.add_argument('--native-limit', type=float, default=5, metavar='SECONDS')
    parser.add_argument('--jobs', type=int, default=1)
    arguments, others = parser.parse_known_args()
    for needed in ('csmith', 'gcc'):
        if shutil.which(needed) is None:
            sys.exit(f'csmith.py: {needed} is not installed; ./chrysalis test installs csmith, libcsmith-dev and gcc-12-multilib')
    command = compiler()
    os.makedirs(arguments.folder, exist_ok=True)
    # Another generator or compiler makes other programs.
    key = hashlib.sha256(repr((output(['csmith', '--version'], arguments.folder), output(['gcc', '--version']), GENERATE, command)).encode()).hexdigest()[:12]
    folder = os.path.join(os.path.abspath(arguments.folder), key)
    os.makedirs(folder, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        prepared = list(pool.map(lambda seed: prepare(folder, command, seed, arguments.native_limit), arguments.seeds))
    skipped = [(name, reason) for name, reason in prepared if reason]
    for name, reason in skipped:
        print(f'skipped: {name} {reason}')
    programs = os.path.join(folder, f'list{arguments.seeds.start}-{arguments.seeds.stop - 1}.txt')
    with open(programs, 'w', encoding='utf-8') as out:
        out.writelines(f'{name}\n' for name, reason in prepared if not reason)
    sys.stdout.flush()
    done = subprocess.run([sys.executable, os.path.join(HERE, 'compare_programs.py'), '--guests', folder, '--list', programs,
                           '--jobs', str(arguments.jobs)] + others, check=False)
    print(f'{len(skipped)} skipped of {len(prepared)}')
    return done.returncode


if __name__ == '__main__':
    sys.exit(main())
