#!/usr/bin/env python3
"""Reports what the stimulus of the RTL reaches.

    coverage.py BUILD [--seeds N] [--out FOLDER] [--check]

Runs BUILD's rtl_coverage and prints functional bins, lines and toggles, with what was not reached. FOLDER (default
BUILD/rtl/coverage) gets coverage.dat of Verilator, functional.txt, lines.info for lcov and, where genhtml is installed, html/.
--check: fails unless the shares are at least those of FLOOR.
"""
import argparse
import collections
import pathlib
import re
import shutil
import subprocess
import sys

# Per cent, of 60 seeds. Raise them when stimulus gets better.
FLOOR = {'functional': 100, 'line': 93, 'toggle': 46}


def points(path):
    """Verilator's points: (kind, file, line, comment, hierarchy): count."""
    found = collections.Counter()
    for line in path.read_text(errors='replace').splitlines():
        match = re.match(r"C '(.*)' (\d+)$", line)
        if not match:
            continue
        fields = dict(field.split('\x02', 1) for field in match[1].split('\x01') if '\x02' in field)
        kind = fields['page'].split('/')[0].removeprefix('v_')
        found[kind, pathlib.Path(fields['f']).name, int(fields['l']), fields.get('o', ''), fields.get('h', '')] += int(match[2])
    return found


def ranges(lines):
    """[1, 2, 3, 7] as '1-3, 7'."""
    parts = []
    for line in sorted(lines):
        if parts and line == parts[-1][1] + 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return ', '.join(str(a) if a == b else f'{a}-{b}' for a, b in parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--seeds', type=int, default=60, help='random programs')
    parser.add_argument('--out', type=pathlib.Path)
    parser.add_argument('--check', action='store_true')
    arguments = parser.parse_args()
    out = arguments.out or arguments.build / 'rtl' / 'coverage'
    out.mkdir(parents=True, exist_ok=True)
    data, functional = out / 'coverage.dat', out / 'functional.txt'
    subprocess.run([arguments.build / 'tests' / 'rtl' / 'rtl_coverage', str(arguments.seeds), '--data', data, '--functional', functional],
                   check=True, stdout=subprocess.DEVNULL)
    share = {}

    groups = collections.defaultdict(list)
    for line in functional.read_text().splitlines():
        group, name, count = line.split(' | ')
        groups[group].append((name, int(count)))
    print('| functional group | bins | reached | not reached |\n| --- | --- | --- | --- |')
    for group, bins in groups.items():
        holes = '; '.join(name for name, count in bins if count == 0)
        print(f'| {group} | {len(bins)} | {sum(count != 0 for _, count in bins)} | {holes} |')
    every = [count for bins in groups.values() for _, count in bins]
    share['functional'] = 100 * sum(count != 0 for count in every) / len(every)

    by_file = collections.defaultdict(lambda: {'line': [], 'toggle': []})
    for (kind, file, line, comment, _), count in points(data).items():
        if kind in ('line', 'branch'):
            by_file[file]['line'].append((line, count))
        elif kind == 'toggle':
            by_file[file]['toggle'].append((comment, count))
    print('\n| source | blocks | reached | toggles | reached | lines of blocks not reached |\n| --- | --- | --- | --- | --- | --- |')
    total = collections.Counter()
    for file in sorted(by_file):
        cells = []
        for kind in ('line', 'toggle'):
            reached = sum(count != 0 for _, count in by_file[file][kind])
            total[kind, 'all'] += len(by_file[file][kind])
            total[kind, 'reached'] += reached
            cells += [len(by_file[file][kind]), reached]
        print(f'| {file} | {" | ".join(map(str, cells))} | {ranges({line for line, count in by_file[file]["line"] if count == 0})} |')
    for kind in ('line', 'toggle'):
        if not total[kind, 'all']:
            sys.exit(f'{data}: no {kind} coverage in it')
        share[kind] = 100 * total[kind, 'reached'] / total[kind, 'all']
    print('\n' + ', '.join(f'{kind} {value:.1f} %' for kind, value in share.items()))

    # lcov knows lines alone: a line counts as what of it, toggles included, was reached least.
    subprocess.run(['verilator_coverage', '--write-info', out / 'lines.info', data], check=True, stdout=subprocess.DEVNULL)
    if shutil.which('genhtml'):
        subprocess.run(['genhtml', '--quiet', '--output-directory', out / 'html', out / 'lines.info'], check=True)
    low = {kind: value for kind, value in share.items() if value < FLOOR[kind]}
    if arguments.check and low:
        sys.exit('below the floor: ' + ', '.join(f'{kind} {value:.1f} % of {FLOOR[kind]} %' for kind, value in low.items()))


if __name__ == '__main__':
    main()
