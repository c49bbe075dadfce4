// SPDX-License-Identifier: Apache-2.0
// The proxy between clients and providers that lie, flood, dawdle, leave and smuggle.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { sleep, waitFor } from '../lib/process.mjs';
import { acmePolicy, proxyStage } from '../lib/upstream.mjs';

/** Bytes on a connection of their own to the daemon; what came back until it closed or was silent. */
function talk(daemon, bytes, { wait = 1500, chunks } = {}) {
  return new Promise((done) => {
    const socket = connect({ port: new URL(daemon.url).port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    let timer = setTimeout(() => socket.destroy(), wait);
    socket.on('data', (data) => { text += data.toString('latin1'); clearTimeout(timer); timer = setTimeout(() => socket.destroy(), wait); });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => { clearTimeout(timer); done({ text, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((m) => Number(m[1])) }); });
    socket.write(Buffer.from(bytes, 'latin1'));
    for (const [i, chunk] of (chunks ?? []).entries()) setTimeout(() => socket.writable && socket.write(chunk), 30 * (i + 1));
  });
}

const alive = async (s) => {
  const answer = await s.ask('GET', '/fine');
  assert.equal(answer.status, 200, await answer.clone().text());
  await answer.arrayBuffer();
};

/** The same four processes as before, and small ones. */
const unharmed = async (s, before) => {
  await alive(s);
  assert.deepEqual(s.daemon.children(), before, 'no process was started again');
  for (const [role, bytes] of Object.entries(s.daemon.memory())) assert.ok(bytes < 160 * 1024 * 1024, `${role}: ${bytes}`);
};

test('providers that break the rules', async (t) => {
  let script;
  const raw = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => script(socket, data));
  });
  await new Promise((done) => { raw.listen(0, '127.0.0.1', done); });
  t.after(() => raw.close());
  const s = await proxyStage(t, { config: undefined, file: { api: '' } });
  const { port } = raw.address();
  // A second service at the raw server: it answers whatever a case wants.
  await s.daemon.stop();
  const { readFileSync, writeFileSync } = await import('node:fs');
  writeFileSync(s.daemon.configFile, readFileSync(s.daemon.configFile, 'utf8').replace('allow: [', `allow: ["127.0.0.1:${port}", `));
  await s.daemon.start();
  const { acmeFile } = await import('../lib/upstream.mjs');
  const { connect: consent } = await import('../lib/consent.mjs');
  await s.daemon.addService(acmeFile(s.sandbox.origin, `http://127.0.0.1:${port}`, { id: 'raw' }), { id: 'raw' });
  await s.policy(`name: Test\nservices:\n  acme: {default: allow, proxy: allow}\n  raw: {default: allow, proxy: allow}\n`);
  await consent(s.daemon, { user: 'ada', service: 'raw', account: 'ada' });
  const before = s.daemon.children();
  const ask = (bytes, { end = true } = {}) => {
    script = (socket) => { socket.write(Buffer.from(bytes, 'latin1')); if (end) socket.end(); };
    return s.ask('GET', '/x', { service: 'raw' });
  };

  await t.test('a length that is more than comes breaks off; one that is less ends there', async () => {
    const long = await ask('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort');
    await assert.rejects(long.text());
    const short = await ask('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore than four');
    assert.equal(await short.text(), 'more');
  });

  await t.test('heads that are none, or too long, or framed twice, are refused', async () => {
    for (const bytes of [
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd',
      `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(200)}\r\nab`,
      `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(40000)}\r\n\r\nab`,
      `HTTP/1.1 200 OK\r\n${Array.from({ length: 60 }, (_, i) => `X-${i}: y\r\n`).join('')}\r\nab`,
      'HTTP/1.1 200 OK\r\nno colon here\r\n\r\nab',
      'HTTP/9.9 what\r\n\r\n', 'SSH-2.0-x\r\n', '\r\n\r\n\r\n', '',
    ]) {
      const answer = await ask(bytes);
      assert.ok([502, 503].includes(answer.status), `${JSON.stringify(bytes.slice(0, 60))}: ${answer.status}`);
      assert.match(answer.headers.get('content-type'), /problem/);
      await answer.arrayBuffer();
    }
  });

  await t.test('a switch of protocol is refused, interim answers are skipped', async () => {
    const upgrade = await ask('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nxx', { end: true });
    assert.ok(upgrade.status >= 500, String(upgrade.status));
    const early = await ask('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    assert.equal(early.status, 200);
    assert.equal(await early.text(), 'ok');
  });

  await t.test('answers that lie in chunks break off', async () => {
    for (const tail of ['zz\r\nab\r\n', '5\r\nab', '2\r\nabXX0\r\n\r\n', 'ffffffffffffffff1\r\nab']) {
      const answer = await ask(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n${tail}`);
      await assert.rejects(answer.text(), tail);
    }
  });

  await t.test('an endless answer to a client that reads slowly stays small', async () => {
    script = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const block = Buffer.alloc(65536, 'x');
      const more = () => { while (!socket.destroyed && socket.write(block)); };
      socket.on('drain', more);
      more();
    };
    const stop = new AbortController();
    const answers = await Promise.all(Array.from({ length: 30 }, () => s.ask('GET', '/x', { service: 'raw', signal: stop.signal })));
    await sleep(1500);
    for (const [role, bytes] of Object.entries(s.daemon.memory())) assert.ok(bytes < 160 * 1024 * 1024, `${role}: ${bytes}`);
    await alive(s);
    stop.abort();
    await Promise.allSettled(answers.map((a) => a.arrayBuffer()));
  });

  await t.test('nobody was harmed', () => unharmed(s, before));
});

test('clients that break the rules', async (t) => {
  const s = await proxyStage(t, {
    routes: {
      '/slow': { live: (request, answer) => { request.resume(); s.slow = answer; } },
      '/deaf': { live: (request) => { request.pause(); } },
      '/reject': { live: (request, answer) => { answer.writeHead(403, { connection: 'close' }); answer.end('no'); } },
    },
  });
  const before = s.daemon.children();
  const head = (line, more = '') => `${line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${s.vault.token}\r\n${more}\r\n`;

  await t.test('one request never becomes two', async () => {
    const second = 'GET /proxy/acme/smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
    for (const bytes of [
      head('POST /proxy/acme/a', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n') + `0\r\n\r\n${second}`,
      head('POST /proxy/acme/a', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n') + `0\r\n\r\n${second}`,
      head('POST /proxy/acme/a', 'Transfer-Encoding: xchunked\r\n') + `0\r\n\r\n${second}`,
      head('POST /proxy/acme/a', 'Content-Length: 0\r\nContent-Length: 44\r\n') + second,
      head('GET /proxy/acme/a', `Content-Length: ${second.length}\r\n`) + second,
      head('POST /proxy/acme/a', 'X: y\r\n Transfer-Encoding: chunked\r\n') + `0\r\n\r\n${second}`,
      head('POST /proxy/acme/a\r\nX: y', ''), head('POST /proxy/acme/a', 'X: a\r\n\tb\r\n'),
    ]) {
      const { statuses } = await talk(s.daemon, bytes, { wait: 700 });
      assert.ok(statuses.length <= 1 && statuses.every((status) => status >= 400), `${statuses}: ${bytes.slice(0, 120)}`);
    }
    assert.ok(!s.upstream.seen.some((r) => r.url.includes('smuggled')));
  });

  await t.test('lines that name a hop, a host, a method or a way do not arrive', async () => {
    const answer = await talk(s.daemon, head('GET /proxy/acme/plain', [
      'Connection: close, X-Secret-Hop', 'X-Secret-Hop: 1', 'Proxy-Authorization: Basic x', 'TE: trailers', 'Keep-Alive: 5', 'Via: 1.0 x',
      'Forwarded: for=1.2.3.4', 'X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Host: evil', 'Cookie: a=b', 'Upgrade: websocket', ''].join('\r\n')));
    assert.deepEqual(answer.statuses, [200]);
    const { headers } = s.upstream.last();
    for (const name of ['x-secret-hop', 'proxy-authorization', 'te', 'keep-alive', 'via', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'cookie', 'upgrade']) {
      assert.equal(headers[name], undefined, name);
    }
    assert.equal(headers.host, s.upstream.host);
    for (const line of ['X-HTTP-Method-Override: DELETE', 'X-Original-URL: /x', 'X_Under: 1']) {
      const got = await talk(s.daemon, head('GET /proxy/acme/plain', `${line}\r\nConnection: close\r\n`));
      assert.deepEqual(got.statuses, [400], line);
    }
    const twice = await talk(s.daemon, `GET /proxy/acme/plain HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${s.vault.token}\r\nAuthorization: Bearer x\r\n\r\n`);
    assert.deepEqual(twice.statuses, [400]);
  });

  await t.test('a path has one meaning, or none', async () => {
    s.upstream.clear();
    for (const path of [
      '/a/../b', '/a/./b', '/a//b', '/a/%2e%2e/b', '/a%2f..%2fb', '/a/..%2fb', '/a%252fb', '/a%00', '/a\\b', '/a%5cb', '/%61', '/a;/../b', '/a/..;/b',
    ]) {
      const got = await talk(s.daemon, head(`GET /proxy/acme${path}`, 'Connection: close\r\n'));
      assert.equal(got.statuses[0], 400, `${path}: ${got.statuses}`);
    }
    for (const target of ['http://127.0.0.1/proxy/acme/a', 'http://a@evil/proxy/acme/a', '//evil/proxy/acme/a', '/proxy/acme@/a', '/proxy//a', '/proxy/acme']) {
      const got = await talk(s.daemon, head(`GET ${target}`, 'Connection: close\r\n'));
      assert.ok(got.statuses[0] >= 400, `${target}: ${got.statuses}`);
    }
    assert.equal(s.upstream.seen.length, 0, 'nothing of it reached the provider');
  });

  await t.test('a body shorter than told is no request; one that stops is cut', async () => {
    s.upstream.clear();
    const cut = await talk(s.daemon, head('PUT /proxy/acme/store', 'Content-Length: 3000000\r\n') + 'x'.repeat(1000), { wait: 600 });
    assert.deepEqual(cut.statuses, []);
    await waitFor(() => s.upstream.seen.length === 0 || s.upstream.seen.every((r) => r.aborted), { what: 'the end at the provider' });
    const events = await waitFor(async () => (await s.daemon.settledEvents('&kind=call&outcome=unknown')).length > 0);
    assert.ok(events);
  });

  await t.test('clients that leave at any time leave nothing behind', async () => {
    const rounds = Array.from({ length: 60 }, (_, i) => async () => {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), i * 3);
      const what = i % 3;
      await s.ask(what === 1 ? 'PUT' : 'GET', what === 2 ? '/slow' : '/store', {
        signal: stop.signal, body: what === 1 ? Buffer.alloc(3 << 20, 'b') : undefined,
      }).then((a) => a.arrayBuffer()).catch(() => {});
    });
    await Promise.all(rounds.map((r) => r()));
    await waitFor(async () => {
      const events = await s.daemon.settledEvents('&kind=call');
      const open = events.filter((e) => e.outcome === 'intent' && !events.some((o) => o.ref === e.event));
      return open.length === 0;
    }, { what: 'an outcome of each', ms: 20000 });
    await alive(s);
  });

  await t.test('an upload that the provider refuses early is answered', async () => {
    const got = await talk(s.daemon, head('PUT /proxy/acme/reject', 'Content-Length: 2000000\r\nExpect: 100-continue\r\n'), {
      chunks: Array.from({ length: 20 }, () => Buffer.alloc(100000, 'x')),
    });
    assert.ok(got.statuses.includes(403), String(got.statuses));
  });

  await t.test('a provider that does not read stops the client', async () => {
    const stop = new AbortController();
    let taken = 0;
    const body = new ReadableStream({
      async pull(c) {
        await new Promise(setImmediate);
        if (stop.signal.aborted) { c.close(); return; }
        taken += 65536;
        c.enqueue(new Uint8Array(65536));
      },
    });
    const asked = s.ask('PUT', '/deaf', { body, duplex: 'half', signal: stop.signal }).catch(() => {});
    await sleep(1500);
    const first = taken;
    await sleep(700);
    assert.ok(taken - first < 1 << 20, `${first} ${taken}`);
    assert.ok(taken < 64 << 20);
    stop.abort();
    await asked;
  });

  await t.test('more at once than one vault may have is refused, others are served', async () => {
    await s.daemon.api('POST', '/users', { subject: 'bob', name: 'Bob' });
    const stop = new AbortController();
    const many = Array.from({ length: 200 }, () => s.ask('GET', '/slow', { signal: stop.signal }).then((a) => a.status).catch(() => 0));
    await waitFor(() => s.upstream.seen.filter((r) => r.url === '/slow').length >= 100, { what: 'a crowd' });
    await sleep(500);
    const over = await s.ask('GET', '/fine');
    assert.equal(over.status, 503);
    assert.equal((await over.json()).code, 'overloaded');
    const other = await s.daemon.api('POST', '/vaults', { user: 'ada', name: 'Other', policy: acmePolicy() });
    const served = await s.ask('GET', '/fine', { token: other.token });
    assert.equal(served.status, 200);
    await served.arrayBuffer();
    stop.abort();
    await Promise.all(many);
    await waitFor(async () => (await s.ask('GET', '/fine')).status === 200, { what: 'room again' });
  });

  await t.test('nobody was harmed', () => unharmed(s, before));
});

test('processes that end while bodies are under way', async (t) => {
  const s = await proxyStage(t, {
    routes: {
      '/drip': { live: (request, answer) => { answer.writeHead(200); const i = setInterval(() => answer.write('drip\n'), 50); answer.on('close', () => clearInterval(i)); } },
    },
  });
  for (const role of ['courier', 'gate', 'core']) {
    await t.test(role, async () => {
      const answer = await s.ask('GET', '/drip');
      const reader = answer.body.getReader();
      await reader.read();
      process.kill(s.daemon.children()[role], 'SIGKILL');
      if (role !== 'core') {
        await assert.rejects(async () => { for (;;) if ((await reader.read()).done) return; });
      } else {
        await reader.read(); // it had been decided: it goes on
        await reader.cancel();
      }
      await waitFor(async () => {
        const again = await s.ask('GET', '/fine').catch(() => null);
        return again?.status === 200 && again.text();
      }, { what: 'service again', ms: 20000 });
    });
  }
  await t.test('nothing stays open at the provider', () => (
    waitFor(() => s.upstream.seen.filter((r) => r.url === '/drip').length >= 3, { what: 'all three' })));
});
