#!/usr/bin/env python3
"""Gives the command bad programs, settings, machine files and outputs.

Each case must end with exit code 125 and one message that names the thing and, where there is a choice, what would
be accepted; never with a crash, a hang, a half-written file or a word of the language that we are written in.
"""
import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile

USER_ERROR = 125
# Signs of an error that escaped: C++ exceptions, sanitizers, assertions, standard library texts.
ESCAPED = ['terminate called', 'what():', 'std::', 'Sanitizer', 'runtime error', 'Assertion', 'ASSERT', 'Segmentation', 'basic_string',
           'core dumped', 'Traceback']


EXIT_0 = b'\xb8\x01\x00\x00\x00\x31\xdb\xcd\x80\x00\x00\x00'


def elf32(kind=2, machine=3, entry=0x08048054, program_header=None, size=84, klass=1, data=1, code=EXIT_0):
    header = struct.pack('<4sBBBBB7xHHIIIIIHHHHHH', b'\x7fELF', klass, data, 1, 0, 0, kind, machine, 1, entry, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    program_header = program_header or struct.pack('<8I', 1, 0, 0x08048000, 0x08048000, 0x60, 0x60, 5, 0x1000)
    return (header + program_header + code)[:size + 12]


def cases(chrysalis, guests, folder):
    """Yields name, arguments, words the message must contain (each a string or a tuple of alternatives)."""
    good = os.path.join(guests, 'layout')

    def write(name, data):
        path = os.path.join(folder, name)
        with open(path, 'wb') as out:
            out.write(data.encode() if isinstance(data, str) else data)
        os.chmod(path, 0o755)
        return path

    def program(name, data, *words):
        return name, ['--', write(name, data)], (name,) + words

    with open(good, 'rb') as binary:
        image = binary.read()
    hosted = ['--firmware', 'hosted', '--fidelity', 'functional']

    # Programs
    yield 'no program', [], ('no program',)
    yield 'no program after --', ['--'], ('no program',)
    yield 'missing program', ['--', os.path.join(folder, 'nothing-here')], ('nothing-here', ('No such file', 'does not exist'))
    yield 'directory', ['--', folder], (os.path.basename(folder), 'directory')
    yield program('empty', b'', 'empty')
    yield program('text', 'just text\n', ('not an ELF', 'not a program'))
    yield program('script-without-interpreter', '#!\n', 'script')
    yield program('script-with-missing-interpreter', '#!/no/such/interpreter\n', ('/no/such/interpreter', 'No such file'))
    unreadable = write('not-executable', image)
    os.chmod(unreadable, 0o644)
    yield 'not executable', ['--', unreadable], ('not-executable', ('ermission', 'executable'))
    yield program('truncated-header', image[:40], 'truncated')
    yield program('truncated-body', image[:5000], 'truncated')
    yield program('truncated-table', image[:60], 'truncated')
    with open(sys.executable if os.path.isabs(sys.executable) else '/bin/sh', 'rb') as binary:
        native = binary.read(4096)
    yield program('elf64', native, '64-bit')
    yield program('big-endian', elf32(data=2), 'endian')
    yield program('for-arm', elf32(machine=40), ('40', 'processor'))
    yield program('object', elf32(kind=1), ('object', 'linked'))
    yield program('core', elf32(kind=4), 'core')
    yield program('wrong-type', elf32(kind=77), '77')
    yield program('wrong-class', elf32(klass=9), 'class')
    yield program('no-segments', elf32(program_header=struct.pack('<8I', 4, 0, 0, 0, 0, 0, 4, 4)), ('nothing to load', 'no segment'))
    yield program('entry-nowhere', elf32(entry=0x12345678), '0x12345678')
    yield program('segment-wraps', elf32(program_header=struct.pack('<8I', 1, 0, 0xfffff000, 0, 0x60, 0x2000, 5, 0x1000)), 'corrupt')
    yield program('segment-beyond-file', elf32(program_header=struct.pack('<8I', 1, 0, 0x08048000, 0, 0x6000, 0x6000, 5, 0x1000)), 'truncated')
    yield program('segment-misaligned', elf32(program_header=struct.pack('<8I', 1, 0, 0x08048123, 0, 0x60, 0x60, 5, 0x1000)), ('align', 'corrupt'))
    yield program('segment-shrinks', elf32(program_header=struct.pack('<8I', 1, 0, 0x08048000, 0, 0x60, 0x10, 5, 0x1000)), 'corrupt')
    yield program('segment-too-large', elf32(program_header=struct.pack('<8I', 1, 0, 0x08048000, 0, 0x60, 0xf7000000, 7, 0x1000)),
                  ('corrupt', 'memory', 'address space'))
    dynamic = os.path.join(folder, 'dynamic')
    interpreter = b'/no/such/ld.so\0'
    header = elf32()[:52]
    header = header[:44] + struct.pack('<H', 2) + header[46:]
    table = struct.pack('<8I', 3, 116, 0x08048074, 0, len(interpreter), len(interpreter), 4, 1) + \
        struct.pack('<8I', 1, 0, 0x08048000, 0, 160, 160, 5, 0x1000)
    write('dynamic', header + table + interpreter.ljust(44, b'\0'))
    yield 'dynamic', ['--', dynamic], ('dynamic', ('ld.so', 'interpreter', 'static'))

    # What the guest's processor does not know is the guest's SIGILL, and a word to the user.
    yield 'unsupported instruction', hosted + ['--', write('f2xm1', elf32(code=b'\xd9\xe8\xd9\xf0' + EXIT_0[:8]))], ('f2xm1', '0x08048056', '#UD')

    # Options
    yield 'unknown option', ['--frobnicate', '--', good], ('frobnicate',)
    yield 'unknown machine', ['--machine', 'cruso', '--', good], ('cruso', 'crusoe', 'efficeon', 'denver')
    yield 'missing machine file', ['--machine', './none.toml', '--', good], ('none.toml',)
    yield 'unknown fidelity', ['--fidelity', 'rtl?', '--', good], ('fidelity', 'functional', 'cycle', 'rtl')
    yield 'machine without RTL', ['--fidelity', 'rtl', '--set', 'machine.l1d.ways=2', '--', good], ('rtl', 'l1d.ways', 'CHRYSALIS_RTL_MACHINES')
    yield 'unknown firmware', ['--firmware', 'magic', '--', good], ('firmware', 'core', 'hosted')
    yield 'limit not a number', ['--max-cycles', 'many', '--', good], ('max-cycles',)
    yield 'negative limit', ['--max-instructions', '-5', '--', good], ('max-instructions',)
    yield 'negative seed', ['--seed', '-1', '--', good], ('seed',)
    yield 'sysroot missing', ['--sysroot', '/no/such/root', '--', good], ('sysroot', '/no/such/root')
    yield 'env without =', ['--env', 'NAME', '--', good], ('env', 'NAME')

    # Settings
    yield 'set without =', ['--set', 'firmware.interpreter', '--', good], ('firmware.interpreter', 'key=value')
    yield 'set unknown key', ['--set', 'firmware.interpretr=x', '--', good], ('firmware.interpretr', "'firmware.interpreter'")
    yield 'set wrong word', ['--set', 'firmware.interpreter=fast', '--', good], ('fast', 'direct-threaded', 'decode-dispatch')
    yield 'set not a number', ['--set', 'sim.quantum=lots', '--', good], ('sim.quantum', 'lots', 'integer')
    yield 'set out of range', ['--set', 'sim.quantum=0', '--', good], ('sim.quantum', ' 1 ')
    yield 'set too large', ['--set', 'firmware.max_gear=4', '--', good], ('firmware.max_gear', '0 to 3')
    yield 'set huge', ['--set', 'guest.ram=99999999999999999999', '--', good], ('guest.ram',)
    yield 'set trailing junk', ['--set', 'guest.ram=64MB', '--', good], ('guest.ram', '64MB')
    yield 'set unknown machine key', ['--set', 'machine.widht=4', '--', good], ('widht', 'width')
    yield 'set bad machine value', ['--set', 'machine.width=100', '--', good], ('width',)

    def configuration(name, text, *words):
        path = write(name + '.toml', text)
        return 'config ' + name, ['--config', path, '--', good], (name + '.toml',) + words

    yield 'config missing', ['--config', os.path.join(folder, 'absent.toml'), '--', good], ('absent.toml',)
    yield 'config is a folder', ['--config', folder, '--', good], (os.path.basename(folder),)
    yield configuration('unknown-key', '[sim]\nquantum = 5\nquantun = 6\n', ':3:', 'quantun', 'sim.quantum')
    yield configuration('unknown-section', '\n[simm]\nquantum = 5\n', ':2:', 'simm')
    yield configuration('wrong-type', '[sim]\nquantum = "five"\n', ':2:', 'quantum', 'integer')
    yield configuration('wrong-type-2', '[firmware]\ninterpreter = 5\n', ':2:', 'interpreter', 'direct-threaded')
    yield configuration('a-real', '[sim]\nquantum = 5.5\n', ':2:', 'quantum', 'integer')
    yield configuration('out-of-range', '[guest]\nram = 5\n', ':2:', 'ram', '16')
    yield configuration('negative', '[guest]\nram = -64\n', ':2:', 'ram', '16')
    yield configuration('syntax', '[sim\nquantum = 5\n', ':1:')
    yield configuration('not-closed', '[firmware]\ninterpreter = "direct\n', ':2:')
    yield configuration('twice', '[sim]\nquantum = 5\nquantum = 6\n', ':3:')
    yield configuration('binary', bytes(range(256)), )
    yield configuration('table-for-value', '[sim.quantum]\nx = 1\n', 'quantum')
    yield configuration('machine-key', '[machine]\nwitdh = 4\n', 'witdh')

    # Machines that cannot be built for
    with open(os.path.join(MACHINES, 'crusoe.toml'), encoding='utf-8') as text:
        crusoe = text.read()

    def machine(name, change, *words):
        text = change(crusoe)
        assert text != crusoe, name
        path = write(name + '.toml', text)
        return 'machine ' + name, ['--machine', path, '--', good], (name + '.toml',) + words

    yield machine('no-branch', lambda t: t.replace('["branch", "control"]', '["control"]'), 'branch')
    yield machine('no-load', lambda t: t.replace('["load", "store", "control"]', '["store", "control"]'), 'load')
    yield machine('no-store', lambda t: t.replace('["load", "store", "control"]', '["load", "control"]'), 'store')
    yield machine('no-alu', lambda t: t.replace('"alu", ', ''), 'alu')
    yield machine('no-slots', lambda t: t.replace(t[t.index('slots = ['):t.index(']\n\n') + 2], 'slots = []\n'), 'slots')
    yield machine('unknown-unit', lambda t: t.replace('"media"', '"medai"', 1), 'medai', 'media')
    yield machine('width-0', lambda t: t.replace('width = 4 ', 'width = 0 '), 'width')
    yield machine('width-wrong', lambda t: t.replace('width = 4 ', 'width = 7 '), 'width')
    yield machine('unknown-key', lambda t: t.replace('frequency_mhz', 'frequency_mzh'), 'frequency_mzh', 'frequency_mhz')
    yield machine('wrong-type', lambda t: t.replace('frequency_mhz = 700', 'frequency_mhz = "fast"'), 'frequency_mhz')
    yield machine('latency-0', lambda t: t.replace('load = 3 ', 'load = 0 '), 'load')
    yield machine('latency-huge', lambda t: t.replace('mul = 4 ', 'mul = 4000000 ', 1), 'mul')
    yield machine('empty-buffer', lambda t: t.replace('[store_buffer]\nentries = 64', '[store_buffer]\nentries = 0'), 'store_buffer')
    yield machine('no-name', lambda t: t.replace('name = "crusoe"\n', ''), 'name')

    # Outputs
    yield 'stats without extension', hosted + ['--stats', os.path.join(folder, 'out'), '--', good], ('.json', '.txt', '.sqlite')
    yield 'stats odd extension', hosted + ['--stats', os.path.join(folder, 'out.csv'), '--', good], ('.csv', '.json')
    yield 'stats in no folder', hosted + ['--stats', '/no/such/folder/out.json', '--', good], ('/no/such/folder',)
    os.mkdir(os.path.join(folder, 'folder.json'))
    yield 'stats is a folder', hosted + ['--stats', os.path.join(folder, 'folder.json'), '--', good], ('folder.json', 'directory')
    yield 'stats in /proc', hosted + ['--stats', '/proc/out.json', '--', good], ('/proc/out.json',)
    yield 'outdir is a file', hosted + ['--outdir', good, '--', good], ('outdir', 'layout')
    yield 'outdir in a file', hosted + ['--outdir', good + '/sub', '--', good], ('outdir',)
    yield 'outdir in /proc', hosted + ['--outdir', '/proc/sub', '--', good], ('outdir', '/proc/sub')


# Cases that end otherwise than with USER_ERROR, and whose message --quiet would suppress.
OTHER_EXIT = {'unsupported instruction': 128 + 4}
# What cannot be known before the statistics are written: the folder claims to be writable.
ONLY_AT_THE_END = {'stats in /proc'}
MACHINES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'isa-host', 'machines')


def snapshot(folder):
    return {os.path.join(root, name) for root, folders, names in os.walk(folder) for name in names + folders}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--guests', required=True)
    parser.add_argument('--only', default='')
    parser.add_argument('--verbose', action='store_true', help='show every message')
    arguments = parser.parse_args()
    arguments.chrysalis = os.path.abspath(arguments.chrysalis)
    arguments.guests = os.path.abspath(arguments.guests)
    failures = count = 0
    with tempfile.TemporaryDirectory(prefix='chrysalis-bad-input-') as base:
        folder = os.path.join(base, 'input')
        work = os.path.join(base, 'work')
        os.mkdir(folder)
        os.mkdir(work)
        for name, options, words in cases(arguments.chrysalis, arguments.guests, folder):
            if arguments.only not in name:
                continue
            count += 1
            before = snapshot(base)
            try:
                done = subprocess.run([arguments.chrysalis, 'run'] + ([] if name in OTHER_EXIT else ['--quiet']) + options, cwd=work, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
                code, output, message = done.returncode, done.stdout, done.stderr.decode('utf-8', 'backslashreplace')
            except subprocess.TimeoutExpired:
                code, output, message = 'a hang', b'', ''
            problems = []
            expected = OTHER_EXIT.get(name, USER_ERROR)
            if code != expected:
                problems.append(f'exit code {code}, not {expected}')
            if output and name not in ONLY_AT_THE_END:
                problems.append(f'standard output {output[:80]!r}')
            for word in words:
                if not any(choice in message for choice in ((word,) if isinstance(word, str) else word)):
                    problems.append(f'the message does not mention {word!r}')
            problems += [f'the message shows "{sign}"' for sign in ESCAPED if sign in message]
            if message.count('\n') > 12 or not message.strip():
                problems.append(f'the message has {message.count(chr(10))} lines')
            left = snapshot(base) - before
            if left:
                problems.append(f'left behind: {sorted(left)}')
                for path in left:
                    if os.path.isdir(path):
                        shutil.rmtree(path, ignore_errors=True)
                    elif os.path.exists(path):
                        os.remove(path)
            if problems or arguments.verbose:
                print(f'{"FAIL" if problems else "ok  "} {name}')
                for problem in problems:
                    print(f'       {problem}')
                print('       ' + message.strip().replace('\n', '\n       ')[:900])
            failures += bool(problems)
    print(f'{count - failures} passed, {failures} failed')
    return 1 if failures or not count else 0


if __name__ == '__main__':
    sys.exit(main())
