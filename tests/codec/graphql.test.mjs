// SPDX-License-Identifier: Apache-2.0
// GraphQL documents against the npm package graphql: what is accepted, and what is known of it.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { executeSync, getIntrospectionQuery, GraphQLInt, GraphQLObjectType, GraphQLSchema, Kind, parse, print, version } from 'graphql';
import { ask, Chance, missing } from './peers.mjs';

/** The line that the harness must answer, from the package's own tree; null where it refuses. */
function expected(text) {
  let tree;
  try { tree = parse(text, { noLocation: true }); } catch { return null; }
  const operations = tree.definitions.filter((d) => d.kind === Kind.OPERATION_DEFINITION);
  const fragments = tree.definitions.filter((d) => d.kind === Kind.FRAGMENT_DEFINITION);
  if (operations.length + fragments.length !== tree.definitions.length) return null;
  const distinct = (list) => new Set(list.map((d) => d.name?.value ?? '')).size === list.length;
  let sound = distinct(operations) && distinct(fragments) && (operations.length < 2 || operations.every((o) => o.name));
  const facts = operations.map((operation) => {
    const fields = new Set();
    const met = new Set();
    const walk = (set) => {
      for (const selection of set.selections) {
        if (selection.kind === Kind.FIELD) fields.add(selection.name.value);
        else if (selection.kind === Kind.INLINE_FRAGMENT) walk(selection.selectionSet);
        else {
          const found = fragments.find((f) => f.name.value === selection.name.value);
          if (!found) sound = false;
          else if (!met.has(found)) { met.add(found); walk(found.selectionSet); }
        }
      }
    };
    walk(operation.selectionSet);
    return ` ${operation.operation}:${operation.name?.value ?? ''}:${[...fields].join(',')}`;
  });
  return (sound ? 'sound' : 'unsound') + facts.join('');
}

/** Both accept the same documents and find the same in them. Answers how many were accepted. */
function compare(texts) {
  let accepted = 0;
  const lines = ask('graphql', texts.map((text) => [text]));
  texts.forEach((text, i) => {
    const want = expected(text);
    if (want === null) assert.ok(!/^(un)?sound/.test(lines[i]), `accepted here alone: ${JSON.stringify(text)}`);
    else assert.equal(lines[i], want, text.slice(0, 400));
    accepted += want !== null;
  });
  return accepted;
}

const words = ['a', 'b', 'on', 'query', 'mutation', 'fragment', 'true', 'null', 'type', '_x1', 'subscription', 'F'];

/** Documents by chance, as trees that the package prints. */
class Maker {
  constructor(chance) { this.chance = chance; }
  name(not = []) {
    const word = this.chance.of(words);
    return { kind: Kind.NAME, value: not.includes(word) ? 'n' : word };
  }
  value(depth, constant) {
    const c = this.chance;
    const kind = c.below(depth > 0 ? 10 : 8);
    if (kind === 0 && !constant) return { kind: Kind.VARIABLE, name: this.name() };
    if (kind === 1) return { kind: Kind.INT, value: String(c.next() - 2 ** 31) };
    if (kind === 2) return { kind: Kind.FLOAT, value: c.of(['1.5', '-0.1e+3', '2E10', '0e-1']) };
    if (kind === 3) return { kind: Kind.STRING, value: c.of(['', 'x', '{a}', '"', '\\', '\n', 'ä😀', '"""', '#']), block: c.flip() };
    if (kind === 4) return { kind: Kind.BOOLEAN, value: c.flip() };
    if (kind === 5) return { kind: Kind.NULL };
    if (kind < 8) return { kind: Kind.ENUM, value: this.name(['true', 'null']).value };
    if (kind === 8) return { kind: Kind.LIST, values: c.some(3, () => this.value(depth - 1, constant)) };
    return { kind: Kind.OBJECT, fields: c.some(3, () => ({ kind: Kind.OBJECT_FIELD, name: this.name(), value: this.value(depth - 1, constant) })) };
  }
  arguments(constant) {
    return this.chance.some(2, () => ({ kind: Kind.ARGUMENT, name: this.name(), value: this.value(2, constant) }));
  }
  directives(constant) {
    return this.chance.flip(4) ? [{ kind: Kind.DIRECTIVE, name: this.name(), arguments: this.arguments(constant) }] : [];
  }
  type(depth = 2) {
    const c = this.chance;
    const made = depth > 0 && c.flip(3) ? { kind: Kind.LIST_TYPE, type: this.type(depth - 1) } : { kind: Kind.NAMED_TYPE, name: this.name() };
    return c.flip(3) ? { kind: Kind.NON_NULL_TYPE, type: made } : made;
  }
  set(depth) {
    return { kind: Kind.SELECTION_SET, selections: [this.selection(depth), ...this.chance.some(3, () => this.selection(depth))] };
  }
  selection(depth) {
    const c = this.chance;
    const kind = c.below(6);
    if (kind === 0) return { kind: Kind.FRAGMENT_SPREAD, name: this.name(['on']), directives: this.directives(false) };
    if (kind === 1 && depth > 0)
      return { kind: Kind.INLINE_FRAGMENT, typeCondition: c.flip() ? { kind: Kind.NAMED_TYPE, name: this.name() } : undefined,
        directives: this.directives(false), selectionSet: this.set(depth - 1) };
    return { kind: Kind.FIELD, alias: c.flip(4) ? this.name() : undefined, name: this.name(), arguments: this.arguments(false),
      directives: this.directives(false), selectionSet: depth > 0 && c.flip() ? this.set(depth - 1) : undefined };
  }
  definition() {
    const c = this.chance;
    if (c.flip(3))
      return { kind: Kind.FRAGMENT_DEFINITION, name: this.name(['on']), typeCondition: { kind: Kind.NAMED_TYPE, name: this.name() },
        directives: this.directives(false), selectionSet: this.set(2) };
    return { kind: Kind.OPERATION_DEFINITION, operation: c.of(['query', 'mutation', 'subscription']), name: c.flip(4) ? undefined : this.name(),
      variableDefinitions: c.some(2, () => ({ kind: Kind.VARIABLE_DEFINITION, variable: { kind: Kind.VARIABLE, name: this.name() },
        type: this.type(), defaultValue: c.flip() ? this.value(2, true) : undefined, directives: this.directives(true) })),
      directives: this.directives(false), selectionSet: this.set(3) };
  }
  document() {
    return print({ kind: Kind.DOCUMENT, definitions: [this.definition(), ...this.chance.some(3, () => this.definition())] });
  }
}

/** The same document with something wrong, or only other, in it. */
function damage(chance, text) {
  const at = chance.below(text.length + 1);
  const piece = chance.of(['{', '}', '(', ')', '[', ']', '!', '$', ':', '=', '@', '|', '&', '...', '..', '"', '"""', '\\', '#', ',', ' ', '\n',
    '\ufeff', '0', '1', '-', '.', 'e5', 'on', 'query', 'fragment F on T', 'ä', '\0', '\\u{1F600}', '\\ud83d', '?', ';', "'", '<', '/']);
  const kind = chance.below(4);
  if (kind === 0) return text.slice(0, at) + piece + text.slice(at);
  if (kind === 1) return text.slice(0, at) + text.slice(at + 1 + chance.below(4));
  if (kind === 2) return text.slice(0, at) + piece + text.slice(at + 1);
  const to = chance.below(text.length + 1);
  return text.slice(0, at) + text.slice(to, to + 8) + text.slice(at);
}

test('GQL-1 documents by chance are understood alike', { skip: missing }, () => {
  const maker = new Maker(new Chance(2021));
  const texts = Array.from({ length: 4000 }, () => maker.document());
  assert.equal(compare(texts), texts.length);
  compare(texts.map((text) => text.replace(/\s+/g, ' ')));
});

test('GQL-2 damaged documents are refused alike', { skip: missing }, () => {
  const chance = new Chance(10);
  const maker = new Maker(chance);
  const texts = [];
  for (let i = 0; i < 20000; i++) {
    let text = maker.document();
    for (let n = 1 + chance.below(3); n > 0; n--) text = damage(chance, text);
    texts.push(text.replace(/[\ud800-\udfff]/gu, '?'));
  }
  const accepted = compare(texts);
  assert.ok(accepted > 2000 && accepted < 18000, `${accepted} of ${texts.length} are accepted`);
});

test('GQL-3 the documents of the package itself are understood alike', { skip: missing }, () => {
  const texts = [];
  for (let bits = 0; bits < 32; bits++)
    texts.push(getIntrospectionQuery({ descriptions: !!(bits & 1), specifiedByUrl: !!(bits & 2), directiveIsRepeatable: !!(bits & 4),
      schemaDescription: !!(bits & 8), inputValueDeprecation: !!(bits & 16) }));
  assert.equal(compare(texts), texts.length);
});

test('GQL-4 type systems are refused, alone and beside operations', { skip: missing }, () => {
  const types = ['type Q { a: Int }', 'schema { query: Q }', '"""d""" type Q { a: Int }', 'extend type Q { b: Int }', 'scalar S', 'union U = A | B',
    'enum E { A }', 'input I { a: Int = 1 }', 'interface I { a: Int }', 'directive @d on FIELD'];
  for (const type of types) assert.doesNotThrow(() => parse(type), type);
  const lines = ask('graphql', types.flatMap((type) => [[type], [`{a} ${type}`], [`${type} {a}`]]));
  for (const line of lines) assert.equal(line, 'UNSUPPORTED');
});

/** The texts that a module of TypeScript or JavaScript names: what is between its quotes. */
function literals(source) {
  const found = [];
  const piece = /\/\/[^\n]*|\/\*[^]*?\*\/|(String\.raw)?`((?:\\[^]|[^`\\])*)`|'((?:\\.|[^'\\\n])*)'|"((?:\\.|[^"\\\n])*)"/g;
  const escapes = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', 0: '\0', '\n': '' };
  const cooked = (text) => text.replace(/\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([^]))/g,
    (_, long, four, two, one) => (one === undefined ? String.fromCodePoint(parseInt(long ?? four ?? two, 16)) : escapes[one] ?? one));
  for (const [, raw, template, single, double] of source.matchAll(piece)) {
    const text = template ?? single ?? double;
    if (text !== undefined) found.push(raw ? text : cooked(text));
  }
  return found;
}

/** All texts in the files below @p root whose name matches, a file of GraphQL being one text. */
function textsIn(root, name) {
  const files = readdirSync(root, { recursive: true }).filter((each) => name.test(each)).sort();
  const texts = files.flatMap((each) => {
    const source = readFileSync(join(root, each), 'utf8');
    return each.endsWith('.graphql') ? [source] : literals(source);
  });
  return [...new Set(texts)].filter((text) => text.isWellFormed());
}

const installed = (path) => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));

test('GQL-5 what the tests of the language service of the GraphQL Foundation parse is understood alike', { skip: missing }, () => {
  const texts = textsIn(installed('graphql-language-service/src'), /__tests__\/.*\.(ts|graphql)$/);
  const accepted = compare(texts);
  assert.ok(accepted >= 75, `${accepted} of ${texts.length} are executable documents`);
});

test("GQL-6 the documents that Linear's own client sends are understood alike", { skip: missing }, () => {
  const texts = textsIn(installed('@linear/sdk/dist'), /^index\.mjs$/).filter((text) => text.includes('{'));
  const accepted = compare(texts);
  assert.ok(accepted >= 1303, `${accepted} of ${texts.length} are executable documents`);
});

/** Fields at the root, as "type:field", that the package executes for @p body, as a server would. */
function executed(schema, body) {
  const met = new Set();
  const kinds = new Map([[schema.getQueryType(), 'query'], [schema.getMutationType(), 'mutation'], [schema.getSubscriptionType(), 'subscription']]);
  const fieldResolver = (source, args, context, info) => {
    if (info.path.prev === undefined) met.add(`${kinds.get(info.parentType)}:${info.fieldName}`);
    return {};
  };
  for (const { query, operationName } of [body].flat())
    executeSync({ schema, document: parse(query), operationName, fieldResolver });
  return met;
}

test('GQL-7 no field is executed that a request was not known to execute', { skip: missing }, () => {
  // The types have names that the documents' fragments are on, so that some of these apply.
  const inner = new GraphQLObjectType({ name: 'T', fields: () => fields });
  const fields = Object.fromEntries([...words, 'n'].map((word) => [word, { type: word === 'null' ? GraphQLInt : inner, resolve: undefined }]));
  const root = (name) => new GraphQLObjectType({ name, fields });
  const schema = new GraphQLSchema({ query: root('a'), mutation: root('b'), subscription: root('F'), assumeValid: true });
  const chance = new Chance(7);
  const maker = new Maker(chance);
  const single = () => {
    const document = parse(maker.document(), { noLocation: true });
    const operations = document.definitions.filter((d) => d.kind === Kind.OPERATION_DEFINITION);
    for (const operation of operations) operation.variableDefinitions = [];
    const named = chance.of([...operations.map((o) => o.name?.value), 'a', null]);
    return { query: print(document), ...(named === undefined ? {} : { operationName: named }) };
  };
  const bodies = Array.from({ length: 6000 }, () => (chance.flip(3) ? [single(), ...chance.some(3, single)] : single()));
  const lines = ask('request', bodies.map((body) => [JSON.stringify(body)]));
  let seen = 0;
  let reads = 0;
  bodies.forEach((body, i) => {
    const [word, ...known] = lines[i].split(' ');
    if (word === 'unclear') return;
    for (const field of executed(schema, body)) {
      assert.ok(known.includes(field), `${field} is executed, known are ${known}: ${JSON.stringify(body)}`);
      seen++;
    }
    reads += known.length > 0 && known.every((each) => each.startsWith('query:'));
  });
  assert.ok(seen > 1500 && reads > 200, `${seen} fields are executed, ${reads} requests read`);
});

const checkout = process.env.VALETKEY_GRAPHQL_JS;

test('GQL-8 what the tests of the package itself parse is understood alike',
  { skip: missing || (checkout ? false : 'VALETKEY_GRAPHQL_JS names no checkout of graphql-js') }, () => {
    assert.ok(readFileSync(join(checkout, 'src/version.ts'), 'utf8').includes(`'${version}'`), `not graphql-js ${version}`);
    const texts = textsIn(join(checkout, 'src'), /__test(s|Utils)__\/.*\.ts$/);
    const accepted = compare(texts);
    assert.ok(accepted > 600, `${accepted} of ${texts.length} are executable documents`);
  });
