// SPDX-License-Identifier: Apache-2.0
// Service files out of OpenAPI documents that were not made for it, and out of such that are not good.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

import { Ends, binary, folder, run } from '../lib/process.mjs';

const packages = new URL('../node_modules/', import.meta.url).pathname;
const schema = JSON.parse(readFileSync(new URL('../../docs/service.schema.json', import.meta.url), 'utf8'));
const valid = new Ajv2020({ strict: false }).compile(schema);
const ends = new Ends();
const at = folder(ends);
let count = 0;

async function importing(file, args = []) {
  const to = join(at, `made-${++count}.yaml`);
  const done = await run(binary, ['service', 'import-openapi', file, '--output', to, '--json', ...args]);
  assert.equal(done.code, 0, done.err);
  const checked = await run(binary, ['service', 'check', to]);
  assert.equal(checked.code, 0, checked.err);
  const made = parse(readFileSync(to, 'utf8'));
  assert.ok(valid(made), JSON.stringify(valid.errors?.slice(0, 3)));
  return { made, counts: JSON.parse(done.out) };
}

async function refused(document) {
  const file = join(at, `bad-${++count}`);
  writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
  const done = await run(binary, ['service', 'import-openapi', file]);
  assert.notEqual(done.code, 0, done.out.slice(0, 500));
  assert.equal(done.out, '');
  return done.err;
}

const tool = (made, name) => made.tools.find((t) => t.name === name);

describe('import-openapi', { concurrency: 1 }, () => {
  after(() => ends.run());

  test('GitHub: JSON of 13 MB without a word on OAuth', async () => {
    const document = join(packages, '@octokit/openapi/generated/api.github.com.json');
    const { made, counts } = await importing(document);
    assert.equal(counts.tools, 128);
    assert.equal(made.tools.length, 128);
    const operations = Object.values(JSON.parse(readFileSync(document, 'utf8')).paths)
      .flatMap((p) => Object.keys(p).filter((m) => ['get', 'post', 'put', 'patch', 'delete'].includes(m))).length;
    assert.equal(counts.tools + counts.no_room + counts.left_out, operations, 'every operation is accounted for');
    assert.equal(counts.oauth, false);
    assert.match(made.oauth.token_url, /^https:\/\/replace-me\.invalid\//);
    assert.equal(made.oauth.account.url, 'https://api.github.com/user');
    const { made: some } = await importing(document, ['--match', 'issues/', '--match', 'pulls/merge']);
    const create = tool(some, 'issues.create');
    assert.equal(create.effect, 'write');
    assert.equal(create.request.path, '/repos/{owner}/{repo}/issues');
    assert.equal(create.request.body.title, '{title}');
    assert.deepEqual([...create.input.required].sort(), ['owner', 'repo', 'title']);
    assert.equal(tool(some, 'pulls.merge').request.method, 'PUT');
    assert.equal(tool(some, 'issues.delete_label').effect, 'destructive');
  });

  test('Figma: YAML with OAuth', async () => {
    const { made, counts } = await importing(join(packages, '@figma/rest-api-spec/openapi/openapi.yaml'));
    assert.equal(counts.no_room, 0);
    assert.equal(counts.oauth, true);
    assert.equal(made.oauth.authorize_url, 'https://www.figma.com/oauth');
    assert.equal(made.oauth.refresh_url, 'https://api.figma.com/v1/oauth/refresh');
    assert.ok(made.oauth.scopes['file_content:read'].says);
    const get = tool(made, 'files.get_file');
    assert.equal(get.request.path, '/v1/files/{file_key}');
    assert.ok(get.scopes.includes('file_content:read'));
    assert.ok(get.select.fields.includes('lastModified'));
    assert.match(get.described, /Figma API, version 0\.43\.0/);
  });

  test('GitBook: OpenAPI 3.1 with an address that has a variable', async () => {
    const { made, counts } = await importing(join(packages, '@gitbook/api/spec/openapi.json'));
    assert.equal(counts.oauth, true);
    assert.equal(made.api.base, 'https://api.gitbook.com/v1');
    assert.deepEqual(made.api.hosts, ['https://api.gitbook.com']);
    assert.equal(counts.tools, 128);
    assert.equal(made.oauth.scopes['space:write'].risk, 'high');
  });

  const small = (more = {}, operation = {}) => ({
    openapi: '3.0.3', info: { title: 'Acme', version: '1' }, servers: [{ url: 'https://acme.example/v1/' }],
    paths: { '/things/{id}': { get: { operationId: 'getThing', tags: ['Things'], parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }], ...operation } } },
    ...more,
  });

  test('what is no OpenAPI 3 document, or has nothing to call, is refused with a reason', async () => {
    assert.match(await refused(small({ openapi: '2.0' })), /no OpenAPI 3 document/);
    assert.match(await refused({ swagger: '2.0', info: {}, paths: {} }), /no OpenAPI 3 document/);
    assert.match(await refused('{"openapi": "3.0.0", '), /no JSON/);
    assert.match(await refused('openapi: 3.0.0\n\tpaths: {}'), /:2: /);
    assert.match(await refused('just a text'), /no OpenAPI 3 document/);
    assert.match(await refused(small({ servers: [] })), /'servers' names no https address/);
    assert.match(await refused(small({ servers: [{ url: 'http://acme.example' }, { url: '/v1' }, { url: 'https://a@b' }] })), /'servers'/);
    assert.match(await refused(small({ paths: {} })), /none of its operations/);
    assert.match(await refused(small({ paths: [] })), /no 'paths'/);
    assert.match(await refused(`${'['.repeat(100000)}`), /no OpenAPI|no JSON|too|nested|depth/i);
    assert.match(await refused(`{"openapi":"3.0.0","a":${'['.repeat(1000)}${']'.repeat(1000)}}`), /too large|no JSON/);
  });

  test('operations that no tool can be are left out and counted, the others stay', async () => {
    const parameter = (p) => ({ paths: { '/a': { get: { parameters: [p] } }, ...small().paths } });
    const file = join(at, 'some.json');
    for (const [more, left] of [
      [{ paths: { ...small().paths, '/undeclared/{x}': { get: {} } } }, 1],
      [{ paths: { ...small().paths, 'no-slash': { get: {} } } }, 1],
      [{ paths: { ...small().paths, '/up': { post: { requestBody: { required: true, content: { 'multipart/form-data': {} } } } } } }, 1],
      [parameter({ name: 'c', in: 'cookie', required: true, schema: {} }), 1],
      [parameter({ name: 'c', in: 'cookie', schema: {} }), 0],
      [parameter({ name: 'Authorization', in: 'header', required: true, schema: {} }), 0],
      [parameter({ $ref: '#/nowhere' }), 1],
      [{ paths: { ...small().paths, '/loop': { get: { parameters: [{ $ref: '#/a' }] } } }, a: { $ref: '#/b' }, b: { $ref: '#/a' } }, 1],
    ]) {
      writeFileSync(file, JSON.stringify(small(more)));
      const { made, counts } = await importing(file);
      assert.equal(counts.left_out, left, JSON.stringify(more));
      assert.ok(tool(made, 'things.get_thing'));
    }
  });

  test('texts, names and schemas of a stranger stay texts, names and schemas', async () => {
    const file = join(at, 'strange.json');
    const recursive = { type: 'object', properties: { next: { $ref: '#/components/schemas/Node' }, n: { type: ['integer', 'null'] } } };
    writeFileSync(file, JSON.stringify(small({
      info: { title: 'A\u202eB {x} "q": \n# no\tway\u001b[31m', version: '1\n2', description: '\n\n' },
      components: { schemas: { Node: recursive } },
      paths: {
        '/things/{id}': small().paths['/things/{id}'],
        '/n': {
          post: {
            operationId: '../../etc/Passwd--X', summary: '{id}\u2028{1.sha} {@now}', requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Node' } } } },
            parameters: [{ name: 'filter[a b]', in: 'query', schema: { type: 'array', items: { type: 'string' } } },
              { name: 'n', in: 'query', schema: { enum: ['a', 'a', null, 1] } }],
          },
        },
      },
    })));
    const { made } = await importing(file);
    assert.ok(!/[\u0000-\u001f\u202e\u2028{}]/.test(made.name), JSON.stringify(made.name));
    const strange = made.tools.find((t) => t.request.method === 'POST');
    assert.match(strange.name, /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/);
    assert.ok(!/[{}]/.test(strange.title + strange.summary));
    assert.deepEqual(strange.request.query['filter[a b]'], ['{filter_a_b}']);
    assert.deepEqual(strange.input.properties.n.enum, ['a', 1]);
    assert.equal(strange.request.body.n, '{n_2}');
    assert.equal(strange.input.properties.next.properties.next.type, 'object');
  });
});
