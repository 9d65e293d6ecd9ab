#!/usr/bin/env python3
"""Runs the files in golden/ through `chrysalis opt` and compares what comes out with what the files say.

    golden.py --chrysalis build/release/sim/chrysalis [--bless] [FILE...]

A file is a text with regions (translator/region_text.h) and comments that mean something:

    ; RUN: opt OPTIONS        the command; several lines: each runs, and each must give the same
    ; WHY: ...                what the file shows; required
    LINE    ; CHECK: TEXT     this line comes out as TEXT
    LINE    ; CHECK: gone     this line does not come out
    ; CHECK: TEXT             this line comes out in addition, at this place
    LINE    ; ERROR: TEXT     the command refuses the file, naming this line, and says TEXT among other things
    ; ERROR: TEXT             the same, about the line above

Lines without CHECK come out unchanged. White space does not count, nor do empty lines and comments. With --schedule, whose
output is molecules, the CHECK lines on their own are the whole output. --bless rewrites the expectations; review its
diff as a change of behaviour.
"""
import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MARK = re.compile(r';\s*(RUN|WHY|CHECK|ERROR):\s*(.*?)\s*$')
GONE = 'gone'


class Problem(Exception):
    """What is wrong with a file."""


def plain(line):
    """What counts of a line."""
    return ' '.join(line.split(';')[0].split())


def mark(line):
    found = MARK.search(line)
    return found.groups() if found else (None, None)


class Golden:
    def __init__(self, path):
        self.path = path
        with open(path, encoding='utf-8') as data:
            self.lines = data.read().splitlines()
        marks = [mark(line) for line in self.lines]
        self.runs = [text for kind, text in marks if kind == 'RUN']
        self.errors = [i for i, (kind, _) in enumerate(marks) if kind == 'ERROR']
        if not self.runs:
            raise Problem('there is no "; RUN: opt OPTIONS"')
        if not any(kind == 'WHY' for kind, _ in marks):
            raise Problem('there is no "; WHY: ..."')
        for command in self.runs:
            if not command.startswith('opt'):
                raise Problem(f'RUN: {command}: only opt can be run')
        self.molecules = any('--schedule' in command for command in self.runs)

    def run(self, chrysalis, command):
        words = shlex.split(command)
        return subprocess.run([chrysalis, *words, self.path], capture_output=True, text=True, check=False)

    # -- what the file expects -------------------------------------------------------------------

    def expected(self):
        out = []
        for line in self.lines:
            kind, text = mark(line)
            own = plain(line)
            if kind == 'CHECK':
                if text != GONE:
                    out.append(plain(text))
            elif own and not self.molecules:
                out.append(own)
        return out

    def expected_errors(self):
        """(line number, text) of each."""
        out = []
        for i in self.errors:
            text = mark(self.lines[i])[1]
            while not plain(self.lines[i]):
                i -= 1
            out.append((i + 1, text))
        return out

    def check(self, chrysalis):
        for command in self.runs:
            done = self.run(chrysalis, command)
            if self.errors:
                self.check_errors(command, done)
                continue
            if done.returncode != 0:
                raise Problem(f'{command}: exit code {done.returncode}\n{done.stderr}')
            if '--verify' in command:
                continue
            found = [plain(line) for line in done.stdout.splitlines() if plain(line)]
            if found != self.expected():
                diff = difflib.unified_diff(self.expected(), found, 'expected', 'found', lineterm='')
                raise Problem(f'{command}:\n' + '\n'.join(diff))

    def found_errors(self, done):
        pattern = re.compile(re.escape(self.path) + r':(\d+): (.*)')
        return [(int(m.group(1)), m.group(2)) for m in map(pattern.fullmatch, done.stderr.splitlines()) if m]

    def check_errors(self, command, done):
        found = self.found_errors(done)
        missing = self.expected_errors()
        surplus = []
        for number, message in found:
            match = next((e for e in missing if e[0] == number and e[1] in message), None)
            if match is None:
                surplus.append((number, message))
            else:
                missing.remove(match)
        text = [f'not reported: line {number}: {message}' for number, message in missing]
        text += [f'not expected: line {number}: {message}' for number, message in surplus]
        if done.returncode == 0:
            text.append('exit code 0')
        if text:
            raise Problem(f'{command}:\n' + '\n'.join(text) + ('' if found else '\n' + done.stderr))

    # -- new expectations --------------------------------------------------------------------------

    def bless(self, chrysalis):
        done = self.run(chrysalis, self.runs[0])
        if self.errors or '--verify' in self.runs[0]:
            lines = self.blessed_errors(self.found_errors(done))
        elif done.returncode != 0:
            raise Problem(f'{self.runs[0]}: exit code {done.returncode}\n{done.stderr}')
        else:
            lines = self.blessed([' '.join(line.split()) for line in done.stdout.splitlines() if plain(line)])
        text = '\n'.join(lines) + '\n'
        with open(self.path, 'w', encoding='utf-8') as out:
            out.write(text)

    def without(self, kind):
        """The lines without their marks of this kind, and without lines that were nothing else."""
        out = []
        for line in self.lines:
            if mark(line)[0] == kind:
                line = MARK.sub('', line).rstrip()
                if not line:
                    continue
            out.append(line)
        return out

    def blessed_errors(self, found):
        out = []
        kept = self.without('ERROR')
        numbers = [i + 1 for i, line in enumerate(self.lines) if not (mark(line)[0] == 'ERROR' and not plain(line))]
        for number, line in zip(numbers, kept):
            messages = [message for at, message in found if at == number]
            out.append(f'{line}  ; ERROR: {messages[0]}' if messages else line)
            out += [f'  ; ERROR: {message}' for message in messages[1:]]
        return out

    def blessed(self, found):
        kept = self.without('CHECK')
        if self.molecules:
            return kept + [f'; CHECK: {line}' for line in found]
        sources = [i for i, line in enumerate(kept) if plain(line)]
        pairs, inserted = align([plain(kept[i]) for i in sources], found)
        out = []
        place = 0
        for i, line in enumerate(kept):
            if place < len(sources) and sources[place] == i:
                out += [f'  ; CHECK: {text}' for text in inserted.get(place, [])]
                new = pairs.get(place)
                if new is None:
                    line = f'{line}  ; CHECK: {GONE}'
                elif new != plain(line):
                    line = f'{line}  ; CHECK: {new}'
                place += 1
            out.append(line)
        return out + [f'  ; CHECK: {text}' for text in inserted.get(place, [])]


def key(line):
    """What makes a line the same line before and after: its results, or its first word."""
    if ' = ' in line:
        return line.split(' = ')[0].split(', ')[0]
    if line.startswith('guest '):
        return line
    target = re.search(r'@0x[0-9a-f]+|\bL\d+', line)
    return line.split('.')[0].split(' ')[0] + (target.group() if target else '')


def align(before, after):
    """Lines of `after` by place in `before`, and those that are new, by the place that they come before."""
    pairs, inserted = {}, {}
    matcher = difflib.SequenceMatcher(None, [key(line) for line in before], [key(line) for line in after], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == 'equal':
            pairs.update(zip(range(i1, i2), after[j1:j2]))
        elif tag in ('insert', 'replace'):
            inserted.setdefault(i1, []).extend(after[j1:j2])
    return pairs, inserted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--bless', action='store_true')
    parser.add_argument('files', nargs='*')
    arguments = parser.parse_args()
    files = arguments.files
    if not files:
        folder = os.path.join(HERE, 'golden')
        files = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith('.ir'))
    if not files:
        sys.exit('golden.py: there are no files')
    failed = 0
    for path in files:
        try:
            golden = Golden(path)
            if arguments.bless:
                golden.bless(arguments.chrysalis)
                golden = Golden(path)
            golden.check(arguments.chrysalis)
        except Problem as problem:
            failed += 1
            print(f'{path}: {problem}')
    print(f'{len(files) - failed} of {len(files)} files as expected')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
