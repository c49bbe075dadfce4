// SPDX-License-Identifier: Apache-2.0
// GraphQL through the proxy, by a vault that may read raw but not what the tool secret.get reads. In each
// form that a request can take: what reads goes through, what hides a write or the secret does not arrive.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

import { acmePolicy, proxyStage } from '../lib/upstream.mjs';

const json = { 'content-type': 'application/json' };
const tools = `  - name: secret.get
    title: Read a secret
    says: Read a secret
    effect: read
    scopes: [notes.read]
    input: {type: object, required: [id], properties: {id: {type: string}}, additionalProperties: false}
    request: {method: POST, path: /graphql, graphql: "query ($id: ID!) { secret(id: $id) { text } }", variables: {id: "{id}"}}
    summary: "Read the secret {id}"
  - name: things.drop
    title: Drop a thing
    says: Drop a thing for good
    effect: destructive
    scopes: [notes.write]
    input: {type: object, required: [id], properties: {id: {type: string}}, additionalProperties: false}
    request: {method: POST, path: /graphql, graphql: "mutation ($id: ID!) { dropThing(id: $id) { id } }", variables: {id: "{id}"}}
    summary: "Drop the thing {id}"
`;
const rules = (proxy, drop = 'allow') => acmePolicy(`proxy: ${proxy}\n    default: block\n    tools: {secret.get: block, things.drop: ${drop}}`);

async function graphStage(t, policy = rules('read')) {
  const s = await proxyStage(t, { policy, file: { tools } });
  const send = async (body, headers = json) => {
    const before = s.upstream.seen.length;
    const answer = await s.ask('POST', '/graphql', { body, headers });
    const text = await answer.text();
    assert.equal(s.upstream.seen.length - before, answer.status === 200 ? 1 : 0, `${answer.status} ${text.slice(0, 300)}`);
    return { status: answer.status, text };
  };
  const each = (bodies) => bodies.map((body) => (typeof body === 'string' ? { query: body } : body));
  return {
    ...s, send,
    reads: async (...bodies) => {
      for (const body of each(bodies)) assert.equal((await send(JSON.stringify(body))).status, 200, JSON.stringify(body).slice(0, 300));
    },
    refuses: async (...bodies) => {
      for (const body of each(bodies)) {
        const answer = await send(JSON.stringify(body));
        assert.equal(answer.status, 403, JSON.stringify(body).slice(0, 300));
        assert.equal(JSON.parse(answer.text).code, 'denied');
      }
    },
  };
}

test('a document of several operations is as free as the one that is executed', async (t) => {
  const s = await graphStage(t);
  const query = 'query Look { things { id } } mutation Drop { dropThing(id: 1) { id } } query Tell { secret(id: 1) { text } }';
  await s.reads({ query, operationName: 'Look' });
  await s.refuses({ query, operationName: 'Drop' }, { query, operationName: 'Tell' }, { query, operationName: 'Other' },
    { query, operationName: '' }, { query, operationName: ['Look'] }, { query }, { query, operationName: null });
});

test('fields in fragments count as those around them, and fields further in do not', async (t) => {
  const s = await graphStage(t);
  await s.reads('{ ...A } fragment A on Query { ...B ... on Query { things { id } } } fragment B on Query { me { id } ...A }',
    '{ things { secret } } fragment Unused on Query { secret(id: 1) { text } }');
  await s.refuses('{ ...A } fragment A on Query { ...B } fragment B on Query { secret(id: 1) { text } }',
    '{ me { id } ... { ... on Query @include(if: true) { secret(id: 1) { text } } } }',
    'query ($no: Boolean = false) { me { id } ...A @skip(if: $no) } fragment A on Query { secret(id: 1) { text } }',
    'mutation { ...A } fragment A on Mutation { dropThing(id: 1) { id } }', '{ ...Missing }',
    '{ ...A } fragment A on Query { me { id } } fragment A on Query { secret(id: 1) { text } }');
});

test('a batch is as free as its least free request', async (t) => {
  const s = await graphStage(t);
  const look = { query: '{ things { id } }' };
  await s.reads([look, { query: 'query Me { me { id } }', operationName: 'Me', variables: {} }], Array(32).fill(look));
  await s.refuses([look, { query: 'mutation { dropThing(id: 1) { id } }' }], [{ query: '{ secret(id: 1) { text } }' }, look],
    [look, { id: 'ab' }], [look, [look]], [look, 'x'], [], Array(33).fill(look));
});

test('an alias is not the name of a field', async (t) => {
  const s = await graphStage(t);
  await s.reads('{ secret: things { id } }', '{ dropThing: me { id } a: things { id } b: things { id } }');
  await s.refuses('{ things: secret(id: 1) { text } }', '{ a: things { id } b: secret(id: 1) { text } }', 'mutation { things: dropThing(id: 1) { id } }');
});

test('a persisted query is a write of anything, for nobody here knows it', async (t) => {
  const s = await graphStage(t);
  const persistedQuery = { version: 1, sha256Hash: 'ab'.repeat(32) };
  const query = '{ things { id } }';
  await s.reads({ query, extensions: {} });
  await s.refuses({ extensions: { persistedQuery } }, { query, extensions: { persistedQuery } }, { id: '1' }, { query, id: '1' }, { query, documentId: 'x' },
    { doc_id: '1', variables: {} }, { query, queryId: 'x' }, { query, hash: 'x' });
  const answer = await s.ask('GET', `/graphql?extensions=${encodeURIComponent(JSON.stringify({ persistedQuery }))}`);
  assert.equal(answer.status, 403);
  await s.policy(rules('allow'));
  assert.equal((await s.send(JSON.stringify({ extensions: { persistedQuery } }))).status, 403, 'it may be the tool that is blocked');
});

test('a compressed body was not seen', async (t) => {
  const s = await graphStage(t);
  const body = JSON.stringify({ query: '{ things { id } }' });
  assert.equal((await s.send(body)).status, 200);
  const coded = { gzip: gzipSync(body), deflate: deflateSync(body), br: brotliCompressSync(body), zstd: Buffer.from(body), 'gzip, identity': gzipSync(body) };
  for (const [name, bytes] of Object.entries(coded))
    assert.equal((await s.send(bytes, { ...json, 'content-encoding': name })).status, 403, name);
  for (const headers of [{ 'content-type': 'text/plain' }, { 'content-type': 'multipart/form-data; boundary=x' }, {}])
    assert.equal((await s.send(body, headers)).status, 403, JSON.stringify(headers));
});

test('a document or body that is too large to be looked at whole counts as a write', async (t) => {
  const s = await graphStage(t);
  const nested = (n) => `{ ${'a{'.repeat(n)}a${'}'.repeat(n)} }`;
  const fragments = (n) => `{ me { id } ${Array.from({ length: n }, (_, i) => `...F${i}`).join(' ')} } ${
    Array.from({ length: n }, (_, i) => `fragment F${i} on Query { me { id } }`).join(' ')}`;
  await s.reads(nested(60), fragments(500), { query: '{ things { id } }', variables: { text: 'x'.repeat(700 * 1024) } }, `{ me { id } } #${'x'.repeat(200 * 1024)}`);
  await s.refuses(nested(64), fragments(513), `{ me { id } } #${'x'.repeat(256 * 1024)}`, `{ ${'a '.repeat(20000)} }`,
    `{ ${Array.from({ length: 65 }, (_, i) => `a${i}`).join(' ')} }`, `{ a(b: ${'['.repeat(65)}${']'.repeat(65)}) }`,
    { query: '{ things { id } }', variables: { text: 'x'.repeat(1100 * 1024) } });
});
