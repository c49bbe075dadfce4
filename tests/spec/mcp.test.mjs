// SPDX-License-Identifier: Apache-2.0
// Rows of tests/rows/MC.txt: what a vault's MCP endpoint refuses, each by the clause it comes from.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { acmeStage } from '../lib/acme.mjs';
import { asking, consent, granted, password, register, signIn } from '../lib/authorize.mjs';
import { Jar, decideAtSandbox, firstForm, land, openLink } from '../lib/consent.mjs';
import { Endpoint, events } from '../lib/mcp.mjs';
import { startDaemon } from '../lib/daemon.mjs';
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

describe('MCP, clause by clause: tokens and consent', () => {
  const ends = new Ends();
  let s;

  before(async () => {
    s = await acmeStage(ends);
    await s.daemon.api('POST', '/users/password', { user: s.user, password });
  });
  after(() => ends.run());

  const begin = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '0' } } };
  const ask = async (vault, token, more) => Endpoint.read(await new Endpoint(vault).send(begin, { token, ...more }));
  const metadataOf = (vault) => vault.mcp_url.replace('/mcp/', '/.well-known/oauth-protected-resource/mcp/');

  test('MC-01 RFC 9728 5.1: the 401 says where the metadata stands and what scope is wanted, and that names this very endpoint', async () => {
    const { status, headers } = await ask(s.vault, null);
    assert.equal(status, 401);
    const challenge = headers.get('www-authenticate');
    assert.equal(/resource_metadata="([^"]+)"/.exec(challenge)[1], metadataOf(s.vault));
    assert.equal(/scope="([^"]+)"/.exec(challenge)[1], 'mcp:tools');
    assert.doesNotMatch(challenge, /error=/, 'RFC 6750 3.1: nothing was wrong with what did not come');
    assert.equal((await (await fetch(metadataOf(s.vault))).json()).resource, s.vault.mcp_url);
  });

  test('MC-02 Token handling: a token for another vault, of another kind, or revoked is 401', async () => {
    const other = await s.newVault();
    const here = await granted(s.daemon, s.vault);
    const there = await granted(s.daemon, other);
    const exchanged = await s.newVault('name: Lends\nservices:\n  acme: {exchange: {effect: allow}, default: allow}\n');
    const { body: lent } = await s.daemon.exchange(exchanged.token, 'acme');
    assert.equal((await ask(s.vault, here.access_token)).status, 200);
    assert.equal((await ask(other, there.access_token)).status, 200);
    const wrong = {
      'of another vault': there.access_token, 'another vault\'s own': other.token, 'for refreshing': here.refresh_token,
      'of the provider': lent.access_token, 'of the operator': s.daemon.token, 'with a letter more': `${here.access_token}x`,
      'in capitals': here.access_token.toUpperCase(),
    };
    assert.ok(lent.access_token);
    const first = await ask(s.vault, 'vk_at_no');
    for (const [what, token] of Object.entries(wrong)) {
      const { status, text, headers } = await ask(s.vault, token);
      assert.equal(status, 401, what);
      assert.equal(text, first.text, what);
      assert.match(headers.get('www-authenticate'), /resource_metadata=/, what);
    }
    assert.equal((await s.daemon.post({ client_id: here.client.client_id, token: here.refresh_token }, { path: '/oauth/revoke' })).status, 200);
    assert.equal((await ask(s.vault, here.access_token)).status, 401, 'revoked');
  });

  test('MC-02 OAuth 2.1, Bearer: a token in the query or the body opens nothing', async () => {
    const { access_token: token } = await granted(s.daemon, s.vault);
    for (const secret of [token, s.vault.token]) {
      const at = { mcp_url: `${s.vault.mcp_url}?access_token=${secret}` };
      assert.equal((await ask(at, null)).status, 401);
      const form = await new Endpoint(s.vault).send(`access_token=${secret}`, { token: null, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
      assert.equal(form.status, 401);
      const told = await new Endpoint(s.vault).send({ ...begin, access_token: secret }, { token: null });
      assert.equal(told.status, 401);
      assert.equal((await new Endpoint(s.vault).send(begin, { token: null, headers: { authorization: `Basic ${btoa(`x:${secret}`)}` } })).status, 401);
    }
  });

  test('MC-03 RFC 6750 3.1: a token without the scope is 403, and the answer names the scope', async () => {
    const { access_token: token, scope } = await granted(s.daemon, s.vault, { scope: 'proxy exchange' });
    assert.equal(scope, 'proxy exchange');
    for (const more of [{}, { method: 'GET' }, { method: 'DELETE' }]) {
      const answer = await Endpoint.read(await new Endpoint(s.vault).send(more.method ? undefined : begin, { token, ...more }));
      assert.equal(answer.status, 403, answer.text);
      const challenge = answer.headers.get('www-authenticate');
      assert.match(challenge, /^Bearer .*error="insufficient_scope"/);
      assert.match(challenge, /scope="mcp:tools"/);
      assert.ok(challenge.includes(`resource_metadata="${metadataOf(s.vault)}"`), challenge);
    }
    assert.equal((await ask(await s.newVault(), token)).status, 401, 'of another vault it does not say even that');
    const wider = await granted(s.daemon, s.vault, { scope: 'mcp:tools proxy' });
    assert.equal((await ask(s.vault, wider.access_token)).status, 200);
  });

  test('MC-02 sessions: a session belongs to who began it, not to another client of the same vault', async () => {
    const [mine, theirs] = [await granted(s.daemon, s.vault), await granted(s.daemon, s.vault)];
    const session = (await ask(s.vault, mine.access_token)).headers.get('mcp-session-id');
    const ping = async (token) => (await new Endpoint(s.vault).send({ jsonrpc: '2.0', id: 2, method: 'ping' }, { token, headers: { 'mcp-session-id': session } })).status;
    assert.equal(await ping(mine.access_token), 200);
    assert.equal(await ping(theirs.access_token), 404);
    assert.equal(await ping(s.vault.token), 404);
    const { body } = await s.daemon.post({ grant_type: 'refresh_token', client_id: mine.client.client_id, refresh_token: mine.refresh_token });
    assert.equal(await ping(body.access_token), 200, 'it outlives its access token');
  });

  test('MC-07 confused deputy: each client is consented to by itself, also where the user is signed in and has said yes before', async () => {
    const jar = new Jar();
    const known = await register(s.daemon, { client_name: 'Known' });
    const stranger = await register(s.daemon, { client_name: 'Stranger' });
    assert.ok((await consent(asking(s.daemon, known, s.vault).address, { jar })).searchParams.get('code'));
    for (const prompt of [{}, { prompt: 'none' }, { prompt: 'consent' }]) {
      const page = await jar.fetch(asking(s.daemon, stranger, s.vault, prompt).address);
      const html = await page.text();
      assert.ok(![...(page.headers.get('location') ?? '').matchAll(/[?&]code=/g)].length, 'no code without a yes');
      if (page.status === 200) assert.match(html, /Stranger/);
    }
    const theirs = asking(s.daemon, stranger, s.vault);
    const page = await signIn(jar, theirs.address);
    assert.equal(page.page.status, 200);
    for (const shown of ['Stranger', '127.0.0.1', 'nobody has checked', 'Desk']) assert.ok(page.html.includes(shown), shown);
    assert.match(page.page.headers.get('content-security-policy'), /frame-ancestors 'none'/);
  });

  test('MC-07 confused deputy: a yes to one client is none to another, in another browser, or from another site', async () => {
    const [jar, thief] = [new Jar(), new Jar()];
    const [known, stranger] = [await register(s.daemon), await register(s.daemon)];
    const asked = asking(s.daemon, known, s.vault);
    const other = asking(s.daemon, stranger, s.vault);
    const { html, url } = await signIn(jar, asked.address);
    const form = firstForm(html, url);
    const yes = (to, who, more = {}) => who.fetch(to, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: s.daemon.url, 'sec-fetch-site': 'same-origin', ...more },
      body: new URLSearchParams([...form.fields, ['vault', s.vault.id], ['decision', 'allow']].filter(([name], i, all) => all.findIndex(([n]) => n === name) === i)),
    });
    await signIn(thief, asked.address);
    assert.equal((await yes(other.address, jar)).status, 403, 'for another client');
    assert.equal((await yes(form.url.replace('a+state', 'another'), jar)).status, 403, 'for another request');
    assert.equal((await yes(form.url, thief)).status, 403, 'in another browser');
    for (const more of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'none' }]) {
      assert.equal((await yes(form.url, jar, more)).status, 403, JSON.stringify(more));
    }
    const done = await yes(form.url, jar);
    assert.equal(done.status, 303);
    assert.ok(new URL(done.headers.get('location')).searchParams.get('code'));
  });

  test('MC-07 confused deputy: the provider is not asked before the user has gone on, and the state is set only then', async () => {
    await s.daemon.api('POST', '/users', { subject: 'mia' });
    const { url } = await s.daemon.api('POST', '/connections/start', { user: 'mia', service: 'acme' });
    const jar = new Jar();
    const page = await jar.fetch(url);
    assert.equal(page.status, 200);
    assert.equal(page.headers.get('set-cookie'), null, 'looking sets nothing');
    assert.equal(page.headers.get('location'), null);
    const html = await page.text();
    assert.match(html, /mia/);
    assert.doesNotMatch(html, /state=/);
    const moved = await jar.submit(firstForm(html, url));
    assert.equal(moved.status, 303);
    const [cookie] = moved.headers.getSetCookie();
    assert.match(cookie, /^valetkey-browser=[^;]{20,}; Path=\/; HttpOnly; SameSite=Lax/);
    assert.ok(new URL(moved.headers.get('location')).searchParams.get('state').length >= 22);
  });

  test('MC-07 confused deputy: an https issuer\'s cookies are of this host alone', async (t) => {
    const daemon = await startDaemon(t, { args: ['--issuer', 'https://vault.example/'], config: 'behind_proxy: true\n' });
    await daemon.api('POST', '/users', { subject: 'ada' });
    await daemon.api('POST', '/users/password', { user: 'ada', password });
    const answer = await fetch(`${daemon.url}/login`, {
      method: 'POST', redirect: 'manual', headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ subject: 'ada', password, go: '' }),
    });
    const [cookie] = answer.headers.getSetCookie();
    assert.match(cookie, /^__Host-[^=]+=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+; Secure$/);
  });

  test('MC-09 elicitation, URL mode: who is signed in as somebody else cannot finish it', async () => {
    await s.daemon.api('POST', '/users', { subject: 'lin' });
    await s.daemon.api('POST', '/users/password', { user: 'lin', password });
    const { url } = await s.daemon.api('POST', '/connections/start', { user: 'lin', service: 'acme' });
    const jar = new Jar();
    await signIn(jar, asking(s.daemon, await register(s.daemon), s.vault).address);
    const page = await (await jar.fetch(url)).text();
    assert.match(page, /name="password"/, 'ada is asked to sign in as lin');
    const forced = await jar.submit({ url, method: 'POST', fields: [] });
    assert.match(await forced.text(), /name="password"/);
    assert.equal(forced.headers.get('location'), null);
    assert.equal((await s.daemon.list('/connections?user=lin')).length, 0);
  });
});
