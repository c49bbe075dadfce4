// SPDX-License-Identifier: Apache-2.0
// The endpoint by hand, in both eras: what is refused and how, sessions, streams, held calls.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';

import { acmePolicy, acmeStage } from '../lib/acme.mjs';
import { Endpoint, events } from '../lib/mcp.mjs';
import { Ends, sleep, waitFor } from '../lib/process.mjs';

const meta = 'io.modelcontextprotocol/';

/** The status that a request of so many bytes gets for its head. */
const judged = (url, bytes) => new Promise((done, failed) => {
  const asked = request(url, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': bytes } });
  asked.on('response', (answer) => { done(answer.statusCode); asked.destroy(); });
  asked.on('error', failed);
  asked.flushHeaders();
});

describe('MCP endpoint', { concurrency: 4 }, () => {
  const ends = new Ends();
  let s;

  before(async () => { s = await acmeStage(ends); });
  after(() => ends.run());

  const fresh = async (policy) => new Endpoint(await s.newVault(policy));
  const pending = (vault) => waitFor(async () => (await s.daemon.api('GET', '/approvals?state=pending')).items
    .find((one) => !vault || one.vault === vault), { what: 'the approval' });

  test('MC-01 without a token, with a bad one, with another vault\'s: 401, and all bad ones look the same', async () => {
    const [mine, other] = [await fresh(), await fresh()];
    const nowhere = { url: mine.url.replace(/.{4}$/, '0000'), token: mine.token };
    const answers = [
      await mine.modern('tools/list', {}, { token: null }),
      await mine.modern('tools/list', {}, { token: 'vk_vault_x' }),
      await mine.modern('tools/list', {}, { token: other.token }),
      await Object.assign(new Endpoint({}), nowhere).modern('tools/list'),
      await mine.legacy('tools/list', {}, { token: other.token }),
    ];
    for (const { status, text, headers } of answers) {
      assert.equal(status, 401, text);
      assert.match(headers.get('www-authenticate'), /^Bearer/);
      if (text === answers[0].text) assert.doesNotMatch(headers.get('www-authenticate'), /error=/);
      else assert.match(headers.get('www-authenticate'), /error="invalid_token"/);
    }
    assert.equal(new Set(answers.slice(1).map((answer) => answer.text)).size, 1);
    assert.equal((await mine.modern('tools/list', {}, { token: s.daemon.token })).status, 401, 'an admin is no agent');
  });

  test('a foreign Origin is refused, our own and none are not', async () => {
    const e = await fresh();
    assert.equal((await e.modern('tools/list', {}, { headers: { origin: 'https://evil.example' } })).status, 403);
    assert.equal((await e.modern('tools/list', {}, { headers: { origin: s.daemon.url } })).status, 200);
  });

  test('only JSON, only one message, only JSON-RPC', async () => {
    const e = await fresh();
    assert.equal((await e.modern('tools/list', {}, { headers: { 'content-type': 'text/plain' } })).status, 415);
    for (const [body, code] of [['{', -32700], ['[]', -32600], ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600],
      ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600], ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
      ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600], ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32700],
      [`${'['.repeat(100)}${']'.repeat(100)}`, -32700]]) {
      const answer = await Endpoint.read(await e.send(body));
      assert.equal(answer.status, 400, body);
      assert.equal(answer.body.error.code, code, body);
      assert.equal(answer.body.id, null);
    }
  });

  test('a message may have 4 MiB here, and 1 MiB elsewhere', async () => {
    const e = await fresh();
    const padded = (n) => {
      const message = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: { [`${meta}protocolVersion`]: '2026-07-28', [`${meta}clientCapabilities`]: {}, pad: '' } } };
      message.params._meta.pad = 'x'.repeat(n - JSON.stringify(message).length);
      return JSON.stringify(message);
    };
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
    const most = 4 * 1024 * 1024;
    assert.equal((await e.send(padded(most), { headers })).status, 200);
    assert.equal(await judged(e.url, most + 1), 413);
    const inChunks = await fetch(e.url, {
      method: 'POST', duplex: 'half', body: new Blob([padded(most)]).stream(),
      headers: { ...headers, authorization: `Bearer ${e.token}`, 'content-type': 'application/json' },
    });
    assert.equal(inChunks.status, 200);
    const call = await e.modern('tools/call', { name: 'acme_notes_send', arguments: { to: 'bo', text: 'x'.repeat(2 * 1024 * 1024) } });
    assert.equal(call.body.result.isError, true, call.text.slice(0, 200));
    assert.equal(await judged(`${s.daemon.url}/api/v1/users`, 1024 * 1024 + 1), 413);
  });

  test('an id comes back as it was sent, digit by digit', async () => {
    const e = await fresh();
    await e.initialize();
    for (const id of ['12345678901234567890', '"a\\u00e9\\"b"', '-0', '7']) {
      const answer = await e.send(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`, { headers: { 'mcp-session-id': e.session } });
      assert.ok((await answer.text()).includes(`"id":${id},`), id);
    }
  });

  test('2026-07-28: headers are held against the body', async () => {
    const e = await fresh();
    const refused = async (answer, code, status = 400) => {
      const { status: is, body, text } = await answer;
      assert.equal(is, status, text);
      assert.equal(body.error.code, code, text);
      return body.error;
    };
    await refused(e.modern('tools/list', {}, { headers: { 'mcp-protocol-version': '2025-11-25' } }), -32020);
    await refused(e.modern('tools/list', {}, { headers: { 'mcp-method': 'tools/call' } }), -32020);
    await refused(e.modern('tools/call', { name: 'a' }, { headers: { 'mcp-name': 'b' } }), -32020);
    await refused(e.modern('tools/call', { name: 'é' }, { headers: { 'mcp-name': '=?base64?w6k=?=' } }), -32602, 200);
    await refused(e.modern('tools/list', {}, { claim: { [`${meta}clientCapabilities`]: undefined } }), -32602);
    await refused(e.modern('tools/list', {}, { claim: { [`${meta}protocolVersion`]: undefined } }), -32602);
    const old = await refused(e.modern('tools/list', {}, {
      claim: { [`${meta}protocolVersion`]: '2099-01-01' }, headers: { 'mcp-protocol-version': '2099-01-01' },
    }), -32022);
    assert.deepEqual(old.data, { supported: ['2026-07-28'], requested: '2099-01-01' });
    for (const gone of ['ping', 'initialize', 'logging/setLevel', 'resources/subscribe', 'nothing/at/all']) {
      await refused(e.modern(gone), -32601, 404);
    }
  });

  test('2026-07-28: every result says its type, lists say how long they hold', async () => {
    const e = await fresh();
    for (const method of ['server/discover', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']) {
      const { body, text } = await e.modern(method);
      assert.equal(body.result.resultType, 'complete', text);
      assert.ok(Number.isInteger(body.result.ttlMs), text);
      assert.equal(body.result.cacheScope, 'private');
      assert.equal(body.result._meta[`${meta}serverInfo`].name, 'valetkey');
    }
    assert.equal((await e.modern('resources/read', { uri: 'test://x' })).body.error.data.uri, 'test://x');
    assert.equal((await e.modern('tools/list', { cursor: 'nothing' })).body.error.code, -32602);
  });

  test('before: sessions are the vault\'s own, and end', async () => {
    const [e, other] = [await fresh(), await fresh()];
    const { body } = await e.initialize('2024-11-05');
    assert.equal(body.result.protocolVersion, '2024-11-05');
    assert.equal((await other.initialize('1999-01-01')).body.result.protocolVersion, '2025-11-25');
    assert.match(e.session, /^[\x21-\x7e]{32,}$/);
    assert.equal((await e.legacy('ping')).text, '{"jsonrpc":"2.0","id":1,"result":{}}');
    assert.equal((await e.legacy('notifications/initialized', {}, { id: null })).status, 202);
    assert.equal((await e.legacy('nothing')).body.error.code, -32601);
    assert.equal((await e.legacy('ping', {}, { headers: { 'mcp-protocol-version': '1999-01-01' } })).status, 400);
    for (const [session, status] of [[undefined, 400], ['0'.repeat(32), 404], [other.session, 404]]) {
      const answer = await Endpoint.read(await e.send({ jsonrpc: '2.0', id: 1, method: 'ping' },
        { headers: session ? { 'mcp-session-id': session } : {} }));
      assert.equal(answer.status, status, answer.text);
    }
    assert.equal((await e.send(undefined, { method: 'DELETE', headers: { 'mcp-session-id': e.session } })).status, 204);
    assert.equal((await e.legacy('ping')).status, 404);
  });

  test('a new policy is told on every open stream, and a paused vault ends them', async () => {
    const vault = await s.newVault();
    const e = new Endpoint(vault);
    await e.initialize();
    const get = await e.send(undefined, { method: 'GET', headers: { 'mcp-session-id': e.session, accept: 'text/event-stream' } });
    assert.match(get.headers.get('content-type'), /^text\/event-stream/);
    const legacy = get.text();
    const listen = e.modern('subscriptions/listen', { notifications: { toolsListChanged: true, promptsListChanged: true } });
    await sleep(300);
    await s.daemon.api('PUT', `/vaults/${vault.id}/policy`, acmePolicy.replace('notes.send: approve', 'notes.send: block'), { type: 'text/yaml' });
    await waitFor(async () => !(await e.modern('tools/list')).text.includes('notes_send'), { what: 'the new list' });
    await sleep(2500);
    await s.daemon.api('POST', `/vaults/${vault.id}/pause`);
    assert.deepEqual(events(await legacy).map((m) => m.method), ['notifications/tools/list_changed']);
    const heard = events((await listen).text);
    assert.deepEqual(heard[0].params.notifications, { toolsListChanged: true });
    assert.deepEqual(heard.map((m) => m.method ?? m.result.resultType),
      ['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed', 'complete']);
    for (const one of heard.slice(0, 2)) assert.equal(one.params._meta[`${meta}subscriptionId`], 1);
  });

  test('MC-10 2026-07-28, input_required: a held call ends its leg in time, and the state serves that very call alone', async () => {
    const vault = await s.newVault();
    const e = new Endpoint(vault);
    const args = { to: 'bo', text: 'legs' };
    const first = await e.modern('tools/call', { name: 'acme_notes_send', arguments: args });
    const { resultType, requestState, inputRequests } = first.body.result;
    assert.equal(resultType, 'input_required', first.text);
    assert.equal(inputRequests, undefined);
    const again = (params, endpoint = e) => endpoint.modern('tools/call', { name: 'acme_notes_send', arguments: args, requestState, ...params });
    const turned = `${requestState.slice(0, -2)}${requestState.endsWith('AA') ? 'BB' : 'AA'}`;
    assert.equal((await again({ requestState: turned })).body.error.code, -32602);
    assert.equal((await again({ arguments: { ...args, to: 'eve' } })).body.error.code, -32602);
    assert.equal((await again({}, await fresh())).body.error.code, -32602, 'another vault');
    const held = again({});
    await sleep(300);
    const one = await pending(vault.id);
    const before = s.upstream.writes().length;
    await s.daemon.api('POST', `/approvals/${one.id}/approve`, {});
    assert.equal((await held).body.result.isError, false);
    assert.equal(s.upstream.writes().length, before + 1);
    await again({});
    assert.equal(s.upstream.writes().length, before + 1, 'once, however often it is repeated');
  });

  test('2026-07-28: who hangs up withdraws the question', async () => {
    const vault = await s.newVault();
    const e = new Endpoint(vault);
    const leave = new AbortController();
    const call = e.modern('tools/call', { name: 'acme_notes_send', arguments: { to: 'bo', text: 'gone' } }, { signal: leave.signal }).catch(() => null);
    const one = await pending(vault.id);
    leave.abort();
    await call;
    await waitFor(async () => (await s.show(one.id)).state === 'cancelled', { what: 'the withdrawal' });
  });

  test('before: progress is told, hanging up withdraws nothing, notifications/cancelled does', async () => {
    const vault = await s.newVault();
    const e = new Endpoint(vault);
    await e.initialize();
    const params = (text) => ({ name: 'acme_notes_send', arguments: { to: 'bo', text }, _meta: { progressToken: 0 } });
    const leave = new AbortController();
    const call = e.legacy('tools/call', params('one'), { signal: leave.signal }).catch(() => null);
    const one = await pending(vault.id);
    leave.abort();
    await call;
    await sleep(500);
    assert.equal((await s.show(one.id)).state, 'pending');
    const second = e.legacy('tools/call', params('one'), { id: 'again' });
    await sleep(500);
    assert.equal((await e.legacy('notifications/cancelled', { requestId: 'again' }, { id: null })).status, 202);
    const ended = await second;
    const heard = events(ended.text);
    assert.ok(heard.length > 0 && heard.every((m) => m.method === 'notifications/progress' && m.params.progressToken === 0), ended.text);
    await waitFor(async () => (await s.show(one.id)).state === 'cancelled', { what: 'the withdrawal' });
  });

  test('an account that is missing is offered for connecting where the client can', async () => {
    await s.daemon.api('POST', '/users', { subject: 'unconnected' });
    const e = new Endpoint(await s.daemon.api('POST', '/vaults', {
      user: 'unconnected', name: 'New', policy: 'name: New\nservices:\n  acme: {default: allow}\n',
    }));
    const call = { name: 'acme_notes_list', arguments: { folder: 'x' } };
    const asked = await e.modern('tools/call', call, { capabilities: { elicitation: { url: {} } } });
    assert.equal(asked.body.result.resultType, 'input_required', asked.text);
    assert.equal(asked.body.result.inputRequests.connect.params.mode, 'url');
    assert.ok(asked.body.result.inputRequests.connect.params.url.startsWith(`${s.daemon.url}/mend/`));
    assert.equal((await e.modern('tools/call', call)).body.result.isError, true);
    await e.initialize('2025-11-25', { elicitation: { url: {} } });
    assert.equal((await e.legacy('tools/call', call)).body.error.code, -32042);
  });

  test('several accounts: the list offers a choice, and the call takes it', async () => {
    const vault = await s.newVault();
    const e = new Endpoint(vault);
    for (const alias of ['work', 'home']) {
      await s.daemon.api('POST', `/vaults/${vault.id}/bindings`, { service: 'acme', connection: s.connection.id, alias });
    }
    const { tools } = (await e.modern('tools/list')).body.result;
    assert.deepEqual(tools[0].inputSchema.properties.account.enum, ['home', 'work']);
    s.upstream.answer = () => ({ body: { items: [] } });
    const good = await e.modern('tools/call', { name: tools[0].name, arguments: { account: 'home', folder: 'chosen' } });
    assert.equal(good.body.result.isError, false, good.text);
    assert.ok(s.upstream.seen.some((r) => r.url.startsWith('/folders/chosen/notes')));
    const bad = await e.modern('tools/call', { name: tools[0].name, arguments: { account: 'nobody', folder: 'x' } });
    assert.equal(bad.body.result.isError, true, bad.text);
  });
});

test('a daemon that is stopped does not wait for who only listens, and a call that waits for a person goes on afterwards', async (t) => {
  const s = await acmeStage(t);
  const e = new Endpoint(s.vault);
  await e.initialize();
  const streams = [
    e.modern('subscriptions/listen', { notifications: { toolsListChanged: true } }),
    e.send(undefined, { method: 'GET', headers: { 'mcp-session-id': e.session, accept: 'text/event-stream' } }).then((answer) => answer.text()),
  ];
  const call = { name: 'acme_notes_send', arguments: { to: 'bo', text: 'across a restart' } };
  const leg = e.modern('tools/call', call);
  const one = await waitFor(async () => (await s.daemon.api('GET', '/approvals?state=pending')).items[0], { what: 'the approval' });
  const began = Date.now();
  await s.daemon.stop();
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
  await Promise.all(streams);
  const { result } = (await leg).body;
  assert.equal(result.resultType, 'input_required');
  await s.daemon.start();
  const again = e.modern('tools/call', { ...call, requestState: result.requestState });
  await sleep(300);
  await s.approve(one.id);
  assert.equal((await again).body.result.isError, false);
  assert.equal(s.upstream.writes().length, 1);
});

test('sixty-four large messages at a time, whoever sends them: the next is refused, small ones are served, and memory has its bound', async (t) => {
  const s = await acmeStage(t);
  const e = new Endpoint(s.vault);
  const { port, pathname } = new URL(e.url);
  const most = 4 * 1024 * 1024;
  const sockets = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  const sendAllButOne = () => new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.once('error', failed);
    socket.once('data', (answer) => failed(new Error(`${answer}`)));
    socket.write(`POST ${pathname} HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nContent-Length: ${most}\r\n\r\n`);
    socket.write(Buffer.alloc(most - 1, 120), done);
  });
  const before = s.daemon.memory().gate;
  await Promise.all(Array.from({ length: 64 }, sendAllButOne));
  await waitFor(() => s.daemon.memory().gate > 200 * 1024 * 1024, { what: 'their bodies' });
  for (let i = 0; i < 20; i++) assert.equal(await judged(e.url, most), 503);
  assert.equal((await e.modern('tools/list')).status, 200, 'small ones are served');
  const grown = s.daemon.memory();
  assert.ok(grown.gate - before < 64 * (most + 64 * 1024) + 32 * 1024 * 1024, `${grown.gate - before} bytes more in gate`);
  assert.ok(grown.core < 64 * 1024 * 1024, `${grown.core} bytes in core`);
  sockets.splice(0).forEach((socket) => socket.destroy());
  const large = JSON.stringify({
    jsonrpc: '2.0', id: 1, method: 'tools/list',
    params: { _meta: { [`${meta}protocolVersion`]: '2026-07-28', [`${meta}clientCapabilities`]: {}, pad: 'x'.repeat(3 * 1024 * 1024) } },
  });
  await waitFor(async () => (await e.send(large, { headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' } })).status === 200,
    { what: 'room for a large one' });
});
