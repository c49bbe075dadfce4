#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the message tables of docs/PROTOCOL.ipc.md from src/ipc/fields.h and ipc.h.

Without an argument the part between the two markers of the document is
written anew; with --check it is compared, and a difference fails."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / 'docs/PROTOCOL.ipc.md'
BEGIN = '<!-- begin: printed by tools/print_ipc.py, do not edit -->\n'
END = '<!-- end -->\n'


def unfold(text):
    """Joins a macro's lines and one-line comments that the formatter broke."""
    return re.sub(r'\s*\\\n\s*', ' ', text)


def comment_text(text):
    return ' '.join(re.sub(r'\n\s*\*', ' ', text).split())


def constants(text):
    found = {}
    for name, value in re.findall(r'\b(IPC_\w+_MAX|IPC_ITEMS_MAX)\s*=\s*([\d *]+)', text):
        number = 1
        for factor in value.split('*'):
            number *= int(factor)
        found[name] = number
    return found


def size(text, known):
    text = text.strip()
    number = 0
    for term in text.split('+'):
        term = term.strip()
        number += known[term] if term in known else int(term)
    return number


def human(number):
    for unit, name in ((1024 * 1024, 'MiB'), (1024, 'KiB')):
        if number % unit == 0:
            return f'{number // unit} {name}'
    return f'{number}'


def tables(text, known):
    """Table name -> (comment before it, rows)."""
    found = {}
    pattern = re.compile(r'(?:/\*((?:[^*]|\*(?!/))*)\*/\n)?#define (IPC_[A-Z_]+)\('
                         r'U8, U16, U32, U64, ID, HASH, BYTES\)((?:.*\\\n)*.*)\n')
    for note, name, body in pattern.findall(text):
        rows = []
        body = unfold(body)
        field = re.compile(r'\b(U8|U16|U32|U64|ID|HASH|BYTES)\((\w+)(?:,\s*([^)]*))?\)'
                           r'\s*(?:/\*((?:[^*]|\*(?!/))*)\*/)?')
        for kind, member, most, says in field.findall(body + ' '):
            if kind == 'BYTES':
                kind = f'BYTES ≤ {human(size(most, known))}'
            rows.append((member, kind, comment_text(says)))
        found[name] = (comment_text(note), rows)
    return found


def enums(text):
    for name, body in re.findall(r'^enum (\w+) \{(.*?)\};', text, re.S | re.M):
        if name == 'ipc_type':
            continue
        rows, value = [], -1
        pattern = re.compile(r'(\w+)(?:\s*=\s*(\d+))?\s*(?:,|$)\s*(?:/\*((?:[^*]|\*(?!/))*)\*/)?')
        for constant, number, says in pattern.findall(body.strip()):
            value = int(number) if number else value + 1
            if not constant.endswith('_COUNT'):
                rows.append((value, constant, comment_text(says)))
        yield name, rows


def print_rows(head, rows, out):
    out.append('| ' + ' | '.join(head) + ' |')
    out.append('|' + '---|' * len(head))
    for row in rows:
        out.append('| ' + ' | '.join(str(cell).replace('|', '\\|').replace('<', '&lt;') for cell in row) + ' |')
    out.append('')


def document_part():
    fields = (ROOT / 'src/ipc/fields.h').read_text()
    header = (ROOT / 'src/ipc/ipc.h').read_text()
    known = constants(fields)
    by_name = tables(fields, known)
    parts = re.findall(r'\bPART\((\w+), (IPC_\w+)\)', fields)
    messages = re.findall(r'\bMESSAGE\((0x\w+), (\w+), (IPC_\w+), (\w+), (\w+)\)', fields)
    out = ['## Messages', '']
    print_rows(('type', 'message', 'from', 'to'),
               [(kind, f'[{name}](#{name})', a, b) for kind, name, _, a, b in messages], out)
    for title, listed in (('', [(m[1], m[2], m[0]) for m in messages]),
                          ('## Parts of lists', [(p[0], p[1], None) for p in parts])):
        if title:
            out += [title, '']
        for name, table, kind in listed:
            note, rows = by_name[table]
            out += [f'### {name}', '']
            if note:
                out += [note, '']
            if rows:
                print_rows(('field', 'type', ''), rows, out)
            elif kind:
                out += ['No fields.', '']
    out += ['## Values', '']
    for name, rows in enums(header):
        if not rows or name == 'frame':
            continue
        out += [f'### enum {name}', '']
        print_rows(('value', 'name', ''), rows, out)
    return '\n'.join(out) + '\n'


def main():
    text = DOCUMENT.read_text()
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    fresh = head + BEGIN + '\n' + document_part() + END + tail
    if sys.argv[1:] == ['--check']:
        if fresh != text:
            raise SystemExit('docs/PROTOCOL.ipc.md is not what src/ipc says: '
                             'run tools/print_ipc.py')
        return
    DOCUMENT.write_text(fresh)


if __name__ == '__main__':
    main()
