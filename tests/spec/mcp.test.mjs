// SPDX-License-Identifier: Apache-2.0
// Rows of tests/rows/MC.txt: what a vault's MCP endpoint refuses, each by the clause it comes from.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { acmeStage } from '../lib/acme.mjs';
import { Jar, decideAtSandbox, firstForm, land, openLink } from '../lib/consent.mjs';
import { Endpoint, events } from '../lib/mcp.mjs';
import { Ends, sleep, waitFor } from '../lib/process.mjs';

const protocol = 'io.modelcontextprotocol/protocolVersion';

/** A request whose Host is what the test says; fetch would not send it. */
const withHost = (endpoint, host, body) => new Promise((done, failed) => {
  const { port, pathname } = new URL(endpoint.url);
  const asked = request({
    host: '127.0.0.1', port, path: pathname, method: 'POST',
    headers: { host, authorization: `Bearer ${endpoint.token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
  }, (answer) => { answer.resume(); answer.on('end', () => done(answer.statusCode)); });
  asked.on('error', failed);
  asked.end(body);
});

describe('MCP, clause by clause', () => {
  const ends = new Ends();
  let s;

  before(async () => { s = await acmeStage(ends); });
  after(() => ends.run());

  const fresh = async (policy) => new Endpoint(await s.newVault(policy));
  const pendingOf = async (vault) => (await s.daemon.api('GET', '/approvals?state=pending')).items.filter((one) => one.vault === vault);
  const begun = (version = '2025-11-25') => JSON.stringify({
    jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: version, capabilities: {}, clientInfo: { name: 't', version: '0' } },
  });

  test('MC-05 Streamable HTTP, Security: a foreign Origin is 403, in every method and whoever asks', async () => {
    const e = await fresh();
    await e.initialize();
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', `${s.daemon.url}.evil.example`, 'file://', '']) {
      for (const [method, body] of [['POST', begun()], ['GET', undefined], ['DELETE', undefined]]) {
        const answer = await Endpoint.read(await e.send(body, { method, headers: { origin, 'mcp-session-id': e.session } }));
        assert.equal(answer.status, 403, `${method} from '${origin}': ${answer.text}`);
        assert.equal(answer.headers.get('access-control-allow-origin'), null);
      }
      assert.equal((await e.send(begun(), { headers: { origin }, token: null })).status, 403);
    }
    assert.equal((await e.legacy('ping')).status, 200, 'the session has not been ended by them');
  });

  test('MC-05 Streamable HTTP, DNS rebinding: a Host that is not ours is 403', async () => {
    const e = await fresh();
    const { port, host } = new URL(e.url);
    for (const other of ['evil.example', `evil.example:${port}`, `localhost.evil.example:${port}`, `10.0.0.1:${port}`, 'localhost@evil.example']) {
      assert.ok([400, 403].includes(await withHost(e, other, begun())), other);
    }
    assert.equal(await withHost(e, `evil.example:${port}`, begun()), 403);
    for (const ours of [host, `127.0.0.1:${port}`, `[::1]:${port}`]) assert.equal(await withHost(e, ours, begun()), 200, ours);
  });

  test('MC-06 2026-07-28, Standard request headers: what they say is what the body says, or 400 and nothing is done', async () => {
    const e = await fresh('name: All\nservices:\n  acme: {default: allow}\n');
    const call = { name: 'acme_notes_send', arguments: { to: 'bo', text: 'headers' } };
    const before = s.upstream.seen.length;
    const cases = [
      { 'mcp-method': 'tools/list' }, { 'mcp-method': 'Tools/Call' }, { 'mcp-method': '' }, { 'mcp-method': 'tools/call, tools/list' },
      { 'mcp-name': 'acme_notes_list' }, { 'mcp-name': 'ACME_notes_send' }, { 'mcp-name': '' },
      { 'mcp-name': `=?base64?${Buffer.from('acme_notes_list').toString('base64')}?=` },
      { 'mcp-name': '=?base64?!!!?=' },
      { 'mcp-protocol-version': '2025-11-25' }, { 'mcp-protocol-version': '2026-07-28 x' }, { 'mcp-protocol-version': '' },
    ];
    for (const headers of cases) {
      const { status, body, text } = await e.modern('tools/call', call, { headers });
      assert.equal(status, 400, `${JSON.stringify(headers)}: ${text}`);
      assert.equal(body.error.code, -32020, text);
    }
    for (const missing of ['mcp-method', 'mcp-name', 'mcp-protocol-version']) {
      const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': call.name };
      delete headers[missing];
      const answer = await Endpoint.read(await e.send({
        jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...call, _meta: { [protocol]: '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} } },
      }, { headers }));
      assert.deepEqual([answer.status, answer.body.error.code], [400, -32020], missing);
    }
    assert.equal(s.upstream.seen.length, before, 'no request has left');
    s.upstream.answer = () => ({ status: 201, body: { id: 1 } });
    const good = await e.modern('tools/call', call, { headers: { 'mcp-name': `=?base64?${Buffer.from(call.name).toString('base64')}?=`, 'mcp-param-region': 'eu' } });
    assert.equal(good.body.result.isError, false, good.text);
  });

  test('MC-09 elicitation, URL mode: the address holds no secret and says the same to everybody', async () => {
    await s.daemon.api('POST', '/users', { subject: 'nora' });
    const vault = await s.daemon.api('POST', '/vaults', { user: 'nora', name: 'Nora', policy: 'name: New\nservices:\n  acme: {default: allow}\n' });
    const e = new Endpoint(vault);
    const asked = await e.modern('tools/call', { name: 'acme_notes_list', arguments: { folder: 'x' } }, { capabilities: { elicitation: { url: {} } } });
    const { url } = asked.body.result.inputRequests.connect.params;
    assert.equal(url, `${s.daemon.url}/mend/not_connected/acme`);
    const page = await fetch(url, { redirect: 'manual' });
    const html = await page.text();
    assert.equal(page.status, 200);
    for (const secret of [vault.token, vault.id, 'vk_', 'nora']) assert.ok(!html.includes(secret), secret);
    assert.equal((await s.daemon.list('/connections?user=nora')).length, 0, 'looking at it connects nothing');
  });

  test('MC-09 elicitation, URL mode: what one browser has begun another cannot finish', async () => {
    const { url } = await s.daemon.api('POST', '/connections/start', { user: 'nora', service: 'acme' });
    const [mine, other] = [new Jar(), new Jar()];
    const callback = await decideAtSandbox(mine, await openLink(mine, url), { user: 'ada' });
    assert.ok((await land(other, callback)).status >= 400);
    assert.equal((await s.daemon.list('/connections?user=nora')).length, 0);
    const again = await (await other.fetch(url)).text();
    assert.ok(!/<form/i.test(again) || (await other.submit(firstForm(again, url))).status >= 400, 'the link is the first browser\'s');
    assert.equal((await s.daemon.list('/connections?user=nora')).length, 0);
  });

  test('MC-11 approvals: another spelling of the same call is another request, and is not carried out by the yes to the first', async () => {
    const vault = await s.newVault();
    const e = new Endpoint(vault);
    await e.initialize();
    s.upstream.answer = (r) => ({ status: 201, body: { got: r.body.length } });
    const before = s.upstream.writes().length;
    const send = (args, id) => e.send(`{"jsonrpc":"2.0","id":"${id}","method":"tools/call","params":{"name":"acme_notes_send","arguments":${args}}}`, { headers: { 'mcp-session-id': e.session } })
      .then(async (answer) => ({ text: await answer.text() }));
    const approved = '{"to":"bo","text":"pay","amount":1.50}';
    const first = send(approved, 'first');
    const [asked] = await waitFor(async () => { const all = await pendingOf(vault.id); return all.length && all; }, { what: 'the question' });
    const others = ['{"text":"pay","to":"bo","amount":1.50}', '{"to":"bo","text":"pay","amount":1.5}'];
    const spelled = others.map((args, i) => send(args, `other${i}`));
    await waitFor(async () => (await pendingOf(vault.id)).length === 3, { what: 'a question each' });
    await s.approve(asked.id);
    const [message] = events((await first).text).filter((m) => m.id === 'first');
    assert.equal(message.result.isError, false, JSON.stringify(message));
    await sleep(300);
    assert.deepEqual(s.upstream.writes().slice(before).map((r) => r.body), ['{"to":"bo","text":"pay","amount":1.50}']);
    assert.equal((await pendingOf(vault.id)).length, 2, 'the others still wait');
    for (const one of await pendingOf(vault.id)) await s.deny(one.id);
    for (const text of await Promise.all(spelled)) assert.match(text.text, /"isError":true/);
    assert.equal(s.upstream.writes().length, before + 1);
  });

  test('MC-11 approvals: a changed argument, account or tool is another request too', async () => {
    const vault = await s.newVault();
    const e = new Endpoint(vault);
    await e.initialize();
    const before = s.upstream.writes().length;
    const calls = [['acme_notes_send', { to: 'bo', text: 'a' }], ['acme_notes_send', { to: 'eve', text: 'a' }], ['acme_notes_replace', { id: 1, text: 'a' }]]
      .map(([name, args], i) => e.legacy('tools/call', { name, arguments: args }, { id: `c${i}` }));
    const all = await waitFor(async () => { const found = await pendingOf(vault.id); return found.length === 3 && found; }, { what: 'three questions' });
    const one = all.find((a) => a.summary === 'Send to bo: a');
    assert.ok(one, JSON.stringify(all.map((a) => a.summary)));
    for (const other of all.filter((a) => a !== one)) await s.deny(other.id);
    await s.approve(one.id);
    await Promise.all(calls);
    assert.deepEqual(s.upstream.writes().slice(before).map((r) => JSON.parse(r.body)), [{ to: 'bo', text: 'a' }]);
  });
});
