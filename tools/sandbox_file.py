#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints a built-in service file as it is at the sandbox provider: sandbox_file.py FILE > sandbox-FILE

Only names and addresses change, so the sandbox has the very tools that the provider has. {origin} stays in it until
the demo adds the file."""
import pathlib
import re
import sys

# In this order; what is the address of a scope or of a description stays.
ADDRESSES = {
    'github': [('https://api.github.com', '/github/api'), ('https://github.com', '/github')],
    'google': [('https://accounts.google.com', '/google'), ('https://oauth2.googleapis.com', '/google'),
               ('https://www.googleapis.com/oauth2/', '/google/oauth2/'),
               ('https://gmail.googleapis.com', '/google/api'), ('https://www.googleapis.com', '/google/api')],
    'jira': [('https://auth.atlassian.com', '/atlassian'), ('https://api.atlassian.com', '/atlassian')],
    'slack': [('https://slack.com', '/slack')],
}


def convert(line, addresses):
    if re.match(r'  hosts: ', line):
        return '  hosts: ["{origin}"]'
    if re.search(r'^ *described: |https://www[.]googleapis[.]com/auth/', line):
        return line
    for address, path in addresses:
        line = line.replace(address, '{origin}' + path)
    line = re.sub(r'^id: (.*)', r'id: sandbox-\1', line)
    line = re.sub(r'^name: (.*)', r'name: \1 (sandbox)', line)
    return re.sub(r'^says: (.*)', r'says: \1, made up', line)


def main():
    file = pathlib.Path(sys.argv[1])
    for line in file.read_text().splitlines():
        if line.startswith('#') and 'SPDX' not in line:
            continue
        line = convert(line, ADDRESSES[file.stem])
        if 'https://' in line and not re.search('described: |/auth/', line):
            sys.exit('%s: this address is not known: %s' % (file, line))
        print(line)


main()
