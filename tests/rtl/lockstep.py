#!/usr/bin/env python3
"""Runs a guest program on the SystemC model and on the RTL core and compares what they report.

    lockstep.py --chrysalis BINARY [--machine NAME]... [--options 'OPTIONS OF run'] -- PROGRAM ARGS...

Compared: exit code, standard output, host cycles, every leaf of the cycle account, and every statistic that both count.
Exit code 0: equal on every machine.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile

# Statistics of the host that only one of them counts, or that are not about the machine.
NOT_COMPARED = ('sim.', 'host.code.decoded', 'host.store_buffer.forwards', 'host.store_buffer.released_peak',
                'host.store_buffer.released_cycles', 'host.store_buffer.drain_conflicts')


def run(arguments, machine, fidelity, folder):
    stats = os.path.join(folder, f'{machine}-{fidelity}.json')
    command = [arguments.chrysalis, 'run', '--machine', machine, '--fidelity', fidelity, '--quiet', '--stats', stats,
               *shlex.split(arguments.options), '--', *arguments.program]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode in (123, 125):
        sys.exit(f'{shlex.join(command)}\nended with {done.returncode}: {done.stderr.decode(errors="replace")}')
    with open(stats) as file:
        report = json.load(file)
    return done.returncode, done.stdout, flatten(report)


def flatten(report):
    """Statistics by name, whatever nesting the report has."""
    values = {}

    def walk(node, name):
        if isinstance(node, dict):
            if 'value' in node:
                values[name] = node['value']
                return
            for key, child in node.items():
                walk(child, f'{name}.{key}' if name else key)
        elif isinstance(node, list):
            for child in node:
                if isinstance(child, dict) and 'name' in child:
                    values[child['name']] = child.get('value')
        else:
            values[name] = node

    walk(report, '')
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--chrysalis', required=True)
    parser.add_argument('--machine', action='append', default=[])
    parser.add_argument('--options', default='')
    parser.add_argument('program', nargs='+')
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for machine in arguments.machine or ['crusoe', 'efficeon', 'denver']:
            model_code, model_output, model = run(arguments, machine, 'cycle', folder)
            rtl_code, rtl_output, rtl = run(arguments, machine, 'rtl', folder)
            differences = []
            if model_code != rtl_code:
                differences.append(f'exit code: {model_code} and {rtl_code}')
            if model_output != rtl_output:
                differences.append('standard output differs')
            compared = 0
            for name in sorted(set(model) | set(rtl)):
                if not name.startswith(('host.', 'account.', 'guest.', 'firmware.')) or name.startswith(NOT_COMPARED):
                    continue
                compared += 1
                if model.get(name) != rtl.get(name):
                    differences.append(f'{name}: {model.get(name)} and {rtl.get(name)}')
            if compared < 100:
                differences.append(f'only {compared} statistics were found')
            for difference in differences[:20]:
                print(f'{machine}: {difference}')
            if not differences:
                print(f'{machine}: equal in {compared} statistics, {model["host.cycles"]} host cycles')
            failed |= bool(differences)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
