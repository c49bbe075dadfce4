#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the tables of tests/rows with what the tests said.

A table has a line for each row: an id and a sentence. A test belongs to the
rows whose ids its title begins with. Reads reports in TAP (of node's runner),
prints passed, skipped and missing per table, and fails unless every row has a
test that passed and none that failed. A row whose sentence begins with 'skip:'
has no test, and says why.

usage: rows.py REPORT...      rows.py --files  (the test files that have such titles)
"""
import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / 'tests'
ID = re.compile(r'[A-Z]+-\d+(?= )')
RESULT = re.compile(r'\s*(not )?ok \d+ - (.*)')


def tables():
    for path in sorted((TESTS / 'rows').glob('*.txt')):
        rows = {}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line or line.startswith('#'):
                continue
            name, _, sentence = line.partition(' ')
            if not ID.match(line) or not sentence or name in rows:
                raise SystemExit(f'{path.name}:{number}: a row is an id, used once, and a sentence')
            rows[name] = sentence
        yield path.stem, rows


def ids(title):
    found = []
    while match := ID.match(title):
        found.append(match[0])
        title = title[match.end() + 1:]
    return found


def results(reports):
    said = {}
    for report in reports:
        for line in Path(report).read_text().splitlines():
            match = RESULT.fullmatch(line)
            if not match:
                continue
            title, _, directive = match[2].partition(' # ')
            state = 'failed' if match[1] else 'passed'
            if directive.upper().startswith(('SKIP', 'TODO')):
                state = 'skipped'
            for name in ids(title):
                said.setdefault(name, []).append(state)
    return said


def state_of(states):
    for state in ('failed', 'passed', 'skipped'):
        if state in states:
            return state
    return 'missing'


def files(known):
    quoted = re.compile(r'''["'`]((?:[A-Z]+-\d+ )+)''')
    for path in sorted(TESTS.glob('*/*.test.mjs')):
        if any(name in known for match in quoted.finditer(path.read_text()) for name in ids(match[1])):
            yield path.relative_to(TESTS)


def main():
    all_tables = list(tables())
    if sys.argv[1:] == ['--files']:
        print(*files({name for _, rows in all_tables for name in rows}), sep='\n')
        return
    said = results(sys.argv[1:])
    bad = 0
    for table, rows in all_tables:
        count = dict.fromkeys(('passed', 'skipped', 'failed', 'missing'), 0)
        for name, sentence in rows.items():
            declared = sentence.startswith('skip: ')
            state = state_of(said.get(name, ['skipped'] if declared else []))
            count[state] += 1
            bad += state in ('failed', 'missing') or (state == 'skipped') != declared
            if state != 'passed':
                print(f'{name} {state}: {sentence}')
        print(f'{table}: ' + ', '.join(f'{n} {state}' for state, n in count.items()))
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
