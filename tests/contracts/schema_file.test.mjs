// SPDX-License-Identifier: Apache-2.0
// The JSON Schema for editors says of a service file what 'service check' says.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

import { Ends, binary, folder, run } from '../lib/process.mjs';

const root = new URL('../../', import.meta.url).pathname;
const schema = JSON.parse(readFileSync(join(root, 'docs/service.schema.json'), 'utf8'));
const valid = new Ajv2020({ allErrors: true, strict: false }).compile(schema);
const ends = new Ends();
const at = folder(ends);

async function checks(text) {
  const file = join(at, 'service.yaml');
  writeFileSync(file, text);
  const done = await run(binary, ['service', 'check', file]);
  return { good: done.code === 0, why: done.err };
}

describe('the schema of service files', { concurrency: 1 }, () => {
  after(() => ends.run());

  const files = ['catalog'].flatMap((d) => readdirSync(join(root, d))
    .filter((f) => f.endsWith('.yaml')).map((f) => join(d, f)));
  test('every built-in file is in order for both', async () => {
    assert.ok(files.length >= 8);
    for (const file of files) {
      const text = readFileSync(join(root, file), 'utf8').replaceAll('{origin}', 'http://localhost:7071');
      assert.ok(valid(parse(text)), `${file}: ${JSON.stringify(valid.errors?.slice(0, 3))}`);
      const { good, why } = await checks(text);
      assert.ok(good, why);
    }
  });

  const good = () => ({
    id: 'notes',
    name: 'Acme Notes',
    oauth: {
      authorize_url: 'https://acme.example/a', token_url: 'https://{sub}.acme.example/t', client_auth: 'basic', pkce: 'S256',
      account: { url: 'https://acme.example/me', id: ['a', 'b.0'] },
      variables: { sub: { from: 'start', check: 'label' } },
      refresh: { class: 'grace', retry_within: 5 },
      scopes: { read: { says: 'Read', risk: 'low' } },
    },
    api: { hosts: ['https://acme.example'], auth: { header: 'X-Key', prefix: 'Token ' } },
    resources: { note: { context: { request: { method: 'GET', path: '/n/{id}' }, private: '/p' } } },
    tools: [{
      name: 'notes.get', title: 'Get', says: 'Get it', effect: 'read', scopes: ['read'], summary: 'Get {id}', described: 'Acme 1',
      input: { type: 'object', properties: { id: { type: 'integer' } }, additionalProperties: false },
      request: [{ method: 'GET', path: '/a/{id}', query: { q: ['{id}'] } }],
      select: { fields: ['a.b', { c: 'd' }] }, resource: { note: '{id}' },
    }],
  });

  test('a file with a bit of everything is in order for both', async () => {
    assert.ok(valid(good()), JSON.stringify(valid.errors));
    const { good: fine, why } = await checks(JSON.stringify(good()));
    assert.ok(fine, why);
  });

  const bad = {
    'an unknown key': (f) => { f.colour = 1; },
    'an unknown key of oauth': (f) => { f.oauth.colour = 1; },
    'no api': (f) => { delete f.api; },
    'no account': (f) => { delete f.oauth.account; },
    'a bad id': (f) => { f.id = 'Notes'; },
    'a name of two lines, or none': (f) => { f.name = ''; },
    'an address without TLS': (f) => { f.oauth.authorize_url = 'http://acme.example/a'; },
    'no address': (f) => { f.oauth.authorize_url = 'acme'; },
    'another word': (f) => { f.oauth.client_auth = 'jwt'; },
    'another protocol': (f) => { f.oauth.protocol = 'oauth1'; },
    'grace without its time': (f) => { f.oauth.refresh = { class: 'grace' }; },
    'a time without grace': (f) => { f.oauth.refresh = { class: 'strict', retry_within: 5 }; },
    'revoked twice': (f) => { f.oauth.revoke_url = 'https://a.example'; f.oauth.revoke = { url: 'https://a.example' }; },
    'no scopes': (f) => { delete f.oauth.scopes; },
    'scopes and none': (f) => { f.oauth.scope = 'none'; },
    'another risk': (f) => { f.oauth.scopes.read.risk = 'tiny'; },
    'a bad path': (f) => { f.oauth.account.id = 'a..b'; },
    'four paths': (f) => { f.oauth.account.id = ['a', 'b', 'c', 'd']; },
    'a list where a map is': (f) => { f.oauth.variables = []; },
    'a bad variable': (f) => { f.oauth.variables.Sub = { from: 'start', check: 'label' }; },
    'a variable from nowhere': (f) => { f.oauth.variables.sub.from = 'moon'; },
    'a life of no seconds': (f) => { f.oauth.expiry = { assume: 0 }; },
    'a host with a path': (f) => { f.api.hosts = ['https://acme.example/x']; },
    'no hosts': (f) => { f.api.hosts = []; },
    'auth that is nothing': (f) => { f.api.auth = 'query'; },
    'a kind of resource in capitals': (f) => { f.resources.Note = {}; },
    'a pointer that is none': (f) => { f.resources.note.context.private = 'p'; },
    'tools that are no list': (f) => { f.tools = {}; },
    'a tool of one word': (f) => { f.tools[0].name = 'get'; },
    'a tool without a sentence': (f) => { delete f.tools[0].says; },
    'another effect': (f) => { f.tools[0].effect = 'grow'; },
    'another method': (f) => { f.tools[0].request[0].method = 'TRACE'; },
    'open arguments': (f) => { delete f.tools[0].input.additionalProperties; },
    'arguments that are a list': (f) => { f.tools[0].input.type = 'array'; },
    'fields that are none': (f) => { f.tools[0].select.fields = []; },
    'a mail without a text': (f) => { Object.assign(f.tools[0].request[0], { method: 'POST', mail: { to: 'a' }, body: { raw: '{mail}' } }); },
    'a query of two texts': (f) => { f.tools[0].request[0].query.q = ['a', 'b']; },
  };
  for (const [name, spoil] of Object.entries(bad)) {
    test(`both refuse ${name}`, async () => {
      const file = good();
      spoil(file);
      assert.equal(valid(file), false);
      assert.equal((await checks(JSON.stringify(file))).good, false);
    });
  }
});
