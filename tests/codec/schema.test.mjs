// SPDX-License-Identifier: Apache-2.0
// JSON Schema 2020-12 against the npm package ajv.
import assert from 'node:assert/strict';
import test from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { ask, Chance, missing } from './peers.mjs';

const ajv = () => addFormats.default(new Ajv.default({ strict: false, logger: false }));

/** Both must say the same of each [schema, value]. */
function compare(pairs) {
  const rows = pairs.map((pair) => pair.map((value) => JSON.stringify(value)));
  const lines = ask('schema', rows);
  const counts = { valid: 0, invalid: 0 };
  const compiled = new Map();
  pairs.forEach(([schema, value], i) => {
    const key = rows[i][0];
    if (!compiled.has(key)) compiled.set(key, ajv().compile(schema));
    const want = compiled.get(key)(value) ? 'valid' : 'invalid';
    assert.equal(lines[i], want, `${rows[i][0]}\n${rows[i][1]}`);
    counts[want]++;
  });
  return counts;
}

const names = ['a', 'b', 'c', 'a/b', '~', 'ä'];

function value(chance, depth) {
  const kind = chance.below(depth > 0 ? 9 : 6);
  if (kind === 0) return null;
  if (kind === 1) return chance.flip();
  if (kind < 4) return chance.of([0, 1, 2, 3, 5, 10, -1, 1.5, 2.5, 1e3, -0.5, 100]);
  if (kind < 6) return chance.of(['', 'a', 'b', 'ab', 'abc', 'ä', '😀😀', 'x y']);
  if (kind === 6) return chance.some(4, () => value(chance, depth - 1));
  return Object.fromEntries(chance.some(4, () => [chance.of(names), value(chance, depth - 1)]));
}

const types = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'];

/** One keyword with a value by chance; some need others beside them. */
const keywords = {
  type: (c) => (c.flip(3) ? [...new Set(c.some(2, () => c.of(types)).concat(c.of(types)))] : c.of(types)),
  enum: (c) => uniq(Array.from({ length: 1 + c.below(3) }, () => value(c, 2))),
  const: (c) => value(c, 2),
  minimum: (c) => c.of([0, 1, 2.5, -1]),
  maximum: (c) => c.of([0, 1, 2.5, 10]),
  exclusiveMinimum: (c) => c.of([0, 1, 2.5]),
  exclusiveMaximum: (c) => c.of([1, 3, 2.5]),
  multipleOf: (c) => c.of([1, 2, 5, 0.5, 2.5]),
  minLength: (c) => c.below(3),
  maxLength: (c) => c.below(3),
  minItems: (c) => c.below(3),
  maxItems: (c) => c.below(3),
  uniqueItems: (c) => c.flip(),
  minProperties: (c) => c.below(3),
  maxProperties: (c) => c.below(3),
  required: (c) => [...new Set(c.some(2, () => c.of(names)))],
  items: (c, d) => schema(c, d),
  prefixItems: (c, d) => [schema(c, d), ...c.some(1, () => schema(c, d))],
  properties: (c, d) => Object.fromEntries(c.some(3, () => [c.of(names), schema(c, d)])),
  additionalProperties: (c, d) => schema(c, d),
  propertyNames: (c, d) => schema(c, d),
  dependentRequired: (c) => Object.fromEntries(c.some(2, () => [c.of(names), [c.of(names)]])),
  allOf: (c, d) => [schema(c, d), ...c.some(1, () => schema(c, d))],
  anyOf: (c, d) => [schema(c, d), schema(c, d)],
  oneOf: (c, d) => [schema(c, d), schema(c, d)],
  not: (c, d) => schema(c, d),
  if: (c, d) => schema(c, d),
  then: (c, d) => schema(c, d),
  else: (c, d) => schema(c, d),
};

const uniq = (list) => [...new Map(list.map((item) => [JSON.stringify(item), item])).values()];

function schema(chance, depth) {
  if (depth <= 0 || chance.flip(8)) {
    if (chance.flip(3)) return chance.flip();
    return { type: chance.of(types) };
  }
  const found = {};
  for (let n = 1 + chance.below(4); n > 0; n--) {
    const name = chance.of(Object.keys(keywords));
    found[name] = keywords[name](chance, depth - 1);
  }
  return found;
}

test('SCH-1 schemas and values by chance are judged alike', { skip: missing }, () => {
  const chance = new Chance(202012);
  const pairs = [];
  for (let i = 0; i < 500; i++) {
    const made = schema(chance, 3);
    for (let k = 0; k < 12; k++) pairs.push([made, value(chance, 3)]);
  }
  const { valid, invalid } = compare(pairs);
  assert.ok(valid > 1000 && invalid > 1000, `${valid} valid, ${invalid} invalid`);
});

test('SCH-2 references, also back to what is around them, are followed alike', { skip: missing }, () => {
  const tree = {
    $ref: '#/$defs/node',
    $defs: {
      node: { type: 'object', required: ['v'], additionalProperties: false,
        properties: { v: { $ref: '#/$defs/v~1alue' }, left: { $ref: '#/$defs/node' }, rest: { type: 'array', items: { $ref: '#' } } } },
      'v/alue': { anyOf: [{ type: 'integer' }, { $ref: '#/$defs/text', maxLength: 2 }] },
      text: { type: 'string' },
    },
  };
  compare([{ v: 1 }, { v: 'ab' }, { v: 'abc' }, {}, { v: 1, left: { v: 2 } }, { v: 1, left: {} }, { v: 1, rest: [{ v: 1 }] },
    { v: 1, rest: [{ v: 1, rest: [{ v: null }] }] }, { v: 1, other: 1 }, 5].map((item) => [tree, item]));
});

test('SCH-3 formats are judged alike where everyone agrees what they are', { skip: missing }, () => {
  const texts = {
    date: ['2026-11-23', '2024-02-29', '2023-02-29', '1900-02-29', '2000-02-29', '2026-13-01', '2026-1-1', '2026-04-31', '', 'x'],
    'date-time': ['2026-11-23T03:00:00Z', '2026-11-23T03:00:00.123+05:30', '2026-11-23T24:00:00Z', '2026-11-23T03:60:00Z',
      '2026-11-23T03:00:00', '2026-11-23', '2026-11-23T03:00:00z', '2026-11-23T03:00:00.Z', '2026-02-30T00:00:00Z'],
    email: ['a@b.example', 'a.b+c@b.example', 'a..b@b.example', '.a@b.example', 'a@', '@b.example', 'a b@c.example', 'a@b@c.example', 'a@-b.example'],
    ipv4: ['127.0.0.1', '255.255.255.255', '256.0.0.1', '1.2.3', '1.2.3.4.5', '1.2.3.', 'a.b.c.d', '1..2.3'],
    uuid: ['123e4567-e89b-12d3-a456-426614174000', '123E4567-E89B-12D3-A456-426614174000', '123e4567e89b12d3a456426614174000',
      '123e4567-e89b-12d3-a456-42661417400', 'g23e4567-e89b-12d3-a456-426614174000'],
    uri: ['https://a.example/b?c=d#e', 'urn:isbn:1', 'mailto:a@b.example', '/a/b', 'a b', 'https://a.example/ b', 'https://a.example/%zz', ''],
  };
  const pairs = Object.entries(texts).flatMap(([format, list]) => list.map((text) => [{ type: 'string', format }, text]));
  const { valid, invalid } = compare(pairs.concat(Object.keys(texts).map((format) => [{ format }, 5])));
  assert.ok(valid > 10 && invalid > 10);
});

test('SCH-4 what ajv does not take for a schema is refused here too', { skip: missing }, () => {
  const bad = [{ type: 'text' }, { type: [] }, { type: 5 }, { minimum: '1' }, { minLength: -1 }, { minLength: 1.5 }, { required: 'a' },
    { required: [1] }, { enum: 'a' }, { multipleOf: 0 }, { multipleOf: -1 }, { properties: [] }, { properties: { a: 5 } },
    { items: [{}] }, { allOf: [] }, { anyOf: {} }, { not: 5 }, { uniqueItems: 1 }, { $ref: '#/$defs/none' }, { dependentRequired: { a: 'b' } }, 5, 'x', null];
  const lines = ask('schema', bad.map((item) => [JSON.stringify(item), '1']));
  bad.forEach((item, i) => {
    assert.throws(() => ajv().compile(item), `ajv takes ${JSON.stringify(item)}`);
    assert.notEqual(lines[i], 'valid', JSON.stringify(item));
    assert.notEqual(lines[i], 'invalid', JSON.stringify(item));
  });
});
