#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints docs/service.schema.json, the JSON Schema of service files for editors.

The keys of each map come from the tables that the daemon reads files by
(struct reader_key in src/core/catalog); what a reading function takes is
written here, and a function or table that is not known here is an error. The
schema knows less than 'valetkey service check': what stands in one place and
is declared in another (scopes, variables, arguments) only the daemon compares.

usage: print_schema.py [--check]
"""
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / 'docs/service.schema.json'
SOURCES = sorted((ROOT / 'src/core/catalog').glob('section_*.c')) + [ROOT / 'src/core/catalog/service.c']
TABLE = re.compile(r'static const struct reader_key (\w+)\[\] = \{(.*?)\};', re.S)
ROW = re.compile(r'\{\s*"(\w+)",\s*(\w+),\s*[^{}]*?,\s*(true|false),\s*([&\w]+)\s*\}', re.S)
FUNCTION = re.compile(r'^(?:static )?enum err (\w+)\(', re.M)
LISTS = re.compile(r'static const char \*const (\w+)\[\] = \{(.*?)\};', re.S)
MACRO = re.compile(r'^WORDS\((\w+),\s*((?:"[^"]*",?\s*)+)\);', re.M)
NAMED = re.compile(r'const struct reader_words (\w+) = \{\s*(?:ARRAY_LEN\(\w+\)|(\d+)),\s*(\w+)\s*\};')

LINE = {'type': 'string', 'minLength': 1, 'maxLength': 500}
PATH = {'type': 'string', 'pattern': r'^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$', 'maxLength': 128}
NAME = {'type': 'string', 'pattern': r'^[A-Za-z0-9_.-]+$', 'maxLength': 128}
URL = {'type': 'string', 'pattern': r'^(https://|http://(localhost|127\.0\.0\.1|\[::1\]|\{[a-z_]+\})[:/?]?)', 'maxLength': 2048}
PLAIN = {'type': ['string', 'number', 'boolean']}
PAIRS = {'type': 'object', 'maxProperties': 16, 'additionalProperties': PLAIN}
WORDS = {'type': 'array', 'maxItems': 16, 'items': {'type': 'string', 'minLength': 1, 'maxLength': 256}}
TEXT = {'type': 'string', 'minLength': 1}


def unquote(text):
    return re.findall(r'"([^"]*)"', text)


class Tables:
    """What the C sources say: keys by function, and words by name of the file's list."""

    def __init__(self):
        self.keys, self.words, self.used = {}, {}, set()
        for source in SOURCES:
            text = source.read_text()
            lists = {m[1]: unquote(m[2]) for m in LISTS.finditer(text)}
            words = {m[1]: unquote(m[2]) for m in MACRO.finditer(text)}
            for m in NAMED.finditer(text):
                words[m[1]] = lists[m[3]][:int(m[2]) if m[2] else None]
            self.words.setdefault('section_methods', words.get('section_methods'))
            if 'section_methods' in words:
                self.words['section_methods'] = words['section_methods']
            for m in TABLE.finditer(text):
                before = FUNCTION.findall(text[:m.start()])
                name = m[1] if m[1] != 'keys' else before[-1]
                self.keys[name] = [(k[0], k[1], k[2] == 'true', k[3].lstrip('&'), words, source.stem)
                                   for k in ROW.findall(m[2])]
                if m[2].count('{') != len(self.keys[name]):
                    raise SystemExit(f'{source.name}: the table of {name} is not understood')

    def map(self, name, later=None):
        """The object that this table describes."""
        self.used.add(name)
        properties, required = {}, []
        for key, fn, must, more, words, stem in self.keys[name]:
            fn = f'{stem}.{fn}' if f'{stem}.{fn}' in READERS else fn
            if fn == 'reader_enum':
                known = words.get(more) or self.words.get(more)
                properties[key] = {'enum': known}
            elif fn in ('read_later', 'read_nothing'):
                properties[key] = later[key]
            elif fn in READERS:
                made = READERS[fn]
                properties[key] = made(self) if callable(made) else made
            else:
                raise SystemExit(f'tools/print_schema.py does not know what {fn} reads')
            if must:
                required.append(key)
        made = {'type': 'object', 'additionalProperties': False, 'properties': properties}
        if required:
            made['required'] = required
        return made


def paths(tables):
    return {'oneOf': [PATH, {'type': 'array', 'minItems': 1, 'maxItems': 3, 'items': PATH}]}


def map_of(name, **more):
    return lambda tables: {'type': 'object', **more, 'additionalProperties': tables.map(name)}


def either(*choices):
    return lambda tables: {'oneOf': [c(tables) if callable(c) else c for c in choices]}


def refresh(tables):
    made = tables.map('read_refresh')
    grace = {'properties': {'class': {'const': 'grace'}}}
    return {**made, 'if': grace, 'then': {'required': ['retry_within']}, 'else': {'properties': {'retry_within': False}}}


def oauth(tables):
    made = tables.map('oauth_keys')
    none = {'properties': {'scope': {'const': 'none'}}, 'required': ['scope']}
    return {
        **made,
        'not': {'required': ['revoke', 'revoke_url']},
        'if': none, 'then': {'properties': {'scopes': False}}, 'else': {'required': ['scopes']},
    }


FIELD = {'oneOf': [PATH, {'type': 'object', 'minProperties': 1, 'maxProperties': 1, 'additionalProperties': PATH}]}
FIELDS = {'type': 'array', 'minItems': 1, 'maxItems': 64, 'items': FIELD}
POINTER = {'type': 'string', 'pattern': '^/.', 'maxLength': 256}
MAIL = {
    'type': 'object', 'additionalProperties': False, 'required': ['to', 'text'],
    'properties': {name: PLAIN for name in ('to', 'cc', 'bcc', 'subject', 'text', 'in_reply_to')},
}
READERS = {
    'reader_text': LINE, 'reader_url': URL, 'reader_template': URL, 'reader_path': PATH, 'reader_name': NAME,
    'reader_list': WORDS, 'reader_pairs': PAIRS, 'reader_headers': PAIRS, 'reader_bool': {'type': 'boolean'},
    'reader_seconds': {'type': 'integer', 'minimum': 1, 'maximum': 315360000},
    'read_account_id': paths, 'read_account_name': paths, 'section_error_member': paths,
    'read_dead': {'type': 'integer', 'minimum': 400, 'maximum': 499},
    'read_place': either({'const': 'bearer'}, lambda t: t.map('form'), lambda t: t.map('json')),
    'read_which': {'enum': ['access', 'refresh']},
    'read_prefix': {**LINE, 'maxLength': 64},
    'read_hosts': {'type': 'array', 'minItems': 1, 'maxItems': 16, 'items': {**URL, 'pattern': r'^https?://[^/?#]+$'}},
    'read_api_auth': either({'const': 'bearer'}, lambda t: {**t.map('read_api_auth'), 'minProperties': 1}),
    'read_graphql': {'type': 'array', 'maxItems': 4, 'items': {'type': 'string', 'pattern': r'^/[^{]*$'}},
    'section_request.read_graphql': {**TEXT, 'maxLength': 8192},
    'read_protocol': {'const': 'oauth2'},
    'read_revoke_url': URL,
    'read_pkce': {'enum': ['S256', 'none']},
    'read_iss': {'enum': ['required', 'optional']},
    'section_mcp': lambda t: t.map('section_mcp'),
    'read_listing': lambda t: {'type': 'array', 'maxItems': 128, 'items': t.map('read_listed')},
    'read_definition': {'type': 'string', 'minLength': 2, 'maxLength': 32768},
    'read_pin': {'type': 'string', 'pattern': '^[0-9a-f]{64}$'},
    'read_hidden': {'type': 'integer', 'minimum': 0},
    'read_expiry': either({'enum': ['reply', 'never']}, lambda t: t.map('read_expiry')),
    'read_separator': {'enum': [' ', ',', ';']},
    'read_separators': {'type': 'string', 'pattern': '^[ ,;]{1,3}$'},
    'read_scope': either({'const': 'none'}, lambda t: t.map('read_scope')),
    'read_reply': lambda t: t.map('read_reply'), 'read_errors': lambda t: t.map('read_errors'),
    'read_refresh': refresh,
    'read_scopes': map_of('read_scopes', maxProperties=64),
    'section_revoke': lambda t: t.map('section_revoke'), 'section_account': either({'const': 'none'}, lambda t: t.map('section_account')),
    'section_probe': lambda t: t.map('section_probe'), 'section_discover': lambda t: t.map('section_discover'),
    'section_variables': lambda t: {
        'type': 'object', 'maxProperties': 8, 'propertyNames': {'pattern': '^[a-z][a-z_]{0,63}$'},
        'additionalProperties': t.map('read_variable'),
    },
    'section_oauth': oauth, 'section_api': lambda t: t.map('section_api'),
    'section_resources': lambda t: {
        'type': 'object', 'maxProperties': 16, 'propertyNames': {'pattern': '^[a-z_]{1,32}$'},
        'additionalProperties': t.map('section_resources'),
    },
    'read_context': lambda t: t.map('read_context'), 'section_ask': lambda t: t.map('section_ask'),
    'read_pointer': POINTER, 'read_private': either(POINTER, lambda t: t.map('read_private')),
    'read_query': {'type': 'object', 'additionalProperties': {'oneOf': [PLAIN, {'type': 'array', 'minItems': 1, 'maxItems': 1, 'items': PLAIN}]}},
    'read_headers': PAIRS, 'read_node': {'type': 'object'}, 'read_mail': MAIL,
    'read_body': {'type': ['object', 'string', 'number', 'boolean']},
    'section_input': {
        'type': 'object', 'required': ['type', 'additionalProperties'],
        'properties': {'type': {'const': 'object'}, 'additionalProperties': {'const': False}, 'properties': {'type': 'object'}},
    },
    'section_request': either(lambda t: t.map('read_step'), lambda t: {'type': 'array', 'minItems': 1, 'maxItems': 4, 'items': t.map('read_step')}),
    'read_select': lambda t: t.map('read_select'), 'read_fields': FIELDS,
    'read_tool_name': {'type': 'string', 'pattern': r'^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$', 'maxLength': 64},
    'read_id': {'type': 'string', 'pattern': '^[a-z][a-z0-9-]{0,31}$'},
}


def print_schema():
    tables = Tables()
    touched = {'type': 'object', 'minProperties': 1, 'maxProperties': 4, 'additionalProperties': LINE}
    tool = tables.map('section_tools', later={'resource': touched})
    made = {
        '$schema': 'https://json-schema.org/draft/2020-12/schema',
        '$comment': 'SPDX-License-Identifier: Apache-2.0. Printed by tools/print_schema.py.',
        'title': 'A service file of Valetkey',
        'anyOf': [{'required': ['oauth']}, {'required': ['mcp']}],
        **tables.map('service_keys', later={'tools': {'type': 'array', 'maxItems': 128, 'items': tool}}),
    }
    unused = set(tables.keys) - tables.used
    if unused:
        raise SystemExit(f'tools/print_schema.py does not place the keys of {", ".join(sorted(unused))}')
    return json.dumps(made, indent=1, ensure_ascii=False) + '\n'


def main():
    fresh = print_schema()
    if sys.argv[1:] == ['--check']:
        if not SCHEMA.exists() or SCHEMA.read_text() != fresh:
            raise SystemExit('docs/service.schema.json is not what src/core/catalog says: run tools/print_schema.py')
        return
    SCHEMA.write_text(fresh)


if __name__ == '__main__':
    main()
