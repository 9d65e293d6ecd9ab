#!/usr/bin/env python3
"""Random x86 programs through the whole stack: SystemC core, RTL core, functional executor and x86 reference in lockstep, and the
build machine's processor at the end.

    random_x86.py --chrysalis BINARY [--machine NAME]... [--programs N] [--of M] [--first SEED] [--folder DIR] [--jobs N] [--follower functional]

A file has M random programs (default 100), which it runs one after the other: each begins with registers of its own, and runs so often
that it remains interpreted or is translated by gear 1, 2 or 3; what is left of registers and memory is written at the end. N programs take
N/M files; file F is that of seed F, and the same seed gives the same file. What differs stays in DIR. Exit code 0: no difference.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import subprocess
import sys
import tempfile

# How often a program runs, by chance; each line is worth one gear more. Translating takes nearly all of the cycles, by higher gears more.
ROUNDS = [1] * 30 + [5] * 16 + [10] * 3 + [50]
OPTIONS = ['firmware.gear1_threshold=3', 'firmware.gear2_threshold=6', 'firmware.gear3_threshold=1', 'firmware.sample_period=5000', 'guest.ram=64']
REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'esi', 'edi']
WORDS = ['ax', 'cx', 'dx', 'bx', 'si', 'di']
BYTES = ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh']
CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g']
BINARY = ['add', 'sub', 'and', 'or', 'xor', 'mov', 'cmp', 'test']


class Program:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.labels = 0

    def emit(self, line):
        self.lines.append(line)

    def label(self):
        self.labels += 1
        return f'l{self.labels}'

    def one_of(self, items):
        return self.random.choice(items)

    def immediate(self, bits):
        value = self.one_of([0, 1, -1, 1 << (bits - 1), (1 << (bits - 1)) - 1, self.random.getrandbits(bits), self.random.getrandbits(bits)])
        return value - (1 << bits) if value >= 1 << (bits - 1) else value

    def sized(self):
        bits = self.one_of([8, 16, 32, 32, 32])
        return bits, {8: BYTES, 16: WORDS, 32: REGISTERS}[bits], {8: 'byte', 16: 'word', 32: 'dword'}[bits]

    def memory(self, pointer):
        """A place in the buffer, 4 KiB behind ebp; at times one that crosses lines or is the one used last."""
        displacement = self.one_of([self.random.randrange(0, 1024), self.random.randrange(0, 64), 61, 62, 63])
        if self.random.random() < 0.5:
            return f'{pointer} ptr [ebp+{displacement}]'
        index = self.one_of(['ebx', 'esi', 'edi'])
        self.emit(f'and {index}, {self.one_of([0x7, 0x3f, 0xff])}')
        return f'{pointer} ptr [ebp+{index}*{self.one_of([1, 2, 4, 8])}+{displacement}]'

    def compare(self):
        self.emit(f'cmp {self.one_of(REGISTERS)}, {self.one_of(REGISTERS)}')

    # -- families ---------------------------------------------------------------------------------------------------
    def binary(self):
        bits, names, pointer = self.sized()
        operation = self.one_of(BINARY)
        if self.random.random() < 0.2:
            self.compare()
            operation = self.one_of(['adc', 'sbb'])
        form = self.random.randrange(4)
        if form == 0:
            self.emit(f'{operation} {self.one_of(names)}, {self.one_of(names)}')
        elif form == 1:
            self.emit(f'{operation} {self.one_of(names)}, {self.immediate(bits)}')
        else:
            place = self.memory(pointer)
            if form == 2 and operation != 'test':
                where = f'{self.one_of(names)}, {place}'
            else:
                where = f'{place}, {self.one_of(names)}'
            if operation in ('adc', 'sbb'):
                self.compare()
            self.emit(f'{operation} {where}')

    def unary(self):
        _, names, pointer = self.sized()
        operand = self.one_of(names) if self.random.random() < 0.5 else self.memory(pointer)
        self.emit(f'{self.one_of(["inc", "dec", "neg", "not"])} {operand}')

    def shift(self):
        _, names, pointer = self.sized()
        operation = self.one_of(['shl', 'shr', 'sar', 'rol', 'ror', 'rcl', 'rcr'])
        operand = self.one_of(names) if self.random.random() < 0.7 else self.memory(pointer)
        count = 'cl' if self.random.random() < 0.3 else self.one_of([0, 1, 1, 7, 31, self.random.randrange(32)])
        if operation in ('rcl', 'rcr'):
            self.compare()
        self.emit(f'{operation} {operand}, {count}')

    def double_shift(self):
        count = self.one_of(['cl', self.random.randrange(32)])
        self.emit(f'{self.one_of(["shld", "shrd"])} {self.one_of(REGISTERS)}, {self.one_of(REGISTERS)}, {count}')

    def multiply(self):
        form = self.random.randrange(3)
        if form == 0:
            self.emit(f'{self.one_of(["mul", "imul"])} {self.one_of(REGISTERS)}')
        elif form == 1:
            self.emit(f'imul {self.one_of(REGISTERS)}, {self.memory("dword")}')
        else:
            self.emit(f'imul {self.one_of(REGISTERS)}, {self.one_of(REGISTERS)}, {self.immediate(16)}')

    def divide(self):
        self.emit('and ecx, 0x7fff')
        self.emit('inc ecx')
        if self.random.random() < 0.5:
            self.emit('xor edx, edx')
            self.emit('div ecx')
        else:
            self.emit('cdq')
            self.emit('idiv ecx')

    def extend(self):
        pointer = self.one_of(['byte', 'word'])
        source = self.memory(pointer) if self.random.random() < 0.5 else self.one_of({'byte': BYTES, 'word': WORDS}[pointer])
        self.emit(f'{self.one_of(["movzx", "movsx"])} {self.one_of(REGISTERS)}, {source}')

    def conditional(self):
        self.compare()
        condition = self.one_of(CONDITIONS)
        if self.random.random() < 0.5:
            self.emit(f'set{condition} {self.one_of(BYTES)}')
        else:
            self.emit(f'cmov{condition} {self.one_of(REGISTERS)}, {self.one_of(REGISTERS)}')

    def bits(self):
        self.emit(f'{self.one_of(["bt", "bts", "btr", "btc"])} {self.one_of(REGISTERS)}, {self.one_of([self.random.randrange(32), "ecx"])}')

    def scan(self):
        register = self.one_of(REGISTERS)
        self.emit(f'or {register}, {1 << self.random.randrange(31)}')
        self.emit(f'{self.one_of(["bsf", "bsr"])} {self.one_of(REGISTERS)}, {register}')

    def exchange(self):
        operation = self.one_of(['xchg', 'xadd', 'cmpxchg', 'lock xadd', 'lock cmpxchg'])
        self.emit(f'{operation} {self.memory("dword")}, {self.one_of(REGISTERS)}')

    def address(self):
        self.emit(f'lea {self.one_of(REGISTERS)}, [{self.one_of(REGISTERS)}+{self.one_of(REGISTERS)}*{self.one_of([1, 2, 4, 8])}+{self.immediate(16)}]')

    def stack(self):
        self.emit(f'push {self.one_of(REGISTERS)}')
        if self.random.random() < 0.5:
            self.binary()
        self.emit(f'pop {self.one_of(REGISTERS)}')

    def aliases(self):
        """A store, and a load that may or may not overlap it: what the translator reorders, and the hardware finds."""
        self.emit(f'mov {self.memory(self.one_of(["dword", "dword"]))}, {self.one_of(REGISTERS)}')
        self.emit(f'mov {self.one_of(REGISTERS)}, {self.memory("dword")}')

    def string(self):
        self.emit(f'lea edi, [ebp+{self.random.randrange(2048)}]')
        self.emit(f'lea esi, [ebp+{self.random.randrange(2048)}]')
        self.emit(f'mov ecx, {self.random.randrange(9)}')
        self.emit(f'rep {self.one_of(["movsb", "movsd", "stosb", "stosd"])}')

    def x87(self):
        self.emit(f'fild {self.memory("dword")}')
        self.emit(f'fild {self.memory("word")}')
        self.emit(self.one_of(['faddp', 'fsubp', 'fmulp']))
        self.emit(f'fstp {self.memory(self.one_of(["qword", "dword"]))}')

    def branch(self, depth):
        over = self.label()
        self.compare()
        self.emit(f'j{self.one_of(CONDITIONS)} {over}')
        self.some(self.random.randrange(1, 4), depth + 1)
        self.emit(f'{over}:')

    def loop(self, depth):
        again = self.label()
        self.emit(f'push {self.random.randrange(2, 6)}')
        self.emit(f'{again}:')
        self.some(self.random.randrange(1, 5), depth + 1)
        self.emit('dec dword ptr [esp]')
        self.emit(f'jnz {again}')
        self.emit('lea esp, [esp+4]')

    def some(self, count, depth=0):
        plain = [self.binary] * 8 + [self.aliases] * 3 + [self.unary, self.shift, self.shift, self.double_shift, self.multiply, self.divide, self.extend,
                                                        self.conditional, self.conditional, self.bits, self.scan, self.exchange, self.address,
                                                        self.stack, self.string, self.x87]
        for _ in range(count):
            choice = self.random.random()
            if depth < 2 and choice < 0.10:
                self.branch(depth)
            elif depth < 1 and choice < 0.15:
                self.loop(depth)
            else:
                self.one_of(plain)()

    def text(self, programs):
        calls = []
        for n in range(programs):
            begin = [self.random.getrandbits(32) for _ in REGISTERS]
            rounds = self.one_of(ROUNDS)
            calls += [f'mov dword ptr rounds, {rounds}', f'r{n}:']
            calls += [f'mov {register}, {value}' for register, value in zip(REGISTERS, begin)]
            calls += [f'call p{n}']
            calls += [f'rol dword ptr sums+{4 * i}, 3\nadd dword ptr sums+{4 * i}, {register}' for i, register in enumerate(REGISTERS)]
            calls += ['dec dword ptr rounds', f'jnz r{n}']
            self.emit(f'p{n}:')
            self.some(self.random.randrange(3, 7))
            self.emit('ret')
        data = ', '.join(str(self.random.getrandbits(32)) for _ in range(1024))
        body, calls = '\n'.join(self.lines), '\n'.join(calls)
        # Sums of registers and of the buffer are what it writes.
        return f'''.intel_syntax noprefix
.text
.globl _start
_start:
lea ebp, buffer
fninit
{calls}
xor eax, eax
mov ecx, 1024
sum: rol eax, 5
add eax, [ebp+ecx*4-4]
loop sum
mov dword ptr sums+24, eax
mov eax, 4
mov ebx, 1
lea ecx, sums
mov edx, 28
int 0x80
mov eax, 1
xor ebx, ebx
int 0x80
{body}
.data
.balign 4096
buffer: .long {data}
.space 4096
rounds: .long 0
sums: .space 28
'''


def check(arguments, folder, seed, machine):
    program = folder / f'x86-{seed}'
    if not program.exists():
        source = folder / f'x86-{seed}.s'
        source.write_text(Program(seed).text(arguments.of))
        subprocess.run(['gcc', '-m32', '-nostdlib', '-static', '-no-pie', str(source), '-o', f'{program}.{machine}'], check=True)
        os.replace(f'{program}.{machine}', program)
    native = subprocess.run([program], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if native.returncode != 0:
        return f'file {seed} ends with {native.returncode} natively', ''
    command = [arguments.chrysalis, 'cosim', '--machine', machine, '--follower', arguments.follower, '--reference',
               *(word for option in OPTIONS for word in ('--set', option)), '--bundle', str(folder / f'bundle-{machine}-{seed}'), '--', str(program)]
    ours = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    report = ours.stderr.decode(errors='replace')
    if ours.returncode != 0:
        return f'file {seed} on {machine} ends with {ours.returncode}\n{report}', ''
    if ours.stdout != native.stdout:
        return f'file {seed} on {machine} writes {ours.stdout.hex()}, natively {native.stdout.hex()}', ''
    if arguments.follower == 'rtl' and 'of the RTL core' not in report:
        return f'file {seed} on {machine}: the RTL core has not followed\n{report}', ''
    bundle = folder / f'bundle-{machine}-{seed}'
    if bundle.exists():  # made for waves, of which there are none
        bundle.rmdir()
    return '', report.strip().splitlines()[-1].removeprefix('chrysalis: ')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--machine', action='append')
    parser.add_argument('--programs', type=int, default=25)
    parser.add_argument('--of', type=int, default=100, metavar='M', help='programs of a file')
    parser.add_argument('--first', type=int, default=1, metavar='SEED')
    parser.add_argument('--folder', type=pathlib.Path)
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--follower', default='rtl', choices=['rtl', 'functional'])
    arguments = parser.parse_args()
    machines = arguments.machine or ['crusoe']
    seeds = range(arguments.first, arguments.first + -(-arguments.programs // arguments.of))
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for machine in machines:  # so that no two runs make the same program
                for seed, (problem, figures) in zip(seeds, pool.map(lambda seed, m=machine: check(arguments, folder, seed, m), seeds)):
                    failures += bool(problem)
                    print(f'FAIL {problem}' if problem else f'ok   {machine} file {seed}: {figures}', flush=True)
    print(f'{len(seeds) * arguments.of} random programs on {", ".join(machines)}: {failures} files failed')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
