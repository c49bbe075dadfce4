// SPDX-License-Identifier: Apache-2.0
// 'valetkey mcp', driven by the official SDKs as a program on standard input and output, in both eras.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { Client as ClientTwo } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioTwo } from '@modelcontextprotocol/client/stdio';
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioOne } from '@modelcontextprotocol/sdk/client/stdio.js';

import { acmePolicy, acmeStage } from '../lib/acme.mjs';
import { Ends, binary, sleep, waitFor } from '../lib/process.mjs';

const kinds = {
  'SDK 1.x': { Client: ClientOne, Stdio: StdioOne },
  'SDK 2.x, as of 2025-11-25': { Client: ClientTwo, Stdio: StdioTwo },
  'SDK 2.x, 2026-07-28': { Client: ClientTwo, Stdio: StdioTwo, options: { versionNegotiation: { mode: 'auto' } }, modern: true },
};

const envOf = (vault) => ({ ...process.env, VALETKEY_VAULT_TOKEN: vault.token });

/** The program alone: lines in, lines out. */
function start(ends, vault, env = envOf(vault)) {
  const child = spawn(binary, ['mcp', vault.mcp_url], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const bridge = { child, out: '', err: '' };
  child.stdout.on('data', (bytes) => { bridge.out += bytes; });
  child.stderr.on('data', (bytes) => { bridge.err += bytes; });
  bridge.ended = new Promise((done) => { child.once('close', (code, signal) => done({ code, signal })); });
  bridge.say = (message) => child.stdin.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
  bridge.lines = () => bridge.out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  bridge.answer = (id) => waitFor(() => bridge.lines().find((m) => m.id === id), { what: `answer ${id}` });
  ends.after(() => { child.kill('SIGKILL'); return bridge.ended; });
  return bridge;
}

const initialize = {
  jsonrpc: '2.0', id: 'i', method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '0' } },
};

describe('valetkey mcp', () => {
  const ends = new Ends();
  let s;

  before(async () => { s = await acmeStage(ends); });
  after(() => ends.run());

  const pending = () => waitFor(async () => (await s.daemon.api('GET', '/approvals?state=pending')).items[0], { what: 'the approval' });

  for (const [kind, { Client, Stdio, options, modern }] of Object.entries(kinds)) {
    describe(kind, () => {
      let vault, client;
      const changed = [];

      before(async () => {
        vault = await s.newVault();
        const transport = new Stdio({ command: binary, args: ['mcp', vault.mcp_url], env: envOf(vault) });
        client = new Client({ name: 'test', version: '0' }, {
          ...options, ...(modern ? { listChanged: { tools: { onChanged: (...all) => changed.push(all) } } } : {}),
        });
        if (!modern) client.fallbackNotificationHandler = async (n) => { changed.push(n); };
        await client.connect(transport);
        ends.after(() => client.close());
      });

      test('lists and calls', async () => {
        s.upstream.answer = () => ({ body: { items: [{ id: 1, title: 'a\nb', user: { login: 'bo' } }] } });
        const { tools } = await client.listTools();
        assert.ok(tools.some((tool) => tool.name === 'acme_notes_list'));
        const result = await client.callTool({ name: 'acme_notes_list', arguments: { folder: 'inbox' } });
        assert.ok(!result.isError, JSON.stringify(result));
        assert.match(JSON.stringify(result), /a\\+nb/);
        await assert.rejects(client.callTool({ name: 'acme_nothing', arguments: {} }), /Unknown tool/);
      });

      test('a call that needs a person returns when it is decided, and others are served meanwhile', async () => {
        s.upstream.answer = () => ({ status: 201, body: { id: 7 } });
        const held = client.callTool({ name: 'acme_notes_send', arguments: { to: 'bo', text: kind } });
        const { id } = await pending();
        assert.ok((await client.listTools()).tools.length > 0);
        await s.daemon.cli(['approval', 'approve', id]);
        const result = await held;
        assert.ok(!result.isError, JSON.stringify(result));
      });

      test('who cancels withdraws the question', async () => {
        const stop = new AbortController();
        const held = client.callTool({ name: 'acme_notes_send', arguments: { to: 'eve', text: kind } },
          ...(Client === ClientOne ? [undefined] : []), { signal: stop.signal });
        const { id } = await pending();
        stop.abort();
        await assert.rejects(held);
        await waitFor(async () => (await s.show(id)).state === 'cancelled', { what: 'the withdrawal' });
      });

      test('hears that the tools have changed', async () => {
        await s.daemon.api('PUT', `/vaults/${vault.id}/policy`, acmePolicy.replace('notes.list: allow', 'notes.list: block'), { type: 'text/yaml' });
        await waitFor(() => changed.length > 0, { what: 'the notice' });
      });
    });
  }

  test('a session that a restart has forgotten is begun anew', async () => {
    const vault = await s.newVault();
    const bridge = start(ends, vault);
    bridge.say(initialize);
    await bridge.answer('i');
    bridge.say({ jsonrpc: '2.0', method: 'notifications/initialized' });
    bridge.say({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    assert.ok((await bridge.answer(1)).result.tools.length > 0);
    await s.daemon.stop();
    bridge.say({ jsonrpc: '2.0', id: 2, method: 'tools/list' });
    assert.ok((await bridge.answer(2)).error, 'nobody is there');
    await s.daemon.start();
    for (const id of [3, 4, 5]) bridge.say({ jsonrpc: '2.0', id, method: 'tools/list' });
    for (const id of [3, 4, 5]) assert.ok((await bridge.answer(id)).result?.tools.length > 0, JSON.stringify(bridge.lines()));
    assert.equal(bridge.lines().filter((m) => m.id === 'i').length, 1, 'the client hears nothing of it');
    bridge.child.stdin.end();
    assert.deepEqual(await bridge.ended, { code: 0, signal: null });
  });

  test('what was written in one go is answered in order of need, and the end of input ends it', async () => {
    const bridge = start(ends, await s.newVault());
    bridge.say(initialize);
    bridge.say({ jsonrpc: '2.0', method: 'notifications/initialized' });
    bridge.say({ jsonrpc: '2.0', id: 1, method: 'ping' });
    bridge.say('');
    bridge.say('{no');
    bridge.child.stdin.write('{"jsonrpc":"2.0","id":10000000000000000000001,"method":"ping"}\r\n');
    bridge.child.stdin.end();
    assert.deepEqual(await bridge.ended, { code: 0, signal: null });
    assert.equal(bridge.lines().length, 4, bridge.out);
    assert.ok(bridge.out.includes('"id":10000000000000000000001'));
    assert.equal(bridge.lines().find((m) => m.id === null).error.code, -32700);
  });

  test('a token that holds no more is an error with the same id', async () => {
    const vault = await s.newVault();
    const bridge = start(ends, vault);
    bridge.say(initialize);
    await bridge.answer('i');
    await s.daemon.api('POST', `/vaults/${vault.id}/rotate-token`);
    bridge.say({ jsonrpc: '2.0', id: 'x', method: 'tools/list' });
    assert.ok((await bridge.answer('x')).error.message);
  });

  test('no token, half a token and plain http to elsewhere are refused at the start', async () => {
    const vault = await s.newVault();
    for (const [url, token, says] of [
      [vault.mcp_url, '', /VALETKEY_VAULT_TOKEN/],
      [vault.mcp_url, vault.token.slice(0, -1), /VALETKEY_VAULT_TOKEN/],
      ['http://192.0.2.1/mcp/x', vault.token, /https/],
      ['nowhere', vault.token, /no address/],
    ]) {
      const bridge = start(ends, { mcp_url: url, token });
      assert.equal((await bridge.ended).code, 2, url);
      assert.match(bridge.err, says);
      assert.ok(!bridge.err.includes(vault.token) && bridge.out === '');
    }
  });

  test('an endpoint that floods, breaks off or answers nonsense costs that request alone', async () => {
    const ways = {
      flood: (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const piece = 'data: '.padEnd(65536, 'x');
        const pour = () => { while (response.write(piece)); };
        response.on('drain', pour);
        response.on('error', () => {});
        pour();
      },
      broken: (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: {"jsonrpc":"2.0","id":"broken","res');
        setTimeout(() => response.destroy(), 50);
      },
      nonsense: (response) => { response.writeHead(200, { 'content-type': 'application/json' }); response.end('<html>'); },
      other: (response) => { response.writeHead(200, { 'content-type': 'application/json' }); response.end('{"jsonrpc":"2.0","id":99,"result":{}}'); },
      good: (response) => { response.writeHead(200, { 'content-type': 'application/json' }); response.end('{"jsonrpc":"2.0",\n"id":"good","result":{}}\n'); },
    };
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (bytes) => { text += bytes; });
      request.on('end', () => ways[JSON.parse(text).id](response));
    });
    await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
    ends.after(() => new Promise((done) => { server.closeAllConnections(); server.close(done); }));
    const bridge = start(ends, { mcp_url: `http://127.0.0.1:${server.address().port}/mcp/x`, token: s.vault.token });
    for (const id of Object.keys(ways)) bridge.say({ jsonrpc: '2.0', id, method: 'tools/list' });
    for (const id of ['flood', 'broken', 'nonsense', 'other']) assert.ok((await bridge.answer(id)).error, id);
    assert.deepEqual((await bridge.answer('good')).result, {});
    await sleep(50);
    for (const id of Object.keys(ways)) assert.equal(bridge.lines().filter((m) => m.id === id).length, 1, id);
  });
});
