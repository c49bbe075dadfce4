// SPDX-License-Identifier: Apache-2.0
// Row N-10 of the fault matrix, and what gate promises core, keeper and the client.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect } from 'node:tls';
import { GET, HOST, bodyOf, dial, missing, send, sleep, startGate } from './harness.mjs';

const v4 = (text) => `00000000000000000000ffff${text.split('.').map((n) => Number(n).toString(16).padStart(2, '0')).join('')}`;
const names = (seen) => seen.headers.map(([name]) => name);
const SPOOF = 'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n' +
  'Forwarded: for=1.2.3.4;proto=https\r\nX-Real-IP: 1.2.3.4\r\nConnection: close\r\n';

describe('N-10 who is at the other end', { skip: missing }, () => {
  test('N-10 forwarding headers are neither believed nor passed on', async (t) => {
    const gate = await startGate(t);
    const seen = bodyOf((await send(gate.port, GET('/', SPOOF))).text);
    assert.equal(seen.address, v4('127.0.0.1'));
    assert.equal(seen.secure, 0);
    assert.deepEqual(names(seen), ['host']);
  });

  test('N-10 the PROXY protocol is not spoken', async (t) => {
    const gate = await startGate(t);
    const { statuses, closed } = await send(gate.port, `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${GET('/')}`);
    assert.ok(closed);
    assert.ok(statuses.every((s) => s === 400));
    assert.equal((await gate.stats()).requests, 2);
  });

  test('N-10 a trusted proxy is believed for the address it saw itself', async (t) => {
    const gate = await startGate(t, { behind_proxy: 'true' });
    const ask = async (value) => bodyOf((await send(gate.port,
      GET('/', `X-Forwarded-For: ${value}\r\nX-Forwarded-Proto: http, https\r\nConnection: close\r\n`))).text);
    const seen = await ask('9.9.9.9, 1.2.3.4');
    assert.equal(seen.address, v4('1.2.3.4'));
    assert.equal(seen.secure, 1);
    assert.deepEqual(names(seen), ['host']);
    assert.equal((await ask('1.2.3.4, 127.0.0.1')).address, v4('1.2.3.4'));
    assert.equal((await ask('1.2.3.4, junk')).address, v4('127.0.0.1'));
  });

  test('N-10 a neighbour that is not the trusted proxy is not believed', async (t) => {
    const gate = await startGate(t, { behind_proxy: '10.0.0.0/8' });
    const seen = bodyOf((await send(gate.port, GET('/', SPOOF))).text);
    assert.equal(seen.address, v4('127.0.0.1'));
    assert.equal(seen.secure, 0);
  });
});

describe('what reaches core', { skip: missing }, () => {
  test('headers in lower case, without those of one hop', async (t) => {
    const gate = await startGate(t);
    const seen = bodyOf((await send(gate.port, GET('/a?b=c', 'Authorization: Bearer x\r\nX-Hop: 1\r\nTE: trailers\r\n' +
      'Keep-Alive: 5\r\nUpgrade: h2c\r\nAccept: a\r\nAccept:  b \r\nConnection: close, X-Hop\r\n'))).text);
    assert.deepEqual(seen.headers, [['host', 'a'], ['authorization', 'Bearer x'], ['accept', 'a'], ['accept', 'b']]);
    assert.equal(seen.target, '/a?b=c');
    assert.equal(seen.method, 'GET');
  });

  test('a method that is none of ours is 405', async (t) => {
    const gate = await startGate(t);
    for (const method of ['TRACE', 'BREW', 'get']) {
      const { statuses, text } = await send(gate.port, `${method} / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
      assert.deepEqual(statuses, [405]);
      assert.match(text, /^Allow: /m);
    }
  });

  test('a client secret reaches keeper sealed and core not at all', async (t) => {
    const gate = await startGate(t);
    const path = '/api/v1/services/github/client-secret';
    const put = async (target, method, body) => (await fetch(gate.url + target, { method, body })).json();
    for (const target of [path, `${path}/`, `${path}?a=b`]) {
      const seen = await put(target, 'PUT', 'the client secret');
      assert.equal(seen.body_bytes, 0);
      assert.equal(seen.sealed, 'the client secret');
    }
    const wrong = await put(path, 'POST', 'the client secret');
    assert.equal(wrong.body_bytes, 0);
    assert.equal(wrong.capsule_bytes, 0);
    assert.equal((await fetch(gate.url + path, { method: 'PUT' })).status, 400);
    assert.equal((await fetch(gate.url + path, { method: 'PUT', body: 'a'.repeat(70000) })).status, 413);
  });
});

describe('what reaches the client', { skip: missing }, () => {
  test('a token is written into its place, escaped', async (t) => {
    const gate = await startGate(t);
    for (let i = 0; i < 3; i++) {
      const answer = await (await fetch(`${gate.url}/token`)).json();
      assert.deepEqual(answer, { access_token: 'gho_"quoted"\\\n16C7e42F292c6912E7710c83', token_type: 'Bearer' });
    }
  });

  test('every answer has its headers', async (t) => {
    const gate = await startGate(t);
    for (const path of ['/fixed', '/html', '/healthz', '/a//b', '/bad']) {
      const { headers } = await fetch(gate.url + path);
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
      assert.equal(headers.get('referrer-policy'), 'no-referrer', path);
      assert.equal(headers.get('cache-control'), 'no-store', path);
      assert.match(headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/, path);
      assert.equal(headers.get('strict-transport-security'), null, path);
      assert.equal(headers.get('server'), null, path);
    }
    const { headers } = await fetch(`${gate.url}/html`);
    assert.match(headers.get('content-security-policy'), /base-uri 'none'/);
    assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin');
  });

  test('HEAD has the headers of GET and no body', async (t) => {
    const gate = await startGate(t);
    const { text } = await send(gate.port, `HEAD /fixed HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    assert.match(text, /Content-Length: [1-9]/);
    assert.ok(text.endsWith('\r\n\r\n'));
  });

  test('an answer of core that breaks the rules is 500', async (t) => {
    const gate = await startGate(t);
    const answer = await fetch(`${gate.url}/bad`);
    assert.equal(answer.status, 500);
    assert.equal((await answer.json()).code, 'server');
  });
});

describe('when core is away', { skip: missing }, () => {
  test('all in flight get 503 at once, and service comes back by itself', async (t) => {
    const gate = await startGate(t);
    const held = Array.from({ length: 40 }, () => fetch(`${gate.url}/hold`));
    await sleep(300);
    const began = Date.now();
    assert.equal((await fetch(`${gate.url}/crash`)).status, 503);
    for (const answer of await Promise.all(held)) {
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get('retry-after'), '1');
      assert.match(answer.headers.get('content-type'), /^application\/problem\+json/);
      assert.equal((await answer.json()).code, 'overloaded');
    }
    assert.ok(Date.now() - began < 250);
    assert.equal((await fetch(`${gate.url}/fixed`)).status, 503);
    assert.equal((await fetch(`${gate.url}/healthz`)).status, 200, 'gate itself is alive');
    await sleep(500);
    assert.equal((await fetch(`${gate.url}/fixed`)).status, 200);
    assert.equal((await (await fetch(`${gate.url}/token`)).json()).token_type, 'Bearer');
  });

  test('draining serves what is under way, takes nothing new and ends', async (t) => {
    const gate = await startGate(t);
    const idle = await dial(gate.port);
    const { text } = await send(gate.port, GET('/drain'), { wait: 3000 });
    assert.match(text, /draining/);
    await idle.closed;
    assert.deepEqual(await gate.exited, { code: 0, signal: null });
    await assert.rejects(fetch(`${gate.url}/fixed`));
  });
});

describe('TLS', { skip: missing }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'gate-tls-'));
  const pem = (name) => readFileSync(join(dir, name), 'utf8');
  const prepare = (t) => {
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
      '-keyout', join(dir, 'key'), '-out', join(dir, 'cert'), '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
  };

  test('N-09 TLS 1.2 and 1.3 are spoken, nothing older, and answers carry HSTS', async (t) => {
    prepare(t);
    const gate = await startGate(t, { 'tls.certificate': pem('cert'), 'tls.key': pem('key') }, { clear: false });
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const answer = await new Promise((resolve, reject) => {
        request({ host: '127.0.0.1', port: gate.port, servername: 'localhost', ca: pem('cert'), path: '/healthz',
          minVersion: version, maxVersion: version }, (res) => { res.resume(); resolve(res); }).on('error', reject).end();
      });
      assert.equal(answer.statusCode, 200);
    }
    await assert.rejects(new Promise((resolve, reject) => {
      const c = connect({ host: '127.0.0.1', port: gate.port, ca: pem('cert'), servername: 'localhost',
        minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, resolve);
      c.on('error', reject);
      t.after(() => c.destroy());
    }));
    const echo = await new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port: gate.port, servername: 'localhost', ca: pem('cert'), path: '/x', method: 'POST' },
        async (res) => { resolve({ headers: res.headers, seen: JSON.parse(Buffer.concat(await res.toArray())) }); })
        .on('error', reject).end('body');
    });
    assert.equal(echo.seen.secure, 1);
    assert.equal(echo.seen.body, 'body');
    assert.match(echo.headers['strict-transport-security'], /max-age=/);
  });
});
