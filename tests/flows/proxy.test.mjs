// SPDX-License-Identifier: Apache-2.0
// The zero-exposure proxy: an agent calls a provider's API as it would call it itself, and never holds a token.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { waitFor } from '../lib/process.mjs';
import { acmePolicy, proxyStage } from '../lib/upstream.mjs';

const problem = async (answer, code, status) => {
  const text = await answer.text();
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, text);
  const body = JSON.parse(text);
  assert.equal(body.code, code, text);
  assert.equal(answer.status, status, text);
  assert.equal(body.status, status);
  assert.ok(body.title && body.mend);
  return body;
};

test('a request goes through with the credential, and its answer comes back without it', async (t) => {
  const s = await proxyStage(t, {
    routes: {
      '/echo-secret': (request, answer) => {
        const token = request.headers.authorization.slice('Bearer '.length);
        const basic = Buffer.from(`user:${token}`).toString('base64');
        answer.writeHead(200, { 'x-echo': request.headers.authorization, 'content-type': 'text/plain' });
        answer.write(`raw ${token.slice(0, 9)}`);
        setTimeout(() => answer.end(`${token.slice(9)} base64 ${basic} ours ${s.vault.token} end`), 50);
      },
      '/lines': (request, answer) => {
        answer.writeHead(200, {
          'x-ratelimit-remaining': '41', etag: '"1"', link: '</b>; rel="next"', 'set-cookie': 'a=b',
          'access-control-allow-origin': '*', 'cache-control': 'public, max-age=9', connection: 'x-hop, keep-alive', 'x-hop': '1',
          'strict-transport-security': 'max-age=1', 'content-security-policy': 'default-src *',
        });
        answer.end('<script>alert(1)</script>');
      },
      '/away': (request, answer) => { answer.writeHead(302, { location: 'https://elsewhere.example/x' }); answer.end(); },
      '/empty': (request, answer) => { answer.writeHead(204); answer.end(); },
      '/same': (request, answer) => { answer.writeHead(304, { etag: '"1"' }); answer.end(); },
      '/gzip': (request, answer) => { answer.writeHead(200, { 'content-encoding': 'gzip' }); answer.end('xx'); },
      '/no': (request, answer) => { answer.writeHead(422, { 'content-type': 'application/json' }); answer.end('{"message":"no"}'); },
    },
  });
  const provider = await s.token();

  await t.test('method, path, query, headers and body arrive; our token does not', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const body = method === 'GET' ? undefined : `{"n":1.50,"m":"${method}"}`;
      const answer = await s.ask(method, '/raw/a%20b?x=1&y=%C3%A9', {
        body, headers: { 'content-type': 'application/json', 'x-custom': 'v', cookie: 'session=1', 'x-forwarded-for': '9.9.9.9' },
      });
      assert.equal(answer.status, 200, await answer.clone().text());
      const got = s.upstream.last();
      assert.equal(got.method, method);
      assert.equal(got.url, '/raw/a%20b?x=1&y=%C3%A9');
      assert.equal(got.headers.authorization, `Bearer ${provider}`);
      assert.equal(got.headers['x-custom'], 'v');
      assert.equal(got.headers.cookie, undefined);
      assert.equal(got.headers['x-forwarded-for'], undefined);
      assert.equal(got.headers['accept-encoding'], 'identity');
      assert.equal(got.headers.host, s.upstream.host);
      assert.equal(got.body.toString(), body ?? '');
      assert.ok(!JSON.stringify(got.raw).includes(s.vault.token));
      assert.equal((await answer.json()).method, method);
    }
    const head = await s.ask('HEAD', '/raw');
    assert.equal(head.status, 200);
    assert.equal(s.upstream.last().method, 'HEAD');
  });

  await t.test('the credential and our own tokens are masked in body and headers, wherever pieces end', async () => {
    const answer = await s.ask('GET', '/echo-secret');
    const text = await answer.text();
    assert.ok(!text.includes(provider) && !text.includes(s.vault.token));
    assert.ok(!answer.headers.get('x-echo').includes(provider));
    assert.match(text, /^raw \*+ base64 /);
    assert.match(text, / ours \*+ end$/);
    assert.ok(!Buffer.from(/base64 (\S+)/.exec(text)[1].replaceAll('*', 'A'), 'base64').toString('latin1').includes(provider.slice(8, 30)));
  });

  await t.test('of its headers those of the hop, cookies and policies of its origin stay away', async () => {
    const answer = await s.ask('GET', '/lines');
    assert.equal(answer.headers.get('x-ratelimit-remaining'), '41');
    assert.equal(answer.headers.get('etag'), '"1"');
    assert.equal(answer.headers.get('link'), '</b>; rel="next"');
    for (const name of ['set-cookie', 'access-control-allow-origin', 'x-hop']) assert.equal(answer.headers.get(name), null, name);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.match(answer.headers.get('content-security-policy'), /default-src 'none'.*sandbox/);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  });

  await t.test('no redirect is followed; answers without a body are such; statuses are the provider\'s', async () => {
    const away = await s.ask('GET', '/away');
    assert.equal(away.status, 302);
    assert.equal(away.headers.get('location'), 'https://elsewhere.example/x');
    assert.equal((await s.ask('GET', '/empty')).status, 204);
    assert.equal((await s.ask('GET', '/same')).status, 304);
    const no = await s.ask('POST', '/no', { body: '{}' });
    assert.equal(no.status, 422);
    assert.equal(await no.text(), '{"message":"no"}');
  });

  await t.test('an answer that is compressed although it was not asked for is refused', async () => {
    await problem(await s.ask('GET', '/gzip'), 'provider_unavailable', 503);
  });

  await t.test('each call is two events: what was about to happen, and what came of it', async () => {
    const events = await s.daemon.settledEvents('&kind=call');
    const outcomes = events.filter((e) => e.outcome !== 'intent');
    const intents = events.filter((e) => e.outcome === 'intent');
    assert.equal(outcomes.length, intents.length);
    for (const outcome of outcomes) {
      const intent = intents.find((e) => e.event === outcome.ref);
      assert.ok(intent && intent.seq < outcome.seq);
      assert.equal(intent.service, 'acme');
      assert.ok(intent.vault && intent.connection && intent.user);
    }
    const get = outcomes.find((e) => e.status === 422);
    assert.equal(get.outcome, 'ok');
    assert.equal(get.bytes, 16);
    assert.ok(get.duration_us > 0);
    assert.ok(!JSON.stringify(events).includes(provider));
  });
});

test('bodies of any size stream both ways', async (t) => {
  const big = randomBytes(24 * 1024 * 1024);
  const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
  const s = await proxyStage(t, {
    routes: {
      '/big': (request, answer) => { answer.writeHead(200, { 'content-length': big.length }); answer.end(big); },
      '/chunks': (request, answer) => { for (let i = 0; i < 24; i++) answer.write(big.subarray(i << 20, (i + 1) << 20)); answer.end(); },
      '/events': {
        live: (request, answer) => {
          answer.writeHead(200, { 'content-type': 'text/event-stream' });
          answer.write('data: one\n\n');
          s.more = () => answer.end('data: two\n\n');
        },
      },
      '/early': { live: (request, answer) => { answer.writeHead(413); answer.end('too much'); request.resume(); } },
      '/break': { live: (request, answer) => { answer.writeHead(200, { 'content-length': 1000 }); answer.write('half'); setTimeout(() => answer.destroy(), 100); } },
    },
  });

  await t.test('down, with a length and in chunks', async () => {
    for (const path of ['/big', '/chunks']) {
      const answer = await s.ask('GET', path);
      assert.equal(digest(Buffer.from(await answer.arrayBuffer())), digest(big), path);
    }
  });

  await t.test('up, with a length and in chunks', async () => {
    let answer = await s.ask('PUT', '/store', { body: big });
    assert.equal(answer.status, 200, await answer.clone().text());
    assert.equal(s.upstream.last().headers['content-length'], String(big.length));
    assert.equal(digest(s.upstream.last().body), digest(big));
    await answer.arrayBuffer();
    const stream = new ReadableStream({
      start(c) { for (let i = 0; i < 24; i++) c.enqueue(big.subarray(i << 20, (i + 1) << 20)); c.close(); },
    });
    answer = await s.ask('POST', '/store', { body: stream, duplex: 'half' });
    assert.equal(answer.status, 200);
    assert.equal(s.upstream.last().headers['transfer-encoding'], 'chunked');
    assert.equal(digest(s.upstream.last().body), digest(big));
    await answer.arrayBuffer();
  });

  await t.test('an event arrives before the answer is over', async () => {
    const answer = await s.ask('GET', '/events');
    const reader = answer.body.getReader();
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'data: one\n\n');
    s.more();
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'data: two\n\n');
    assert.equal((await reader.read()).done, true);
  });

  await t.test('one that breaks off at the provider breaks off at the client', async () => {
    const answer = await s.ask('GET', '/break');
    await assert.rejects(answer.text());
    const events = await waitFor(async () => (await s.daemon.settledEvents('&kind=call')).find((e) => e.outcome === 'unknown'));
    assert.equal(events.status, 200);
    assert.equal(events.bytes, 4);
  });

  await t.test('a client that does not read stops the provider, not the daemon', async () => {
    const before = s.daemon.memory();
    const abort = new AbortController();
    const answers = await Promise.all(Array.from({ length: 20 }, () => s.ask('GET', '/big', { signal: abort.signal })));
    await new Promise((done) => { setTimeout(done, 1500); });
    const after = s.daemon.memory();
    for (const role of ['gate', 'courier', 'core']) {
      assert.ok(after[role] - before[role] < 40 * 1024 * 1024, `${role}: ${before[role]} → ${after[role]}`);
    }
    abort.abort();
    await Promise.allSettled(answers.map((a) => a.text()));
    const gone = await waitFor(async () => {
      const all = (await s.daemon.settledEvents('&kind=call')).filter((e) => e.reason === 'client_gone');
      return all.length >= 20 && all;
    });
    assert.equal(gone[0].outcome, 'unknown');
  });
});

test('what the policy says of a tool holds for the raw request that is that tool', async (t) => {
  const s = await proxyStage(t, { scopes: ['notes.read', 'notes.write'] });
  const rules = (text) => s.policy(acmePolicy(text));
  const reach = async (method, path, options) => {
    s.upstream.clear();
    const answer = await s.ask(method, path, options);
    return { status: answer.status, body: await answer.text(), reached: s.upstream.seen.length, answer };
  };
  const json = { 'content-type': 'application/json' };

  await t.test('a blocked tool is denied, and an allowed one passes, whatever raw requests may do', async () => {
    await rules('proxy: block\n    default: block\n    tools: {things.list: allow}');
    assert.equal((await reach('GET', '/owners/ada/things?page=2')).status, 200);
    const denied = await s.ask('POST', '/owners/ada/things', { body: '{"title":"t"}', headers: json });
    await problem(denied, 'denied', 403);
    assert.equal((await reach('DELETE', '/owners/ada/things/3')).status, 403);
    assert.equal((await reach('GET', '/other')).status, 403);
    const events = await s.daemon.settledEvents('&kind=call&outcome=denied');
    assert.deepEqual([...new Set(events.map((e) => e.tool ?? ''))].sort(), ['', 'things.create', 'things.delete']);
  });

  await t.test('a variation of a blocked tool\'s request is no way around', async () => {
    await rules('proxy: allow\n    default: allow\n    tools: {things.delete: block, things.create: approve}');
    for (const [method, path] of [
      ['DELETE', '/owners/ada/things/3'], ['DELETE', '/owners/ada/things/3?x=1'], ['DELETE', '/owners/ada/things/3/'],
      ['DELETE', '/OWNERS/ada/things/3'], ['DELETE', '/owners/ada/things/%33'], ['DELETE', '/owners/ada/x/../things/3'],
      ['DELETE', '/owners/ada/things/3%2F'], ['DELETE', '/owners//ada/things/3'], ['DELETE', '/owners/ada/things/3;v=1'],
      ['DELETE', '/owners/ada/things%2F3'], ['DELETE', '/owners/ada/./things/3'], ['DELETE', '/owners/ada/things/%2533'],
    ]) {
      const got = await reach(method, path);
      assert.ok([400, 403].includes(got.status), `${method} ${path}: ${got.status} ${got.body}`);
      assert.equal(got.reached, 0, path);
    }
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      const got = await reach('POST', '/owners/ada/things/3', { headers: { [name]: 'DELETE', ...json }, body: '{}' });
      assert.ok([400, 403].includes(got.status), `${name}: ${got.status}`);
      assert.equal(got.reached, 0);
    }
    const approve = await s.ask('POST', '/owners/ada/things', { body: '{"title":"t"}', headers: json });
    const { call, mend } = await problem(approve, 'approval_required', 403);
    assert.deepEqual(call, { service: 'acme', tool: 'things.create', arguments: { owner: 'ada', title: 't' } });
    assert.match(mend, /\/api\/v1\/calls/);
    const held = await s.daemon.raw('POST', '/calls', call, { token: s.vault.token });
    assert.equal(held.status, 202, 'the same as a call of the tool waits for a person');
    const { approval } = await held.json();
    await s.daemon.cli(['approval', 'deny', approval]);
    const vague = await problem(await s.ask('POST', '/owners/ada/things?x=1', { body: '{"title":"t"}', headers: json }), 'approval_required', 403);
    assert.equal(vague.call, undefined);
    assert.match(vague.mend, /does not wait/);
    for (const [body, headers] of [
      ['{"title":"t","x":1}', json], ['title=t', { 'content-type': 'application/x-www-form-urlencoded' }], ['{"title":"t"', json],
      ['{"title":"t"}', { ...json, 'content-encoding': 'gzip' }], ['', json],
    ]) {
      const got = await reach('POST', '/owners/ada/things', { body, headers });
      assert.ok([400, 403].includes(got.status), `${body}: ${got.status}`);
      assert.equal(got.reached, 0, body);
    }
    const large = await reach('POST', '/owners/ada/things', { body: JSON.stringify({ title: 'x'.repeat(2 << 20) }), headers: json });
    assert.ok([403, 413].includes(large.status), `a body that was not wholly seen: ${large.status}`);
    assert.equal(large.reached, 0);
  });

  await t.test('raw requests: none, those that read, or all', async () => {
    await rules('proxy: read\n    default: allow');
    assert.equal((await reach('GET', '/other')).status, 200);
    assert.equal((await reach('POST', '/other', { body: '{}', headers: json })).status, 403);
    await rules('proxy: allow\n    default: block');
    assert.equal((await reach('POST', '/other', { body: '{}', headers: json })).status, 200);
  });

  await t.test('a condition on an argument holds, whatever place the argument has', async () => {
    await rules('proxy: block\n    default: block\n    tools:\n      things.create: {effect: allow, when: [{arg: /owner, in: [ada]}, {arg: /size, lt: 10}]}');
    const create = (owner, body) => reach('POST', `/owners/${owner}/things`, { body, headers: json });
    assert.equal((await create('ada', '{"title":"t","size":9}')).status, 200);
    assert.equal((await create('ada', '{"title":"t","size":11}')).status, 403);
    assert.equal((await create('eve', '{"title":"t","size":9}')).status, 403);
    assert.equal((await create('ada', '{"title":"t","size":9,"size":11}')).reached, 0);
  });

  await t.test('limits are spent', async () => {
    await s.policy(acmePolicy('proxy: block\n    default: allow', 'limits:\n  - {per: tool, tool: acme.things.list, rate: 2/1h}\n'));
    assert.equal((await reach('GET', '/owners/ada/things')).status, 200);
    assert.equal((await reach('GET', '/owners/ada/things')).status, 200);
    const over = await s.ask('GET', '/owners/ada/things');
    assert.ok(Number(over.headers.get('retry-after')) > 1000);
    assert.ok((await problem(over, 'rate_limited', 429)).retry_after > 1000);
    assert.equal((await reach('DELETE', '/owners/ada/things/3')).status, 200);
  });
});

test('an agent that cannot go on is told what its user can do', async (t) => {
  const s = await proxyStage(t, { scopes: ['notes.read'] });

  await problem(await s.ask('GET', '/x', { token: null }), 'invalid_token', 401);
  await problem(await s.ask('GET', '/x', { token: 'vk_vault_nothing' }), 'invalid_token', 401);
  await problem(await s.ask('GET', '/x', { token: s.daemon.token }), 'invalid_token', 401);
  await problem(await s.ask('GET', '/x', { service: 'nobody' }), 'invalid_target', 404);
  await problem(await s.ask('GET', '/x', { service: 'github' }), 'invalid_target', 404);
  await problem(await s.ask('GET', '/x', { service: 'acme@work' }), 'not_connected', 403);
  await problem(await s.ask('GET', '', {}), 'no_route', 404);

  const scoped = await problem(await s.ask('DELETE', '/owners/ada/things/1'), 'insufficient_scope', 403);
  assert.equal(scoped.scopes, 'notes.write');
  assert.match(scoped.page, /\/mend\/insufficient_scope\/acme$/);

  await s.daemon.api('POST', `/connections/${s.connection.id}/pause`);
  assert.match((await problem(await s.ask('GET', '/x'), 'access_paused', 403)).page, /\/mend\/access_paused\/acme$/);
  await s.daemon.api('POST', `/connections/${s.connection.id}/resume`);
  await s.daemon.api('POST', `/vaults/${s.vault.id}/pause`);
  await problem(await s.ask('GET', '/x'), 'access_paused', 403);
  await s.daemon.api('POST', `/vaults/${s.vault.id}/resume`);
  assert.equal((await s.ask('GET', '/x')).status, 200);

  await new Promise((done) => { s.upstream.server.closeAllConnections(); s.upstream.server.close(done); });
  const down = await problem(await s.ask('GET', '/x'), 'provider_unavailable', 503);
  assert.equal(down.service, 'acme');

  await s.daemon.api('DELETE', `/connections/${s.connection.id}`);
  const gone = await problem(await s.ask('GET', '/x'), 'not_connected', 403);
  assert.match(gone.page, /\/mend\/not_connected\/acme$/);
});

test('a provider that says when to come back is left alone until then', async (t) => {
  const s = await proxyStage(t, {
    routes: { '/busy': (request, answer) => { answer.writeHead(429, { 'retry-after': '2', 'x-ratelimit-remaining': '0' }); answer.end('later'); } },
  });
  const first = await s.ask('GET', '/busy');
  assert.equal(first.status, 429);
  assert.equal(first.headers.get('retry-after'), '2');
  assert.equal(await first.text(), 'later');
  const asked = s.upstream.seen.length;
  const second = await s.ask('GET', '/x');
  const body = await problem(second, 'rate_limited', 429);
  assert.ok(body.retry_after >= 1 && body.retry_after <= 2);
  assert.equal(s.upstream.seen.length, asked);
  await new Promise((done) => { setTimeout(done, 2200); });
  assert.equal((await s.ask('GET', '/x')).status, 200);
});

test('MIST-15 a token that the provider has revoked is not served on', async (t) => {
  let refused = new Set();
  const check = (request, answer) => {
    const dead = refused.has(request.headers.authorization.slice(7));
    answer.writeHead(dead ? 401 : 200, { 'content-type': 'application/json' });
    answer.end(dead ? '{"message":"bad credentials"}' : '{"ok":true}');
  };
  await t.test('where it can be refreshed, the call is made again with a new one', async (u) => {
    const s = await proxyStage(u, { routes: { '/x': check } });
    const old = await s.token();
    refused = new Set([old]);
    // one that was got a moment ago is tried at the probe and not refreshed
    const young = await s.ask('POST', '/x', { body: 'b' });
    assert.equal(young.status, 401, 'the provider says so itself, for its token is good at the probe');
    assert.equal((await s.daemon.api('GET', `/connections/${s.connection.id}`)).state, 'connected');
    assert.equal(await young.text(), '{"message":"bad credentials"}');
    await new Promise((done) => { setTimeout(done, 5200); });
    const answers = await Promise.all(Array.from({ length: 20 }, () => s.ask('POST', '/x', { body: 'b' })));
    assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
    assert.notEqual(s.upstream.last().headers.authorization, `Bearer ${old}`);
    assert.equal(s.upstream.last().body.toString(), 'b');
    assert.equal((await s.daemon.settledEvents('&kind=refresh&outcome=ok')).length, 1, 'one refresh for all of them');
  });
  await t.test('one that is dead at the probe makes the connection reauth_required', async (u) => {
    const s = await proxyStage(u, { routes: { '/x': check } });
    const old = await s.token();
    refused = new Set([old]);
    await fetch(`${s.sandbox.origin}/notes/revoke`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: `Basic ${Buffer.from('sandbox:sandbox-secret-not-a-secret').toString('base64')}` },
      body: `token=${encodeURIComponent(old)}`,
    });
    const answer = await problem(await s.ask('GET', '/x'), 'reauth_required', 403);
    assert.match(answer.page, /\/mend\/reauth_required\/acme$/);
    assert.equal((await s.daemon.api('GET', `/connections/${s.connection.id}`)).state, 'reauth_required');
    const asked = s.upstream.seen.length;
    await problem(await s.ask('GET', '/x'), 'reauth_required', 403);
    assert.equal(s.upstream.seen.length, asked, 'it is not tried again');
  });
});
