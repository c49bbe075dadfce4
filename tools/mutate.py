#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes the source of one pure folder in one place at a time and sees whether its unit tests notice.

    tools/mutate.py [--of policy|authserver] [--sample N] [--seed S] [--least PERCENT] [--jobs J] [--file NAME]

A change is an operator, a constant, a condition or a statement. One that does not compile, or compiles to
the same code as before, is no change. Prints each change that nobody noticed, and the share that was;
ends with failure below --least."""
import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What to change: its tests, and what they are linked with.
TARGETS = {
    'policy': (['test_decide', 'test_policy', 'test_edges', 'test_faults'], ['src/model/libmodel.a', 'src/codec/libcodec.a', 'src/base/libbase.a'],
               ['-lcmocka', '-lyaml', '-ljansson', '-lsodium']),
    'authserver': (['test_clientmeta', 'test_jwk', 'test_proofs', 'test_redirect'],
                   ['src/codec/libcodec.a', 'src/crypto/libcrypto.a', 'src/base/libbase.a'],
                   ['-lcmocka', '-lcjose', '-ljansson', '-lyaml', '-lsodium', '-lcrypto']),
}
# Sanitized as in './dev check': what is read out of bounds or never given back is noticed too.
SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
CFLAGS = ['-std=gnu17', '-O1', '-g0', '-w', '-fPIE', '-D_GNU_SOURCE', *SANITIZE, '-I', str(ROOT / 'src')]
# What a test is linked with besides: one of faults lets each allocation fail.
WRAP = {'test_faults': ['-Wl,--wrap=malloc', '-Wl,--wrap=calloc', '-Wl,--wrap=realloc']}
TIMEOUT_S = 20

SWAPS = {
    '<': ['<=', '>='], '<=': ['<', '>'], '>': ['>=', '<='], '>=': ['>', '<'],
    '==': ['!='], '!=': ['=='], '&&': ['||'], '||': ['&&'],
    '+': ['-'], '-': ['+'], '%': ['/'], '<<': ['>>'], '>>': ['<<'], '&': ['|'], '|': ['&'],
    '+=': ['-='], '-=': ['+='], '|=': ['&='], 'true': ['false'], 'false': ['true'],
    '++': ['--'], '--': ['++'],
}
# A binary operator as clang-format writes it, or a word.
OPERATOR = re.compile(r'(?<= )(<<|>>|<=|>=|==|!=|&&|\|\||\+=|-=|\|=|[<>+%&|-])(?= )|\b(true|false)\b|(\+\+|--)')
NUMBER = re.compile(r'(?<![\w.])(0x[0-9a-f]+|\d+)(?![\w.])')
NEGATION = re.compile(r'!(?=[\w(])')
CONDITION = re.compile(r'^(\s*(?:else )?if )\((.*)\)( \{)?$')
STATEMENT = re.compile(r'^\s+(?!return\b|const\b|static\b|struct\b|enum\b|case\b|else\b|uint|size_t|int)'
                       r'[\w*(>.\[\]-]+.*;$|^\s+(continue|break);$')
DECLARATION = re.compile(r'^\s+(const |static |struct |enum |unsigned |bool |char |u?int\d*_t |size_t |usec_t |int |scoped)')


def blank(text):
    """The text with comments, strings, characters and preprocessor lines replaced by spaces."""
    pattern = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|^#(?:[^\n]*\\\n)*[^\n]*', re.S | re.M)
    return pattern.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), text)


def changes_of(path, text):
    """(path, line, offset, length, replacement) of every change."""
    code = blank(text)
    found, at = [], 0
    for number, line in enumerate(code.split('\n'), 1):
        inside = line[:1].isspace() and not re.match(r'^\s+(static )?(const )?struct \w+ \*?\w+ = \{', line)
        if inside:
            for m in OPERATOR.finditer(line):
                for other in SWAPS[m.group()]:
                    found.append((path, number, at + m.start(), len(m.group()), other))
            if not DECLARATION.match(line) or '=' in line:
                for m in NUMBER.finditer(line):
                    found.append((path, number, at + m.start(), len(m.group()), str(int(m.group(), 0) + 1)))
            for m in NEGATION.finditer(line):
                found.append((path, number, at + m.start(), 1, ''))
            m = CONDITION.match(line)
            if m and m.group(2).count('(') == m.group(2).count(')'):
                for value in ('1', '0'):
                    found.append((path, number, at + m.start(2), len(m.group(2)), value))
            if STATEMENT.match(line) and not DECLARATION.match(line) and line.count('(') == line.count(')') \
                    and not re.match(r'^\s+\[|^\s+\.', line) and '{' not in line:
                indent = len(line) - len(line.lstrip())
                found.append((path, number, at + indent, len(line) - indent, ';'))
        at += len(line) + 1
    return found


class Bench:
    def __init__(self, of, build):
        self.build = build
        self.folder = ROOT / 'src/core' / of
        self.tests, self.libraries, self.system = TARGETS[of]
        self.home = tempfile.TemporaryDirectory(prefix='valetkey-mutate-')
        self.base = pathlib.Path(self.home.name)
        self.sources = sorted(p for p in self.folder.glob('*.c') if not p.name.startswith(('test_', 'fuzz_', 'bench_')))
        self.objects, self.code = {}, {}
        self.texts = {p: p.read_text() for p in self.sources}
        for path in [*self.sources, *(self.folder / f'{t}.c' for t in self.tests)]:
            self.objects[path] = self.base / f'{path.stem}.o'
            if not self.compile(path, self.objects[path]):
                sys.exit(f'mutate: {path} does not compile')
            self.code[path] = self.objects[path].read_bytes()

    def compile(self, source, to):
        return subprocess.run(['cc', *CFLAGS, '-x', 'c', '-c', str(source), '-o', str(to)],
                              capture_output=True, check=False).returncode == 0

    def notices(self, path, mutated, folder):
        """Whether a test fails with @mutated in place of the object of @path."""
        others = [str(self.objects[p]) for p in self.sources if p != path]
        for test in self.tests:
            program = folder / test
            linked = subprocess.run(
                ['cc', '-pie', *SANITIZE, str(self.objects[self.folder / f'{test}.c']), *others, str(mutated),
                 *(str(self.build / lib) for lib in self.libraries), *self.system, *WRAP.get(test, []), '-o', str(program)],
                capture_output=True, check=False)
            if linked.returncode != 0:
                return None
            try:
                ran = subprocess.run([str(program)], capture_output=True, timeout=TIMEOUT_S, check=False,
                                     env={**os.environ, 'ASAN_OPTIONS': 'detect_leaks=1:allocator_may_return_null=1'})
            except subprocess.TimeoutExpired:
                return True
            if ran.returncode != 0:
                return True
        return False

    def judge(self, change):
        path, _, offset, length, other = change
        text = self.texts[path]
        with tempfile.TemporaryDirectory(dir=self.base) as folder:
            folder = pathlib.Path(folder)
            source, mutated = folder / path.name, folder / 'mutated.o'
            source.write_text(text[:offset] + other + text[offset + length:])
            if not self.compile(source, mutated) or mutated.read_bytes() == self.code[path]:
                return None
            return self.notices(path, mutated, folder)


def main():
    parser = argparse.ArgumentParser(description='mutation run over a pure folder of core')
    parser.add_argument('--of', choices=sorted(TARGETS), default='policy')
    parser.add_argument('--sample', type=int, default=0, help='only so many changes, chosen by the seed')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--least', type=float, default=90.0, help='percent that must be noticed')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('--file', help='only this file of the folder')
    parser.add_argument('--build', default=str(ROOT / 'build'))
    args = parser.parse_args()

    bench = Bench(args.of, pathlib.Path(args.build))
    first = bench.sources[0]
    if bench.notices(first, bench.objects[first], bench.base) is not False:
        sys.exit('mutate: the tests fail on the source as it is')
    changes = [c for p in bench.sources if args.file in (None, p.name) for c in changes_of(p, bench.texts[p])]
    total = len(changes)
    random.Random(args.seed).shuffle(changes)
    changes = changes[:args.sample] if args.sample else changes
    noticed, survived = 0, []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for change, verdict in zip(changes, pool.map(bench.judge, changes)):
            if verdict:
                noticed += 1
            elif verdict is False:
                survived.append(change)
    for path, line, offset, length, other in sorted(survived, key=lambda c: (c[0], c[1], c[2])):
        text = bench.texts[path]
        was = text[offset:offset + length].replace('\n', ' ')
        print(f'not noticed: {path.relative_to(ROOT)}:{line}: {was!r} -> {other!r}'
              f'   {text.splitlines()[line - 1].strip()}')
    judged = noticed + len(survived)
    share = 100.0 * noticed / judged if judged else 0.0
    print(f'mutate: {total} places, {len(changes)} tried, {judged} that change the code, '
          f'{noticed} noticed, {len(survived)} not: {share:.1f} % (at least {args.least:g} %)')
    sys.exit(0 if share >= args.least else 1)


main()
