#!/usr/bin/env python3
"""Lowers the core to Verilog that Debian's yosys reads.

    lower.py --top MODULE [-G NAME=VALUE] --packages DIR --out FILE MACHINE_PKG.sv

Yosys 0.23 knows neither `import`, nor unpacked arrays in ports and packages, nor `return`. Verilator knows them all, and
writes what it has elaborated as XML: types resolved, parameters and structures gone. This script executes each process of
that symbolically, as synthesis does: loops are unrolled, functions inlined, what `if` and `case` assign becomes selection,
what `<=` assigns in a clocked process becomes a register. It writes one assignment per operator.

An array that is only ever indexed by signals and has no reset stays a memory; others become their elements. Ports that are arrays
become vectors, element 0 lowest. Calls to the platform (platform_pkg) become black boxes of the call's name.
"""
import argparse
import collections
import functools
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

RTL = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ["platform_pkg", "straps", "decode", "shadow_file", "registers", "integer_unit", "branch_unit", "memory_ports", "tlb", "address_unit",
           "lookup", "fetch", "data_side", "load_unit", "latencies", "scoreboard", "store_buffer", "alias_unit", "core"]
STATEMENTS = {"assign", "assigndly", "begin", "if", "case", "while", "jumpblock", "jumpgo", "jumplabel", "stmtexpr", "taskref", "var",
              "comment", "assert"}
BINARY = {"and": "&", "or": "|", "xor": "^", "add": "+", "sub": "-", "mul": "*", "muls": "*", "div": "/", "moddiv": "%",
          "shiftl": "<<", "shiftr": ">>", "logand": "&", "logor": "|"}
COMPARE = {"eq": "==", "neq": "!=", "gt": ">", "lt": "<", "gte": ">=", "lte": "<="}
SIGNED = {"gts": ">", "lts": "<", "gtes": ">=", "ltes": "<="}


class Unsupported(Exception):
    pass


class NotMemory(Exception):
    """An array was accessed in a way that a memory is not: its name is the argument."""


# -- expressions: (operator, width, operands...), each once per module ------------------------------------------------------
class Node(tuple):
    """Compared and hashed by identity: node() makes equal ones the same."""
    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other


NODES = {}


def node(*parts):
    key = tuple([id(part) if type(part) is Node else part for part in parts])
    found = NODES.get(key)
    if found is None:
        found = NODES[key] = Node(parts)
    return found


def constant(width, value):
    return node("const", width, value & ((1 << width) - 1))


def is_constant(value):
    return value[0] == "const"


def select(value, lsb, width):
    """Bits of a value, from a known one on."""
    if lsb == 0 and width == value[1]:
        return value
    if is_constant(value):
        return constant(width, value[2] >> lsb)
    if value[0] == "slice":
        return select(value[2], lsb + value[3], width)
    if value[0] == "concat":
        high, low = value[2], value[3]
        if lsb + width <= low[1]:
            return select(low, lsb, width)
        if lsb >= low[1]:
            return select(high, lsb - low[1], width)
        return concat(select(high, 0, lsb + width - low[1]), select(low, lsb, low[1] - lsb))
    if lsb + width > value[1]:
        return concat(constant(lsb + width - value[1], 0), select(value, lsb, value[1] - lsb))
    return node("slice", width, value, lsb)


def concat(high, low):
    if is_constant(high) and is_constant(low):
        return constant(high[1] + low[1], high[2] << low[1] | low[2])
    return node("concat", high[1] + low[1], high, low)


def invert(value):
    if is_constant(value):
        return constant(value[1], ~value[2])
    return value[2] if value[0] == "not" else node("not", value[1], value)


def signed_value(value):
    return value[2] - (1 << value[1]) if value[2] >> (value[1] - 1) else value[2]


def binary(tag, width, a, b):
    if is_constant(a) and is_constant(b):
        x, y = a[2], b[2]
        value = {"and": x & y, "or": x | y, "xor": x ^ y, "add": x + y, "sub": x - y, "mul": x * y, "muls": x * y,
                 "div": x // y if y else 0, "moddiv": x % y if y else 0, "shiftl": x << y if y < width else 0, "shiftr": x >> y,
                 "logand": x & y, "logor": x | y}[tag]
        return constant(width, value)
    for x, y in ((a, b), (b, a)):
        if is_constant(x) and tag in ("and", "logand", "or", "logor", "xor", "add"):
            if x[2] == 0:
                return x if tag in ("and", "logand") else y
            if x[2] == (1 << width) - 1:
                if tag in ("and", "logand"):
                    return y
                if tag in ("or", "logor"):
                    return x
    if is_constant(b):
        if tag in ("sub", "shiftl", "shiftr") and b[2] == 0:
            return a
        if tag == "shiftl":
            return constant(width, 0) if b[2] >= width else concat(select(a, 0, width - b[2]), constant(b[2], 0))
        if tag == "shiftr":
            return constant(width, 0) if b[2] >= width else concat(constant(b[2], 0), select(a, b[2], width - b[2]))
    if a is b and tag in ("and", "or"):
        return a
    return node(tag, width, a, b)


def compare(tag, a, b):
    if is_constant(a) and is_constant(b):
        if tag in SIGNED:
            x, y, what = signed_value(a), signed_value(b), SIGNED[tag]
        else:
            x, y, what = a[2], b[2], COMPARE[tag]
        return constant(1, {"==": x == y, "!=": x != y, ">": x > y, "<": x < y, ">=": x >= y, "<=": x <= y}[what])
    if a[1] == 1 and tag in ("eq", "neq"):
        for x, y in ((a, b), (b, a)):
            if is_constant(x):
                return y if (x[2] == 1) == (tag == "eq") else invert(y)
    return node(tag, 1, a, b)


def choose(condition, a, b):
    if is_constant(condition):
        return a if condition[2] else b
    if a == b:
        return a
    if a[1] == 1 and is_constant(a) and is_constant(b):
        return condition if a[2] else invert(condition)
    return node("cond", a[1], condition, a, b)


def balanced(tag, nodes):
    while len(nodes) > 1:
        nodes = [binary(tag, nodes[i][1], nodes[i], nodes[i + 1]) if i + 1 < len(nodes) else nodes[i] for i in range(0, len(nodes), 2)]
    return nodes[0]


def indexed(elements, index):
    """elements[index], 0 beyond the last."""
    if is_constant(index):
        return elements[index[2]] if index[2] < len(elements) else constant(elements[0][1], 0)
    for bit in range(index[1]):
        if len(elements) == 1:
            if bit == 0 or index[1] > bit:
                beyond = select(index, bit, index[1] - bit)
                return choose(compare("eq", beyond, constant(beyond[1], 0)), elements[0], constant(elements[0][1], 0))
        if len(elements) % 2:
            elements = elements + [constant(elements[0][1], 0)]
        elements = [choose(select(index, bit, 1), elements[i + 1], elements[i]) for i in range(0, len(elements), 2)]
    return elements[0]


class Types:
    def __init__(self, table):
        self.rows = {row.get("id"): row for row in table if row.get("id")}
        self.known = {}

    def of(self, identity):
        """(length or None, width): of an unpacked array or a vector."""
        if identity not in self.known:
            self.known[identity] = self.compute(self.rows[identity])
        return self.known[identity]

    def compute(self, row):
        if row.tag == "basicdtype":
            if row.get("left"):
                return None, abs(int(row.get("left")) - int(row.get("right"))) + 1
            return None, {"int": 32, "integer": 32, "longint": 64, "byte": 8, "shortint": 16}.get(row.get("name"), 1)
        if row.tag in ("refdtype", "enumdtype", "memberdtype"):
            return self.of(row.get("sub_dtype_id"))
        if row.tag == "structdtype":
            return None, sum(self.of(member.get("sub_dtype_id"))[1] for member in row)
        if row.tag in ("packarraydtype", "unpackarraydtype"):
            left, right = (number(c.get("name"))[1] for c in row.find("range"))
            length, (inner, width) = abs(left - right) + 1, self.of(row.get("sub_dtype_id"))
            if row.tag == "packarraydtype":
                return None, width * length
            if inner is not None:
                raise Unsupported("an array of arrays")
            return length, width
        raise Unsupported(f"type {row.tag}")


@functools.lru_cache(None)
def number(text):
    match = re.fullmatch(r"(\d+)'s?h([0-9a-f]+)", text)
    if not match:
        raise Unsupported(f"constant {text}")
    return int(match[1]), int(match[2], 16)


class Environment:
    """Values of variables, as an overlay of those around a branch."""

    def __init__(self, parent=None):
        self.parent, self.values = parent, {}

    def get(self, key):
        at = self
        while at is not None:
            if key in at.values:
                return at.values[key]
            at = at.parent
        return None


class Module:
    def __init__(self, element, types, tables, functions, memories):
        self.element, self.types, self.tables, self.memories = element, types, tables, memories
        self.name = element.get("origName")
        self.functions = dict(functions)
        self.functions.update({f.get("name"): f for f in element if f.tag in ("func", "task")})
        self.variables = {}            # of the module: name -> (length, width)
        self.ports = []
        self.drivers = {}              # (name, element) -> node
        self.registers = []            # (key, value, value in reset or None)
        self.writes = {}               # memory -> [(enable, address, data)]
        self.calls = []                # black boxes: (name, inputs, [(output, width)])
        self.instances = []
        self.serial = 0
        self.path = []
        self.scopes = []
        self.reset = None

    # -- variables ----------------------------------------------------------------------------------------------------------
    def resolve(self, name):
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
            if None in scope:          # a function sees its own variables and the module's
                break
        return name if name in self.variables else None

    def shape(self, name):
        return self.locals_[name] if name in self.locals_ else self.variables[name]

    def declare(self, var, value=None):
        self.serial += 1
        unique = f"{var.get('name')}#{self.serial}"
        self.locals_[unique] = self.types.of(var.get("dtype_id"))
        self.scopes[-1][var.get("name")] = unique
        return unique

    def read(self, name, index=None):
        value = self.environment.get((name, index))
        if value is not None:
            return value
        length, width = self.shape(name)
        if name in self.locals_:
            return constant(width, 0)
        if name == self.reset:
            return self.reset_value
        return node("signal", width, name, index)

    # -- expressions ----------------------------------------------------------------------------------------------------------
    def width(self, element):
        return self.types.of(element.get("dtype_id"))[1]

    def evaluate(self, e):
        tag = e.tag
        if tag == "const":
            return constant(*number(e.get("name")))
        if tag == "varref":
            name = self.resolve(e.get("name"))
            if name is None:
                raise Unsupported(f"{self.name}: variable {e.get('name')}")
            return self.read(name)
        if tag == "arraysel":
            return self.element_of(e)
        if tag == "sel":
            source, lsb, (_, width) = self.evaluate(e[0]), self.evaluate(e[1]), number(e[2].get("name"))
            if is_constant(lsb):
                return select(source, lsb[2], width)
            if width == 1:
                return indexed([select(source, i, 1) for i in range(source[1])], lsb)
            return select(binary("shiftr", source[1], source, lsb), 0, width)
        if tag in BINARY:
            width = self.width(e)
            return binary(tag, width, self.evaluate(e[0]), self.evaluate(e[1]))
        if tag in COMPARE or tag in SIGNED:
            return compare(tag, self.evaluate(e[0]), self.evaluate(e[1]))
        if tag == "shiftrs":
            a, b = self.evaluate(e[0]), self.evaluate(e[1])
            return constant(a[1], signed_value(a) >> b[2]) if is_constant(a) and is_constant(b) else node("shiftrs", a[1], a, b)
        if tag in node("not", "lognot"):
            a = self.evaluate(e[0])
            return invert(a) if tag == "not" else compare("eq", a, constant(a[1], 0))
        if tag == "negate":
            a = self.evaluate(e[0])
            return binary("sub", a[1], constant(a[1], 0), a)
        if tag in ("redor", "redand", "redxor"):
            a = self.evaluate(e[0])
            if tag == "redor":
                return compare("neq", a, constant(a[1], 0))
            if tag == "redand":
                return compare("eq", a, constant(a[1], -1))
            return constant(1, bin(a[2]).count("1")) if is_constant(a) else node("redxor", 1, a)
        if tag == "extend":
            a, width = self.evaluate(e[0]), self.width(e)
            return a if a[1] == width else concat(constant(width - a[1], 0), a)
        if tag == "extends":
            a, width = self.evaluate(e[0]), self.width(e)
            return concat(self.replicate(select(a, a[1] - 1, 1), width - a[1]), a)
        if tag == "concat":
            return concat(self.evaluate(e[0]), self.evaluate(e[1]))
        if tag == "replicate":
            return self.replicate(self.evaluate(e[0]), self.evaluate(e[1])[2])
        if tag == "cond":
            return choose(self.evaluate(e[0]), self.evaluate(e[1]), self.evaluate(e[2]))
        if tag == "funcref":
            return self.call(e)
        raise Unsupported(f"{self.name}: expression {tag}")

    @staticmethod
    def replicate(value, count):
        result = value
        for _ in range(count - 1):
            result = concat(value, result)
        return result

    def array(self, e):
        """All elements of an array."""
        if e.tag == "varref":
            name = self.resolve(e.get("name"))
            if name is None:
                return self.tables[e.get("name")]
            if name in self.memories:
                raise NotMemory(name)
            return [self.read(name, i) for i in range(self.shape(name)[0])]
        if e.tag == "slicesel":
            first, count = number(e[1].get("name"))[1], number(e[2].get("name"))[1]
            return self.array(e[0])[first:first + count]
        if e.tag == "cond":
            condition = self.evaluate(e[0])
            return [choose(condition, a, b) for a, b in zip(self.array(e[1]), self.array(e[2]))]
        raise Unsupported(f"{self.name}: array {e.tag}")

    def element_of(self, e):
        index = self.evaluate(e[1])
        name = self.resolve(e[0].get("name")) if e[0].tag == "varref" else None
        if name in self.memories:
            if is_constant(index):
                raise NotMemory(name)
            return node("read", self.shape(name)[1], name, index)
        if name is not None and is_constant(index):
            return self.read(name, index[2]) if index[2] < self.shape(name)[0] else constant(self.shape(name)[1], 0)
        if name is None and e[0].tag == "varref" and not is_constant(index):
            return node("rom", self.tables[e[0].get("name")][0][1], e[0].get("name"), index)
        return indexed(self.array(e[0]), index)

    def call(self, e):
        function = self.functions[e.get("name")]
        arguments = [argument[0] for argument in e if argument.tag == "arg"]
        formals = [v for v in function if v.tag == "var" and v.get("dir") in ("input", "output", "inout") and v.get("name") != function.get("name")]
        results = [v for v in function if v.tag == "var" and v.get("name") == function.get("name")]
        if function.get("dpi_import") or not [s for s in function if s.tag != "var"]:
            return self.platform(function, formals, arguments, results)
        values = [self.evaluate(argument) for argument in arguments]
        self.scopes.append({None: None})
        for formal, value in zip(formals, values):
            self.environment.values[(self.declare(formal), None)] = value
        result = self.declare(results[0])
        for var in function:
            if var.tag == "var" and var not in formals and var not in results:
                self.declare(var)
        self.execute([s for s in function if s.tag != "var"])
        value = self.read(result)
        self.scopes.pop()
        return value

    def platform(self, function, formals, arguments, results):
        """A call to what lies around the core: a black box with the arguments as inputs and the results as outputs."""
        identity, inputs, outputs = len(self.calls), [], []
        for formal, argument in zip(formals, arguments):
            width = self.types.of(formal.get("dtype_id"))[1]
            if formal.get("dir") in ("input", "inout"):
                inputs.append((formal.get("name"), self.evaluate(argument)))
            if formal.get("dir") in ("output", "inout"):
                outputs.append((formal.get("name") + ("_new" if formal.get("dir") == "inout" else ""), width, argument))
        result = None
        if results and self.types.rows[function.get("dtype_id")].tag != "voiddtype":
            width = self.types.of(function.get("dtype_id"))[1]
            result = node("output", width, identity, "result")
            outputs.append(("result", width, None))
        self.calls.append((function.get("name"), inputs, [(name, width) for name, width, _ in outputs]))
        for name, width, argument in outputs:
            if argument is not None:
                self.assign(argument, node("output", width, identity, name))
        return result

    # -- statements ------------------------------------------------------------------------------------------------------------
    def execute(self, statements):
        for position, s in enumerate(statements):
            tag = s.tag
            if tag in ("comment", "assert", "jumplabel"):
                continue
            if tag == "var":
                self.declare(s)
            elif tag in ("assign", "assigndly"):
                if s[1].tag == "varref" and self.shape(self.resolve(s[1].get("name")))[0] is not None:
                    name = self.resolve(s[1].get("name"))
                    if name in self.memories:
                        raise NotMemory(name)
                    for i, value in enumerate(self.array(s[0])):
                        self.put(name, i, value, tag == "assigndly")
                else:
                    self.assign(s[1], self.evaluate(s[0]), tag == "assigndly")
            elif tag == "begin":
                self.scopes.append({})
                self.execute(list(s))
                self.scopes.pop()
            elif tag == "if":
                condition = self.evaluate(s[0])
                if condition[1] != 1:
                    condition = compare("neq", condition, constant(condition[1], 0))
                self.branch([condition, invert(condition)], [[s[1]], [s[2]] if len(s) > 2 else []])
            elif tag == "case":
                self.case(s)
            elif tag == "while":
                self.loop(s)
            elif tag == "jumpblock":
                self.scopes.append({})
                self.execute(list(s))
                self.scopes.pop()
                self.environment.values[("#live", None)] = constant(1, 1)
            elif tag == "jumpgo":
                self.environment.values[("#live", None)] = constant(1, 0)
                return
            elif tag in ("stmtexpr", "taskref", "funcref"):
                self.call(s[0] if tag == "stmtexpr" else s)
            else:
                raise Unsupported(f"{self.name}: statement {tag}")
            live = self.environment.get(("#live", None))
            if live is not None and not (is_constant(live) and live[2]) and tag != "jumpblock":
                self.branch([live, invert(live)], [statements[position + 1:], []])
                return

    def branch(self, conditions, bodies):
        """Executes each body under its condition, of which exactly one holds, and joins what they assign."""
        for condition, body in zip(conditions, bodies):
            if is_constant(condition) and condition[2]:
                self.execute(body)
                return
        outer, results = self.environment, []
        for condition, body in zip(conditions, bodies):
            self.environment = Environment(outer)
            if not (is_constant(condition) and not condition[2]):
                self.path.append(condition)
                self.execute(body)
                self.path.pop()
            results.append(self.environment.values)
        self.environment = outer
        keys = dict.fromkeys(key for values in results for key in values)
        for key in keys:
            before = None
            groups = {}
            for condition, values in zip(conditions, results):
                if is_constant(condition) and not condition[2]:
                    continue
                value = values.get(key)
                if value is None:
                    if before is None:
                        before = self.before(key)
                    value = before
                groups.setdefault(value, []).append(condition)
            if len(groups) == 1:
                outer.values[key] = next(iter(groups))
            elif len(conditions) == 2:
                (a, [condition]), (b, _) = groups.items()
                outer.values[key] = choose(condition, a, b)
            else:
                terms = []
                for value, which in groups.items():
                    term = self.replicate(balanced("or", which), value[1])
                    terms.append(binary("and", value[1], term, value))
                outer.values[key] = balanced("or", terms)

    def before(self, key):
        value = self.environment.get(key)
        if value is not None:
            return value
        if key[0] == "#live":
            return constant(1, 1)
        if key[0] == "<=":
            return node("signal", self.variables[key[1]][1], key[1], key[2])
        return self.read(*key)

    def case(self, s):
        subject = self.evaluate(s[0])
        conditions, bodies, default, constants, distinct = [], [], [], set(), True
        for item in s[1:]:
            labels = [c for c in item if c.tag not in STATEMENTS]
            body = [c for c in item if c.tag in STATEMENTS]
            if not labels:
                default = body
                continue
            values = [self.evaluate(label) for label in labels]
            for value in values:
                distinct = distinct and is_constant(value) and value not in constants
                constants.add(value)
            conditions.append(balanced("or", [compare("eq", subject, value) for value in values]))
            bodies.append(body)
        if not distinct:
            raise Unsupported(f"{self.name}: case labels that are no distinct constants")
        if not conditions:
            return self.execute(default)
        conditions.append(invert(balanced("or", conditions)))
        bodies.append(default)
        return self.branch(conditions, bodies)

    def loop(self, s):
        for _ in range(1 << 16):
            condition = self.evaluate(s[1][0])
            if not is_constant(condition):
                raise Unsupported(f"{self.name}: a loop whose end is not known")
            if not condition[2]:
                return
            for part in (s[2], s[3]):
                self.scopes.append({})
                self.execute(list(part))
                self.scopes.pop()
        raise Unsupported(f"{self.name}: an endless loop")

    def put(self, name, index, value, delayed):
        self.environment.values[("<=", name, index) if delayed else (name, index)] = value

    def current(self, lhs, delayed):
        """What the target holds, for an assignment to a part of it."""
        if not delayed:
            name = self.resolve(lhs.get("name")) if lhs.tag == "varref" else None
            if name in self.variables and not self.clocked and self.environment.get((name, None)) is None:
                return constant(self.variables[name][1], 0)  # this process drives all of it
            return self.evaluate(lhs)
        if lhs.tag == "sel":
            return select(self.current(lhs[0], True), self.evaluate(lhs[1])[2], number(lhs[2].get("name"))[1])
        if lhs.tag == "varref":
            return self.before(("<=", self.resolve(lhs.get("name")), None))
        index, name = self.evaluate(lhs[1]), self.resolve(lhs[0].get("name"))
        if name in self.memories:
            raise NotMemory(name)
        return indexed([self.before(("<=", name, i)) for i in range(self.shape(name)[0])], index)

    def assign(self, lhs, value, delayed=False):
        if lhs.tag == "varref":
            self.put(self.resolve(lhs.get("name")), None, value, delayed)
        elif lhs.tag == "sel":
            old, lsb = self.current(lhs[0], delayed), self.evaluate(lhs[1])
            if is_constant(lsb):
                low, high = lsb[2], lsb[2] + value[1]
                new = value if low == 0 else concat(value, select(old, 0, low))
                new = new if high >= old[1] else concat(select(old, high, old[1] - high), new)
            elif value[1] == 1:
                bits = [choose(compare("eq", lsb, constant(lsb[1], i)), value, select(old, i, 1)) for i in range(min(old[1], 1 << lsb[1]))]
                new = bits[0]
                for bit in bits[1:]:
                    new = concat(bit, new)
            else:
                wide = concat(constant(old[1] - value[1], 0), value) if value[1] < old[1] else value
                mask = binary("shiftl", old[1], constant(old[1], (1 << value[1]) - 1), lsb)
                new = binary("or", old[1], binary("and", old[1], old, invert(mask)), binary("shiftl", old[1], wide, lsb))
            self.assign(lhs[0], new, delayed)
        elif lhs.tag == "arraysel":
            index, name = self.evaluate(lhs[1]), self.resolve(lhs[0].get("name"))
            if name in self.memories:
                if is_constant(index) or not self.clocked:
                    raise NotMemory(name)
                enable = balanced("and", self.path) if self.path else constant(1, 1)
                self.writes.setdefault(name, []).append((enable, index, value))
                return
            for i in range(self.shape(name)[0]):
                here = compare("eq", index, constant(index[1], i)) if i < 1 << index[1] else constant(1, 0)
                if is_constant(here) and not here[2]:
                    continue
                old = self.before(("<=", name, i)) if delayed else self.read(name, i)
                self.put(name, i, choose(here, value, old), delayed)
        elif lhs.tag == "concat":
            low = self.width(lhs[1])
            self.assign(lhs[1], select(value, 0, low), delayed)
            self.assign(lhs[0], select(value, low, value[1] - low), delayed)
        else:
            raise Unsupported(f"{self.name}: assignment to {lhs.tag}")

    # -- processes ---------------------------------------------------------------------------------------------------------------
    def run(self, statements):
        self.environment, self.scopes, self.path = Environment(), [{}], []
        self.execute(statements)
        return self.environment.values

    def process(self, element):
        tree = element.find("sentree")
        statements = [s for s in element if s.tag != "sentree"]
        edges = [item.get("edgeType") for item in tree] if tree is not None else []
        if "POS" not in edges:
            self.clocked = False
            for (name, index), value in ((k, v) for k, v in self.run(statements).items() if len(k) == 2):
                if name in self.variables and value != node("signal", value[1], name, index):
                    self.drivers[(name, index)] = value
            return
        self.clocked, in_reset = True, {}
        if len(tree) > 1:
            self.reset = tree[1][0].get("name")
            self.reset_value, count, writes = constant(1, 0), len(self.calls), {m: list(w) for m, w in self.writes.items()}
            in_reset = self.run(statements)
            self.writes = writes
            self.reset_value = constant(1, 1)
            if not any(value[0] == "output" for value in in_reset.values()):
                del self.calls[count:]
        after = self.run(statements)
        self.reset = None
        for key in in_reset:
            if key[-2] in self.variables and key not in after:
                after[key] = node("signal", self.variables[key[-2]][1], *key[-2:])
        for key, value in after.items():
            # Blocking assignments to what outlives the process are registers too.
            name, index = key[-2:]
            if name in self.variables:
                reset = in_reset.get(key)
                self.registers.append(((name, index), value, reset))

    def lower(self):
        self.locals_ = {}
        for var in self.element:
            if var.tag == "var" and not var.get("param") and not var.get("localparam"):
                self.variables[var.get("name")] = self.types.of(var.get("dtype_id"))
                if var.get("dir"):
                    self.ports.append((var.get("name"), var.get("dir")))
        for element in self.element:
            if element.tag == "always":
                self.process(element)
            elif element.tag == "contassign":
                self.clocked = False
                self.environment, self.scopes, self.path = Environment(), [{}], []
                self.execute_assignment(element)
            elif element.tag == "instance":
                self.instance(element)
            elif element.tag in ("begin", "initial"):
                raise Unsupported(f"{self.name}: {element.tag} at the level of the module")
        missing = [name for name in self.memories if name not in self.variables]
        if missing:
            raise Unsupported(f"{self.name}: no array {missing}")

    def execute_assignment(self, element):
        fake = ElementTree.Element("assign")
        fake.extend(list(element))
        self.execute([fake])
        for (name, index), value in self.environment.values.items():
            if name in self.variables:
                self.drivers[(name, index)] = value

    def instance(self, element):
        self.environment, self.scopes, self.path, self.clocked = Environment(), [{}], [], False
        connections = []
        for port in element:
            if port.get("direction") == "in":
                e = port[0]
                is_array = self.types.of(e.get("dtype_id"))[0] is not None
                values = self.array(e) if is_array else [self.evaluate(e)]
                connections.append((port.get("name"), "in", values))
            else:
                name = self.resolve(port[0].get("name"))
                length, width = self.variables[name]
                connections.append((port.get("name"), "out", [node("signal", width, name, i) for i in range(length)] if length else
                                    [node("signal", width, name, None)]))
        self.instances.append((element.get("defName"), element.get("name"), connections))


# -- writing ------------------------------------------------------------------------------------------------------------------------
class Writer:
    def __init__(self, module, types):
        self.m, self.names, self.lines, self.types = module, {}, [], types
        self.reads = {}

    def signal(self, name, index):
        return f"{name}" if index is None else f"{name}__{index}"

    def name(self, value):
        """Verilog for an operand: a name, a slice of one, or a constant."""
        stack = [value]
        while stack:
            top = stack[-1]
            if id(top) in self.done:
                stack.pop()
                continue
            pending = [x for x in top[2:] if type(x) is Node and id(x) not in self.done]
            if pending:
                stack.extend(pending)
                continue
            self.done[id(top)] = self.write(top)
            stack.pop()
        return self.done[id(value)]

    def write(self, value):
        tag, width = value[0], value[1]
        if tag == "const":
            return f"{width}'h{value[2]:x}"
        if tag == "signal":
            return self.signal(value[2], value[3])
        if tag == "output":
            return f"call_{value[2]}_{value[3]}"
        operands = [self.done[id(x)] if type(x) is Node else x for x in value[2:]]
        key = (tag, width, *operands)
        if key in self.names:
            return self.names[key]
        if tag == "slice":
            source, lsb = value[2], operands[1]
            text = f"{operands[0]}[{lsb} +: {width}]" if source[1] > 1 else operands[0]
            self.names[key] = text
            return text
        if tag == "concat":
            text = f"{{{operands[0]}, {operands[1]}}}"
        elif tag == "not":
            text = f"~{operands[0]}"
        elif tag == "cond":
            text = f"{operands[0]} ? {operands[1]} : {operands[2]}"
        elif tag == "redxor":
            text = f"^{operands[0]}"
        elif tag == "shiftrs":
            text = f"$signed({operands[0]}) >>> {operands[1]}"
        elif tag in SIGNED:
            text = f"$signed({operands[0]}) {SIGNED[tag]} $signed({operands[1]})"
        elif tag == "read":
            text = f"{operands[0]}[{operands[1]}]"
            self.reads[operands[0]] = self.reads.get(operands[0], 0) + 1
        elif tag == "rom":
            name = f"n{len(self.lines)}"
            self.roms[operands[0]] = value[3][1]
            self.lines.append(f"  wire [{width - 1}:0] {name};\n  {operands[0]} rom_{name} (.index({operands[1]}), .data({name}));")
            self.names[key] = name
            return name
        elif self.is_operator(value):
            return self.operator(value, operands, key)
        else:
            text = f"{operands[0]} {(BINARY.get(tag) or COMPARE[tag])} {operands[1]}"
        name = f"n{len(self.lines)}"
        self.lines.append(f"  wire [{width - 1}:0] {name} = {text};")
        self.names[key] = name
        return name

    # Multipliers and dividers are modules of their own, so that they can be told from the rest.
    @staticmethod
    def is_operator(value):
        return value[0] in ("mul", "muls", "div", "moddiv") and value[1] >= 32 and not is_constant(value[2]) and not is_constant(value[3])

    def operator(self, value, operands, key):
        tag, width = {"mul": "multiply", "muls": "multiply", "div": "divide", "moddiv": "remainder"}[value[0]], value[1]
        factor = width
        if all(x[0] == "concat" and is_constant(x[2]) and x[2][2] == 0 for x in value[2:]):
            factor = max(x[3][1] for x in value[2:])
        module, name = f"{tag}_{factor}_{width}", f"n{len(self.lines)}"
        self.operators[module] = self.operators.get(module, 0) + 1
        self.lines.append(f"  wire [{width - 1}:0] {name};\n  {module} operator_{name} (.a({operands[0]}), .b({operands[1]}), .y({name}));")
        self.names[key] = name
        return name

    def text(self):
        m = self.m
        self.operators, self.roms = {}, {}
        self.done = {}
        ports, header, body = [], [], []
        port_names = {name for name, _ in m.ports}
        register_keys = {key for key, _, _ in m.registers}
        for name, (length, width) in m.variables.items():
            if name in m.memories:
                header.append(f"  reg [{width - 1}:0] {name} [0:{length - 1}];")
                continue
            keys = [(name, i) for i in range(length)] if length else [(name, None)]
            direction = dict(m.ports).get(name)
            if direction:
                ports.append(f"{direction} [{width * (length or 1) - 1}:0] {name}")
            for i, key in enumerate(keys):
                kind = "reg" if key in register_keys else "wire"
                if direction and length is None:
                    if direction == "output" and kind == "reg":
                        ports[-1] = ports[-1].replace("output ", "output reg ")
                    continue
                source = f" = {name}[{i * width} +: {width}]" if direction == "input" else ""
                header.append(f"  {kind} [{width - 1}:0] {self.signal(*key)}{source};")
                if direction == "output":
                    body.append(f"  assign {name}[{i * width} +: {width}] = {self.signal(*key)};")
        for key, value in m.drivers.items():
            body.append(f"  assign {self.signal(*key)} = {self.name(value)};")
        for key, value, reset in m.registers:
            signal, value = self.signal(*key), self.name(value)
            if reset is None:
                body.append(f"  always @(posedge clk_i) {signal} <= {value};")
            else:
                body.append(f"  always @(posedge clk_i or negedge rst_ni) if (!rst_ni) {signal} <= {self.name(reset)}; else {signal} <= {value};")
        for memory, writes in m.writes.items():
            texts = [f"    if ({self.name(enable)}) {memory}[{self.name(address)}] <= {self.name(data)};" for enable, address, data in writes]
            body.append("  always @(posedge clk_i) begin\n" + "\n".join(texts) + "\n  end")
        for i, (name, inputs, outputs) in enumerate(m.calls):
            pins = [f".{pin}({self.name(value)})" for pin, value in inputs]
            for pin, width in outputs:
                header.append(f"  wire [{width - 1}:0] call_{i}_{pin};")
                pins.append(f".{pin}(call_{i}_{pin})")
            body.append(f"  (* keep *) {name} call_{i} ({', '.join(pins)});")
        for module, name, connections in m.instances:
            pins = [f".{pin}({{{', '.join(self.name(value) for value in reversed(values))}}})" for pin, _, values in connections]
            body.append(f"  {module} {name} ({', '.join(pins)});")
        return "\n".join([f"module {m.element.get('name')} ({', '.join(ports)});", *header, *self.lines, *body, "endmodule", ""])


def black_box(function, types):
    pins = []
    for v in function:
        if v.tag != "var" or v.get("dir") not in ("input", "output", "inout") or v.get("name") == function.get("name"):
            continue
        width = types.of(v.get("dtype_id"))[1]
        if v.get("dir") in ("input", "inout"):
            pins.append(f"input [{width - 1}:0] {v.get('name')}")
        if v.get("dir") in ("output", "inout"):
            pins.append(f"output [{width - 1}:0] {v.get('name')}{'_new' if v.get('dir') == 'inout' else ''}")
    if types.rows.get(function.get("dtype_id")) is not None and types.rows[function.get("dtype_id")].tag != "voiddtype":
        pins.append(f"output [{types.of(function.get('dtype_id'))[1] - 1}:0] result")
    return f"(* blackbox *) module {function.get('name')} ({', '.join(pins)});\nendmodule\n"


def operator_text(name):
    tag, factor, width = name.split("_")
    low = f"[{int(factor) - 1}:0]"
    return (f"module {name} (input [{int(width) - 1}:0] a, input [{int(width) - 1}:0] b, output [{int(width) - 1}:0] y);\n"
            f"  assign y = a{low} {dict(multiply='*', divide='/', remainder='%')[tag]} b{low};\nendmodule\n")


def memory_candidates(element, types):
    result = set()
    for var in element:
        if var.tag == "var" and not var.get("dir") and not var.get("param") and not var.get("localparam"):
            length, width = types.of(var.get("dtype_id"))
            if length is not None and length > 1:
                result.add(var.get("name"))
    return result


class Lowered:
    """A module: its Verilog, its memories (name -> length, width, ports that read, that write), the modules that it instantiates
    (operators and their number, calls to the platform, others)."""

    def __init__(self, name, text, memories, operators, calls, instances):
        self.name, self.text, self.memories, self.operators = name, text, memories, operators
        self.calls, self.instances = calls, instances


class Design:
    def __init__(self, xml):
        netlist = ElementTree.parse(xml).getroot().find("netlist")
        self.types = Types(netlist.find("typetable"))
        self.tables, self.functions = {}, {}
        for package in netlist.iter("package"):
            for var in package.iter("var"):
                if var.find("initarray") is not None:
                    items = {int(item.get("index")): constant(*number(item[0].get("name"))) for item in var.find("initarray")}
                    self.tables[var.get("name")] = [items[i] for i in sorted(items)]
            self.functions.update({f.get("name"): f for f in package if f.tag in ("func", "task")})
        # By their names; a module that occurs with several parameters, by what Verilator calls each.
        elements = list(netlist.iter("module"))
        names = collections.Counter(element.get("origName") for element in elements)
        self.elements = {element.get("origName") if names[element.get("origName")] == 1 else element.get("name"): element for element in elements}

    def parameters(self, name):
        return {var.get("name"): number(var[0].get("name"))[1] for var in self.elements[name] if var.tag == "var" and var.get("param") and len(var)}

    @functools.lru_cache(None)
    def lower(self, name):
        element = self.elements[name]
        memories = memory_candidates(element, self.types)
        while True:
            module = Module(element, self.types, self.tables, self.functions, memories)
            try:
                module.lower()
                unwritten = {memory for memory in memories if memory not in module.writes}
                if not unwritten:
                    break
                memories -= unwritten
            except NotMemory as reason:
                memories.discard(str(reason))
        writer = Writer(module, self.types)
        text = writer.text()
        text = "".join(self.rom_text(table, width) for table, width in sorted(writer.roms.items())) + text
        shapes = {memory: (*module.variables[memory], writer.reads.get(memory, 0), len(module.writes[memory])) for memory in memories}
        return Lowered(element.get("name"), text, shapes, writer.operators, sorted({call for call, _, _ in module.calls}),
                       [self.element_of(instance) for instance, _, _ in module.instances])

    def element_of(self, name):
        return next(key for key, element in self.elements.items() if element.get("name") == name)

    def rom_text(self, table, width):
        writer, index = Writer(None, self.types), node("signal", width, "index", None)
        writer.done = {}
        data = writer.name(indexed(self.tables[table], index))
        return "\n".join([f"module {table} (input [{width - 1}:0] index, output [{self.tables[table][0][1] - 1}:0] data);", *writer.lines,
                          f"  assign data = {data};", "endmodule", ""])

    def box(self, call):
        return black_box(self.functions[call], self.types)


def elaborate(top, machine_package, packages, work, parameters=(), rtl=RTL):
    """Has Verilator elaborate `top`."""
    work.mkdir(parents=True, exist_ok=True)
    xml = work / f"{top}.xml"
    command = ["verilator", "--xml-only", "-DSYNTHESIS", "-Wno-fatal", "-Wno-lint", "-Wno-style", f"-I{rtl}", "--top-module", top, "--xml-output", str(xml),
               "--Mdir", str(work / "verilator"), *[f"-G{name}={value}" for name, value in parameters],
               str(packages / "isa_pkg.sv"), str(machine_package), *[str(rtl / f"{name}.sv") for name in SOURCES]]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unsupported(f"verilator refuses {top}:\n{done.stderr}")
    return Design(xml)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--top", required=True)
    parser.add_argument("-G", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--packages", type=pathlib.Path, required=True, help="directory of isa_pkg.sv")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("machine_package", type=pathlib.Path)
    arguments = parser.parse_args()
    sys.setrecursionlimit(100000)
    with tempfile.TemporaryDirectory() as scratch:
        design = elaborate(arguments.top, arguments.machine_package, arguments.packages, pathlib.Path(scratch), [g.split("=") for g in arguments.G])
    modules = [design.lower(name) for name in design.elements]
    with open(arguments.out, "w") as out:
        out.writelines(design.box(call) for call in sorted({call for module in modules for call in module.calls}))
        out.writelines(operator_text(name) for name in sorted({name for module in modules for name in module.operators}))
        out.writelines(module.text for module in modules)


if __name__ == "__main__":
    main()
