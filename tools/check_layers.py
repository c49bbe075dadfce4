#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when a file under src/ includes from a folder that tools/layers.txt does not allow it."""
import pathlib
import re
import sys

allowed, owners = {}, {}
for line in pathlib.Path("tools/layers.txt").read_text().splitlines():
    name, _, rest = line.partition("#")[0].partition(":")
    if name.startswith("!"):
        owners[name[1:]] = rest.split()
    elif name.strip():
        allowed[name.strip()] = set(rest.split())


def layer_of(folder):
    """The longest listed folder that contains this one."""
    while folder not in allowed and "/" in folder:
        folder = folder.rpartition("/")[0]
    return folder


bad = 0
for path in sorted(pathlib.Path("src").rglob("*.[ch]")):
    folder = layer_of(str(path.parent.relative_to("src")))
    for n, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)
        if not found:
            continue
        kind, name = found.groups()
        target = layer_of(name.rpartition("/")[0] or ".")
        why = None
        if folder not in allowed:
            why = f"{folder} is not in tools/layers.txt"
        elif kind == '"' and target != folder and target not in allowed[folder]:
            why = f"{folder} may not include {target}"
        for header, homes in owners.items():
            if kind == "<" and name.startswith(header) and folder not in homes:
                why = f"<{name}> belongs to {' '.join(homes)}"
        if why:
            bad += 1
            print(f"{path}:{n}: {why}")
sys.exit(bad > 0)
