// SPDX-License-Identifier: Apache-2.0
// Rows N-04, N-05, N-06, N-10 and N-11 of the fault matrix, on the whole daemon.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startDaemon } from '../lib/daemon.mjs';
import { GET, HOST, send } from './harness.mjs';

describe('hostile input to the whole daemon', () => {
  let daemon;
  let port;
  const afters = [];

  before(async () => {
    daemon = await startDaemon({ after: (fn) => afters.push(fn) });
    port = Number(new URL(daemon.url).port);
  });
  after(async () => { for (const fn of afters.reverse()) await fn(); });

  const post = async (path, type, body, more = {}) => {
    const began = performance.now();
    const answer = await fetch(daemon.url + path, { method: 'POST', body, headers: { 'content-type': type, ...more } });
    const text = await answer.text();
    return { status: answer.status, text, ms: performance.now() - began };
  };

  test('N-05 JSON that is none, or too much, is 400 or 413 and quick', async () => {
    const cases = {
      'depth 100,000': '['.repeat(100000),
      'depth 33': `${'['.repeat(33)}${']'.repeat(33)}`,
      'many members': `{${Array.from({ length: 2000 }, (_, i) => `"a${i}":1`).join(',')}}`,
      'a duplicate member': '{"subject":"a","subject":"b"}',
      'a number past all bounds': '{"subject":1e999}',
      'half a surrogate pair': '{"subject":"\\ud800"}',
      'a NUL': '{"subject":"a\\u0000b"}',
      'a raw NUL': '{"subject":"a\0b"}',
      'a byte order mark': '\ufeff{"subject":"a"}',
      'bytes after the end': '{"subject":"a"}x',
      'two values': '{"subject":"a"}{}',
      'no UTF-8': Buffer.from('7b227375626a656374223a22ff227d', 'hex'),
      'no JSON': '{subject:"a"}',
      'nothing': '',
      'another type': '[]',
      'an unknown member': '{"subject":"a","admin":true}',
    };
    for (const [name, body] of Object.entries(cases)) {
      const { status, text, ms } = await post('/api/v1/users', 'application/json', body,
        { authorization: `Bearer ${daemon.token}` });
      assert.ok(status === 400 || status === 413, `${name}: ${status} ${text}`);
      assert.ok(ms < 500, `${name} took ${ms} ms`);
    }
    assert.equal((await daemon.list('/users')).length, 0);
  });

  test('N-06 a form that is none, or too much, is 400 or 413', async () => {
    for (const body of ['%', '%0', '%00', 'a=%zz', 'a=%', 'grant_type=a&grant_type=a', 'a;b', '&&&', '=', '\0',
      'a=1&'.repeat(100000)]) {
      const { status } = await post('/oauth/token', 'application/x-www-form-urlencoded', body);
      assert.ok(status === 400 || status === 413, `${body.slice(0, 20)}: ${status}`);
    }
  });

  test('N-11 a route has one spelling', async () => {
    assert.equal((await fetch(`${daemon.url}/readyz`)).status, 200);
    for (const target of ['/readyz/', '//readyz', '/readyz//', '/%72eadyz', '/readyz%2f', '/readyz;a', '/readyz;', '/Readyz',
      '/./readyz', '/x/../readyz', '/readyz/.', '/readyz/..', '/%2e/readyz', '/readyz%00', '/readyz%20', '/readyz\\',
      'readyz', '/healthz/../readyz', '/api/v1/../../readyz', '/api/v1/status/', '/api/v1//status']) {
      const { statuses } = await send(port,
        `GET ${target} HTTP/1.1\r\n${HOST}Authorization: Bearer ${daemon.token}\r\nConnection: close\r\n\r\n`);
      assert.equal(statuses.length, 1, target);
      assert.ok(statuses[0] === 400 || statuses[0] === 404, `${target}: ${statuses[0]}`);
    }
  });

  test('N-10 what the daemon says of itself does not follow the Host or the forwarding headers', async () => {
    const path = '/.well-known/oauth-authorization-server';
    const plain = await (await fetch(daemon.url + path)).text();
    const { text } = await send(port, `GET ${path} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n` +
      'X-Forwarded-Proto: https\r\nForwarded: host=evil.example\r\nConnection: close\r\n\r\n');
    assert.ok(text.endsWith(plain), text);
  });

  test('N-07 what is refused at the door never reaches a handler', async () => {
    const { statuses, closed } = await send(port,
      `POST /oauth/token HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET('/readyz')}`);
    assert.deepEqual(statuses, [400]);
    assert.ok(closed);
  });
});
