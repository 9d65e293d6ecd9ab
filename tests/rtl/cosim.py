#!/usr/bin/env python3
"""Runs `chrysalis cosim --follower rtl`: equal cores go the guest's own way, a core built otherwise is found out, and the bundle
shows the same difference again and has its waves.

    cosim.py --chrysalis BINARY --machine NAME --machine-file FILE [--max-cycles N] -- PROGRAM ARGS...

FILE is NAME's own. The other core is the same but for its `event.return`.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile


def run(command, environment=None):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace', env=environment)


def check(condition, what, done):
    if condition:
        return
    sys.exit(f'{what}\n{" ".join(map(str, done.args))}\nexit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--machine', required=True)
    parser.add_argument('--machine-file', required=True, type=pathlib.Path)
    parser.add_argument('--max-cycles', default=str(2**62))
    parser.add_argument('program', nargs='+')
    arguments = parser.parse_args()
    options = ['--machine', arguments.machine, '--max-cycles', arguments.max_cycles]
    cosim = [arguments.chrysalis, 'cosim', *options, '--follower', 'rtl']

    alone = run([arguments.chrysalis, 'run', '--quiet', *options, '--', *arguments.program])
    equal = run([*cosim, '--', *arguments.program])
    check(equal.returncode == alone.returncode and equal.stdout == alone.stdout, 'the guest does not end as it does alone', equal)
    counts = re.search(r'no difference in (\d+) records \((\d+) of the RTL core\)', equal.stderr)
    check(counts and counts[1] == counts[2] and int(counts[1]) > 100_000, 'the RTL core has not followed to the end', equal)

    with tempfile.TemporaryDirectory() as folder:
        other = pathlib.Path(folder, 'other.toml')
        text, replaced = re.subn(r'(?ms)(^\[event\].*?^return = )(\d+)', lambda m: f'{m[1]}{int(m[2]) + 1}', arguments.machine_file.read_text())
        assert replaced == 1
        other.write_text(text)
        bundle = pathlib.Path(folder, 'bundle')
        found = run([*cosim, '--rtl-machine', str(other), '--bundle', str(bundle), '--', *arguments.program])
        check(found.returncode == 122, 'the difference is not found', found)
        for part in ('The cores differ in record ', 'cycle in which the next comes up: SystemC core ', ', RTL core ', 'Both agree up to the commit at eip ',
                     'Host code, the last molecules:', '\n> '):
            check(part in found.stderr, f'the report lacks "{part}"', found)
        records = (bundle / 'records.txt').read_text()
        check('# the last of them on the SystemC core:' in records and len(records.splitlines()) > 10, 'records.txt lacks records', found)
        check((bundle / 'report.txt').read_text() in found.stderr, 'report.txt is not the report', found)
        last = int(re.search(r'Waves: .*waves\.fst, the RTL core.s cycles \d+ to (\d+)', found.stderr)[1])
        differs = int(re.search(r'differ in record \d+, cycle (\d+)', found.stderr)[1])
        check(differs <= last <= differs + 100, 'the waves end elsewhere', found)
        check((bundle / 'waves.fst').stat().st_size > 10_000, 'the waves are empty', found)
        other.unlink()
        again = run(['sh', str(bundle / 'command.sh')], {'CHRYSALIS': arguments.chrysalis})
        check(again.returncode == 122, 'the bundle does not show the difference', again)
        first = (bundle / 'report.txt').read_text().split('Waves: ')[0]
        check(first in again.stderr, 'the bundle shows another difference', again)
    print(f'{counts[1]} records equal; another event.return found: {found.stderr.splitlines()[0]}')


if __name__ == '__main__':
    main()
