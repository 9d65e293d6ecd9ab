#!/usr/bin/env python3
"""Compares i386 programs run by chrysalis with the same programs run by this machine's processor.

Each command line of a list runs twice in equal, fresh folders: natively, and as
`chrysalis run OPTIONS -- PROGRAM ARGS`, or cosim instead of run. Standard output, standard error, exit code and the files left behind must
be equal.

Either all lines are arguments of one program (--program, for busybox; the folder then holds its fixtures), or the
first word of each names a program in a folder of guests (--guests; the work folder starts empty). --options given
several times rotates: line i runs with set i modulo their number; --all-options runs each line with every set.
"""
import argparse
import concurrent.futures
import difflib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile

SCRIPT = """\
set -e
sort words.txt > w1
grep -v e w1 > w2 || true
wc -l < w2 > n
read count < n
echo "without e: $count"
for f in w1 w2; do
  sum=$(cksum < $f)
  echo "$f $sum"
done
f() { local x=$1; [ $x -le 1 ] && { echo 1; return; }; echo $((x * $(f $((x - 1))))); }
f 6
trap 'echo leaving' EXIT
"""

PIPES = """\
tr a-z A-Z < small.txt | sort | head -n 2
echo abc | sed s/b/x/ | cat -
x=$(echo 1 2 3 | wc -w); echo $x
(exit 3); echo $?
sleep 0 & wait; echo done
"""


def fixtures(busybox, folder):
    """The files that the command lines use; deterministic."""
    words = []
    state = 12345
    for _ in range(120):
        word = ''
        for _ in range(3 + state % 6):
            state = (state * 1103515245 + 12345) & 0x7fffffff
            word += chr(ord('a') + (state >> 16) % 26)
        words.append(word)
    text = []
    for i in range(24):
        text.append(f'{i} translating {words[i]} and {words[i * 3 % 120]} running code on x86')
    binary = bytearray()
    for _ in range(700):
        state = (state * 1103515245 + 12345) & 0x7fffffff
        binary.append((state >> 16) & 0xff if state & 0x800000 else 0x41 + (state >> 20) % 4)

    def write(name, data):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as out:
            out.write(data if isinstance(data, (bytes, bytearray)) else data.encode())
        os.utime(path, (946684800, 946684800))

    lines = '\n'.join(text) + '\n'
    write('text.txt', lines)
    write('text2.txt', lines.replace('and', 'or', 3))
    write('small.txt', '\n'.join(text[:8]) + '\n')
    write('small.bin', bytes(binary))
    write('words.txt', '\n'.join(words) + '\n')
    write('sorted.txt', '\n'.join(sorted(words + words[::4])) + '\n')
    write('numbers.txt', '\n'.join(str((i * 7919) % 1000 - 300) for i in range(60)) + '\n')
    few = '\n'.join(text[:3]) + '\n'
    write('few.txt', few)
    write('few.bc', '2^64\n1/7\n')
    write('table.txt', '\n'.join(f'row{i} {words[i % 9]} {i * i}' for i in range(30)) + '\n')
    write('calc.bc', 'scale=8\n2^64\n1/7\nsqrt(2)\n')
    write('script.sh', SCRIPT)
    write('pipes.sh', PIPES)
    write('tree/a.txt', 'alpha\n')
    write('tree/sub/b.txt', 'beta\n' * 20)
    write('tree/sub/c.bin', bytes(binary[:99]))

    # What a script calls by name must be an i386 program on both sides.
    applets = os.path.join(os.path.dirname(folder), 'bin')
    os.makedirs(applets)
    for name in subprocess.run([busybox, '--list'], stdout=subprocess.PIPE, check=True).stdout.decode().split():
        os.symlink(busybox, os.path.join(applets, name))

    def native(command, stdin=b''):
        return subprocess.run(command, cwd=folder, input=stdin, stdout=subprocess.PIPE, check=False).stdout

    write('text.gz', native([busybox, 'gzip', '-c', 'text.txt']))
    write('small.bz2', native([busybox, 'bzip2', '-c', 'small.txt']))
    write('small.xz', native(['xz', '-c', 'small.txt']))
    write('small.lzma', native(['xz', '--format=lzma', '-c', 'small.txt']))
    write('few.gz', native([busybox, 'gzip', '-c', 'few.txt']))
    write('few.bz2', native([busybox, 'bzip2', '-c', 'few.txt']))
    write('few.xz', native(['xz', '-c', 'few.txt']))
    write('few.lzma', native(['xz', '--format=lzma', '-c', 'few.txt']))
    write('few2.txt', few.replace('and', 'or', 1))
    write('few.patch', native([busybox, 'diff', '-u', 'few.txt', 'few2.txt']))
    write('change.patch', native([busybox, 'diff', '-u', 'text.txt', 'text2.txt']))
    for root, folders, _ in os.walk(folder):
        folders.sort()
        os.utime(root, (946684800, 946684800))
    write('tree.tar', native([busybox, 'tar', 'cf', '-', '-C', 'tree', '.']))
    write('few.tar', native([busybox, 'tar', 'cf', '-', 'few.txt']))
    write('tree.cpio', native([busybox, 'cpio', '-o', '-H', 'newc'], b'tree/a.txt\ntree/sub/b.txt\n'))
    os.utime(folder, (946684800, 946684800))


def left_behind(folder):
    """Contents of the regular files below `folder`; of links the target, of anything else (a FIFO blocks its reader) the type."""
    files = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                with open(path, 'rb') as data:
                    content = data.read()
            else:
                content = os.readlink(path) if stat.S_ISLNK(mode) else stat.S_IFMT(mode)
            files[os.path.relpath(path, folder)] = content
    return files


def execute(command, folder, stdin_name, timeout, path):
    stdin = open(os.path.join(folder, stdin_name), 'rb') if stdin_name else subprocess.DEVNULL
    try:
        done = subprocess.run(command, cwd=folder, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={'PATH': path, 'HOME': '/', 'LC_ALL': 'C'}, timeout=timeout, check=False)
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return code, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        return 'timeout', b'', b''
    finally:
        if stdin_name:
            stdin.close()


def difference(want, got):
    """The first lines that differ, - native, + chrysalis."""
    if not isinstance(want, bytes) or not isinstance(got, bytes):
        return f'native {want!r}, chrysalis {got!r}'
    sides = [side.decode('utf-8', 'backslashreplace').splitlines() for side in (want, got)]
    lines = [line for line in difflib.unified_diff(*sides, 'native', 'chrysalis', lineterm='', n=0) if line[:2] != '@@']
    return '\n      '.join([''] + lines[2:22])


def compare(arguments, base, line, index, options):
    words = shlex.split(line)
    command = [arguments.program] + words if arguments.program else [os.path.join(arguments.guests, words[0])] + words[1:]
    stdin_name = None
    if '<' in command:
        at = command.index('<')
        stdin_name = command[at + 1]
        command = command[:at]
    folders = []
    for side in ('native', 'chrysalis'):
        folder = os.path.join(base, f'{index}-{side}', 'work')
        shutil.copytree(os.path.join(base, 'fixtures'), folder, copy_function=shutil.copy2)
        folders.append(folder)
    path = os.path.join(base, 'bin')
    native = execute(command, folders[0], stdin_name, 60, path)
    stats = os.path.join(base, f'{index}.json')
    ours = execute([arguments.chrysalis, arguments.command, '--quiet', '--env', 'PATH=' + path, '--stats', stats] + shlex.split(options) +
                   ['--'] + command, folders[1], stdin_name, arguments.timeout, path)
    problems = []
    for what, want, got in zip(('exit code', 'standard output', 'standard error'), native, ours):
        if want != got:
            problems.append(f'{what}: {difference(want, got)}')
    if arguments.succeeding and native[0] != 0:
        problems.append(f'native exit code {native[0]}')
    want_files, got_files = left_behind(folders[0]), left_behind(folders[1])
    for name in sorted(set(want_files) | set(got_files)):
        if want_files.get(name) != got_files.get(name):
            problems.append(f'file {name} differs')
    figures = {}
    try:
        with open(stats, encoding='utf-8') as data:
            figures = json.load(data)
    except OSError:
        problems.append('no statistics were written')
    # Guests execute undefined opcodes on purpose; applets have no reason to.
    if arguments.program and figures.get('firmware.unsupported_instructions', 0):
        problems.append('unsupported instructions were met')
    for name, least in arguments.at_least:
        if figures.get(name, 0) < least:
            problems.append(f'{name} is {figures.get(name, 0)}, not at least {least}')
    for folder in folders:
        shutil.rmtree(os.path.dirname(folder))
    return f'{line}  [{options}]' if options else line, problems, figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument('--program')
    which.add_argument('--guests', metavar='FOLDER')
    parser.add_argument('--list', required=True)
    parser.add_argument('--command', default='run', choices=['run', 'cosim'], help='of chrysalis; default: run')
    parser.add_argument('--options', action='append', help='options of that command; repeatable')
    parser.add_argument('--all-options', action='store_true', help='every line with every set of options')
    parser.add_argument('--succeeding', action='store_true', help='the native exit code must be 0, too')
    parser.add_argument('--at-least', action='append', nargs=2, default=[], metavar=('STATISTIC', 'N'), help='each run must count that; repeatable')
    parser.add_argument('--only', default='', help='only lines whose text contains this')
    parser.add_argument('--every', type=int, default=1, help='every Nth line only')
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--timeout', type=int, default=300)
    parser.add_argument('--verbose', action='store_true')
    arguments = parser.parse_args()
    for name in ('program', 'guests', 'chrysalis'):
        if getattr(arguments, name):
            setattr(arguments, name, os.path.abspath(getattr(arguments, name)))
    arguments.at_least = [(name, int(least)) for name, least in arguments.at_least]
    sets = arguments.options or ['']
    with open(arguments.list, encoding='utf-8') as lines:
        commands = [line.strip() for line in lines if line.strip() and not line.startswith('#')]
    commands = [c for c in commands if arguments.only in c][::arguments.every]
    runs = [(c, o) for c in commands for o in sets] if arguments.all_options else \
        [(c, sets[i % len(sets)]) for i, c in enumerate(commands)]
    failures = 0
    with tempfile.TemporaryDirectory(prefix='chrysalis-programs-') as base:
        os.makedirs(os.path.join(base, 'fixtures'))
        if arguments.program:
            fixtures(arguments.program, os.path.join(base, 'fixtures'))
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            jobs = [pool.submit(compare, arguments, base, line, i, options) for i, (line, options) in enumerate(runs)]
            for job in jobs:
                line, problems, figures = job.result()
                count = figures.get('guest.instructions', 0)
                cycles = figures.get('host.cycles', 0)
                if problems or arguments.verbose:
                    print(f'{"FAIL" if problems else "ok  "} {count:>10} x86 {cycles:>12} cycles  {line}')
                for problem in problems:
                    print('    ' + problem[:1500])
                failures += bool(problems)
                sys.stdout.flush()
    print(f'{len(runs) - failures} passed, {failures} failed')
    return 1 if failures or not runs else 0


if __name__ == '__main__':
    sys.exit(main())
