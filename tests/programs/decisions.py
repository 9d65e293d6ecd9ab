#!/usr/bin/env python3
"""Shows by statistics that the firmware's decisions are made, and that they change no result.

Each line of --list is `NAME | OPTIONS | PROGRAM ARGUMENTS | CONDITIONS`: the program runs natively and as
`chrysalis run --options OPTIONS`, with equal output, error output and exit code, and then every condition must hold of the
statistics: `STATISTIC OPERATOR NUMBER`, separated by commas. Operators: >= and <=. A statistic that the run does not have is a
mistake in the list. A decision that can be switched has a line with it and a line without.
"""
import argparse
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import tempfile


def read_list(path):
    rows = []
    with open(path, encoding='utf-8') as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith('#'):
                continue
            cells = [cell.strip() for cell in line.split('|')]
            if len(cells) != 4:
                sys.exit(f'{path}:{number}: not four cells')
            rows.append(cells)
    return rows


def unmet(conditions, figures):
    problems = []
    for condition in conditions.split(','):
        name, operator, number = condition.split()
        if name not in figures:
            problems.append(f'there is no statistic {name}')
            continue
        holds = figures[name] >= int(number) if operator == '>=' else figures[name] <= int(number)
        if not holds:
            problems.append(f'{name} is {figures[name]}, not {operator} {number}')
    return problems


def check(arguments, folder, index, row):
    name, options, command, conditions = row
    words = shlex.split(command)
    words[0] = os.path.join(arguments.guests, words[0])
    stats = os.path.join(folder, f'{index}.json')
    ours = [arguments.chrysalis, 'run', '--quiet', '--stats', stats] + shlex.split(arguments.options) + shlex.split(options) + ['--'] + words
    results = []
    for side, run in (('native', words), ('chrysalis', ours)):
        work = os.path.join(folder, f'{index}-{side}')
        os.makedirs(work)
        try:
            done = subprocess.run(run, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env={'PATH': '/bin', 'LC_ALL': 'C'}, timeout=arguments.timeout, check=False)
            results.append((done.returncode, done.stdout, done.stderr))
        except subprocess.TimeoutExpired:
            results.append(('timeout', b'', b''))
    problems = []
    if results[0] != results[1]:
        problems.append(f'native {results[0]!r}, chrysalis {results[1]!r}'[:1000])
    figures = {}
    if os.path.exists(stats):
        with open(stats, encoding='utf-8') as data:
            figures = json.load(data)
    return problems + unmet(conditions, figures), figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--guests', required=True, metavar='FOLDER')
    parser.add_argument('--list', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), 'decisions.txt'))
    parser.add_argument('--options', default='', help='options of chrysalis run for every line, before its own')
    parser.add_argument('--only', default='', help='only lines whose name contains this')
    parser.add_argument('--show', help='print the statistics whose names contain this')
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--timeout', type=int, default=300)
    arguments = parser.parse_args()
    arguments.guests = os.path.abspath(arguments.guests)
    arguments.chrysalis = os.path.abspath(arguments.chrysalis)
    rows = [row for row in read_list(arguments.list) if arguments.only in row[0]]
    failures = 0
    with tempfile.TemporaryDirectory(prefix='chrysalis-decisions-') as folder:
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            jobs = [pool.submit(check, arguments, folder, i, row) for i, row in enumerate(rows)]
            for row, job in zip(rows, jobs):
                problems, figures = job.result()
                failures += bool(problems)
                print(f'{"FAIL" if problems else "ok  "} {row[0]}: {row[2]}  [{row[1]}]', flush=True)
                for problem in problems:
                    print('    ' + problem)
                if arguments.show:
                    for name, value in figures.items():
                        if arguments.show in name and value != 0:
                            print(f'      {name} {value}')
    print(f'{len(rows) - failures} passed, {failures} failed')
    return 1 if failures or not rows else 0


if __name__ == '__main__':
    sys.exit(main())
