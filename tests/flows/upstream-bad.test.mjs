// SPDX-License-Identifier: Apache-2.0
// A remote MCP server that answers too much, without end, too deep, or with a schema that explodes for whoever follows it:
// the call or the list ends at a limit, and another server's tools are served all the while.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startDaemon } from '../lib/daemon.mjs';
import { Endpoint } from '../lib/mcp.mjs';
import { Peer, z } from '../lib/peer.mjs';

const json = { 'content-type': 'application/json' };
const stream = { 'content-type': 'text/event-stream' };
const deep = (n) => `${'['.repeat(n)}${']'.repeat(n)}`;
const result = (id, inner) => `{"jsonrpc":"2.0","id":${id},"result":${inner}}`;

/** Writes @p piece again and again until the other side has gone. */
function endless(response, piece) {
  const again = () => { if (!response.destroyed) response.write(piece, () => setImmediate(again)); };
  again();
}

/** Answers to a call, by name: what is wrong with them is the name. */
const answers = {
  '50 MB in one piece': (response, id) => response.writeHead(200, json)
    .end(result(id, `{"content":[{"type":"text","text":"${'x'.repeat(50e6)}"}]}`)),
  '50 MB as one event': (response, id) => response.writeHead(200, stream)
    .end(`data: ${result(id, `{"content":[{"type":"text","text":"${'x'.repeat(50e6)}"}]}`)}\n\n`),
  'events without end': (response) => {
    response.writeHead(200, stream);
    endless(response, `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${'x'.repeat(10000)}"}}\n\n`);
  },
  'comments without end': (response) => { response.writeHead(200, stream); endless(response, `: ${'x'.repeat(10000)}\n`); },
  'one line without end': (response) => { response.writeHead(200, stream); endless(response, 'x'.repeat(65536)); },
  'a body without end': (response) => { response.writeHead(200, json); endless(response, 'x'.repeat(65536)); },
  'depth of 100,000': (response, id) => response.writeHead(200, json).end(result(id, `{"content":${deep(1e5)}}`)),
  'depth of 100,000 in an event': (response, id) => response.writeHead(200, stream).end(`data: ${result(id, `{"content":${deep(1e5)}}`)}\n\n`),
  'a length that is a lie': (response, id) => response.writeHead(200, { ...json, 'content-length': 1e9 }).end(result(id, '{"content":[]}')),
  'another request\'s answer': (response, id) => response.writeHead(200, json).end(result(id + 1, '{"content":[]}')),
  'no content': (response, id) => response.writeHead(200, json).end(result(id, '{}')),
  'no JSON': (response) => response.writeHead(200, json).end('<html>'),
  'two results in one': (response, id) => response.writeHead(200, json).end(`{"jsonrpc":"2.0","id":${id},"result":{},"result":{}}`),
  'compressed': (response) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end('x'),
};

const bomb = { type: 'object', $defs: { a0: { type: 'string' } }, properties: { x: { $ref: '#/$defs/a60' } } };
for (let i = 1; i <= 60; i++) bomb.$defs[`a${i}`] = { allOf: Array.from({ length: 10 }, () => ({ $ref: `#/$defs/a${i - 1}` })) };

const good = { name: 'good', description: 'Good', inputSchema: { type: 'object' } };
const listed = (tools, more = {}) => JSON.stringify({ tools, ttlMs: 0, cacheScope: 'private', resultType: 'complete', ...more });

async function open(t, daemonOf, id) {
  const make = (server) => {
    server.registerTool('echo', { description: 'Echo', inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({ content: [{ type: 'text', text }] }));
    return server;
  };
  const peer = await new Peer(null, { sdk: 'two', make: (server) => make(server) }).start(t);
  daemonOf.push({ id, peer });
  return peer;
}

test('MC-12 what an upstream does wrong ends at a limit, and others are served', async (t) => {
  const peers = [];
  const bad = await open(t, peers, 'bad');
  await open(t, peers, 'fine');
  const daemon = await startDaemon(t, { allow: peers.map(({ peer }) => `127.0.0.1:${peer.port}`) });
  await daemon.api('POST', '/users', { subject: 'ada' });
  const states = async () => Object.fromEntries((await daemon.api('GET', '/services/bad/tools')).items.map((i) => [i.name, i.state]));
  for (const { id, peer } of peers) {
    await daemon.api('POST', '/services/mcp', { url: peer.url, id });
    await daemon.cli(['service', 'review', id, '--accept']);
  }
  const vault = await daemon.api('POST', '/vaults', { user: 'ada', name: 'Both', policy: 'name: Both\nservices:\n  bad: {default: allow}\n  fine: {default: allow}\n' });
  const end = new Endpoint(vault);
  const call = async (name) => (await end.modern('tools/call', { name, arguments: { text: 'hello' } })).body.result;
  const others = async () => assert.equal((await call('fine_echo')).content[0].text, 'hello');
  const before = daemon.children();

  /** Answers requests of @p method by @p answer instead. */
  const instead = (method, answer) => {
    bad.instead = (request, response) => {
      if (request.headers['mcp-method'] !== method) return false;
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => answer(response, JSON.parse(Buffer.concat(parts)).id));
      return true;
    };
  };

  for (const [name, answer] of Object.entries(answers)) {
    await t.test(`a call's answer: ${name}`, async () => {
      instead('tools/call', answer);
      const [said] = await Promise.all([call('bad_echo'), others(), others()]);
      assert.ok(!said.structuredContent);
      assert.ok(JSON.stringify(said).length < 2000, 'nothing of it is passed on');
      assert.match(said.content[0].text, /too large|form that was expected|UNKNOWN/);
      await others();
    });
  }
  bad.instead = undefined;
  assert.equal((await call('bad_echo')).content[0].text, 'hello');

  const lists = {
    'a schema that explodes is carried, not followed': [listed([{ ...good, inputSchema: bomb }]), { good: 'new' }],
    'a definition 100,000 deep refuses the list': [`{"tools":[{"name":"good","inputSchema":{"type":"object","x":${deep(1e5)}}}]}`, null],
    'a definition of a megabyte is not taken': [listed([{ ...good, description: 'x'.repeat(9e5) }]), {}],
    'two thousand tools are 128': [listed(Array.from({ length: 2000 }, (_, i) => ({ ...good, name: `t${i}` }))), 128],
    'names that cannot be told apart are one': [listed([{ ...good, name: 'a-b' }, { ...good, name: 'a_b' }, { ...good, name: 'a b' }]), { 'a-b': 'new' }],
    'pages without end have one': [listed([good], { nextCursor: 'again' }), { good: 'new' }],
  };
  for (const [name, [answer, expected]] of Object.entries(lists)) {
    await t.test(`a list: ${name}`, async () => {
      instead('tools/list', (response, id) => response.writeHead(200, json).end(result(id, answer)));
      const [looked] = await Promise.all([daemon.raw('POST', '/services/bad/tools'), others(), others()]);
      assert.equal(looked.status, expected === null ? 502 : 200, await looked.text());
      if (expected === null) return;
      const now = await states();
      delete now.echo;
      if (expected === 128) assert.ok(Object.keys(now).length >= 127);
      else assert.deepEqual(now, expected);
    });
  }

  await t.test('and nobody had to be started again', async () => {
    assert.deepEqual(daemon.children(), before);
    assert.ok(Object.values(daemon.memory()).every((bytes) => bytes < 200e6), JSON.stringify(daemon.memory()));
  });
});
