#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints a C table of text files: embed.py SYMBOL FILE... > table.c

The name of an entry is the file's name without its ending; entries are sorted by it."""
import pathlib
import sys


def literal(line):
    out = []
    for byte in line:
        char = chr(byte)
        if char in '"\\':
            out.append('\\' + char)
        elif 0x20 <= byte < 0x7f and char != '?':
            out.append(char)
        else:
            out.append('\\%03o' % byte)
    return '"' + ''.join(out) + '"'


def main():
    symbol, files = sys.argv[1], sorted(map(pathlib.Path, sys.argv[2:]), key=lambda p: p.stem)
    print('#include "core/catalog/builtin.h"\n')
    print('const struct builtin %s[] = {' % symbol)
    for file in files:
        text = file.read_bytes()
        print('\t{ "%s", %d,' % (file.stem, len(text)))
        for line in text.splitlines(keepends=True):
            print('\t  ' + literal(line))
        print('\t},')
    print('};')
    print('const size_t %s_n = sizeof %s / sizeof %s[0];' % (symbol, symbol, symbol))


main()
