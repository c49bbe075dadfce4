// SPDX-License-Identifier: Apache-2.0
// Rows N-07 and N-11 of the fault matrix: doubtful framing and other spellings of a path.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { GET, HOST, bodyOf, missing, send, sleep, startGate } from './harness.mjs';

const SECOND = GET('/second');
const POST = (lines, body = '') => `POST /first HTTP/1.1\r\n${HOST}${lines}\r\n${body}`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

/* name, bytes, statuses that may come first; null: closing without a word is as good */
const doubtful = [
  ['length and coding', POST(`Content-Length: 6\r\n${CHUNKED}`, '0\r\n\r\n'), [400]],
  ['coding and length', POST(`${CHUNKED}Content-Length: 6\r\n`, '0\r\n\r\n'), [400]],
  ['two equal lengths', POST('Content-Length: 1\r\nContent-Length: 1\r\n', 'a'), [400]],
  ['two lengths', POST('Content-Length: 1\r\nContent-Length: 2\r\n', 'a'), [400]],
  ['a list of lengths', POST('Content-Length: 1, 1\r\n', 'a'), [400]],
  ['a length with a sign', POST('Content-Length: +1\r\n', 'a'), [400]],
  ['a length of 20 digits', POST('Content-Length: 99999999999999999999\r\n', 'a'), [400, 413]],
  ['chunked, identity', POST('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'), [400]],
  ['identity', POST('Transfer-Encoding: identity\r\n'), [400]],
  ['coding twice', POST(CHUNKED + CHUNKED, '0\r\n\r\n'), [400]],
  ['space before the colon', POST('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'), [400]],
  ['tab before the colon', POST('Transfer-Encoding\t: chunked\r\n', '0\r\n\r\n'), [400]],
  ['vertical tab', POST('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'), [400]],
  ['chunked in HTTP/1.0', `POST / HTTP/1.0\r\n${HOST}${CHUNKED}\r\n0\r\n\r\n`, [400]],
  ['a folded value', POST('X-A: b\r\n c\r\n'), [400]],
  ['a folded name', POST('Transfer-E: chunked\r\n ncoding\r\n', '0\r\n\r\n'), [400]],
  ['a bare LF after a line', `GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n`, [400]],
  ['a bare LF at the end of the head', `GET / HTTP/1.1\r\nHost: a\r\n\n`, [400]],
  ['a bare LF after the request line', `GET / HTTP/1.1\nHost: a\r\n\r\n`, [400]],
  ['a bare CR in a value', GET('/', 'X-A: b\rX-B: c\r\n'), [400]],
  ['a CR before CRLF', GET('/', 'X-A: b\r\r\n'), [400]],
  ['a NUL in a value', GET('/', 'X-A: b\0c\r\n'), [400]],
  ['a NUL in a name', GET('/', 'X\0A: b\r\n'), [400]],
  ['a line without a colon', GET('/', 'X-A\r\n'), [400]],
  ['an empty name', GET('/', ': b\r\n'), [400]],
  ['two Hosts', GET('/', HOST), [400]],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', [400]],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', [400]],
  ['absolute-form against Host', 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n', [400]],
  ['userinfo in absolute-form', 'GET http://a@a/ HTTP/1.1\r\nHost: a\r\n\r\n', [400]],
  ['HTTP/0.9', 'GET /\r\n', null],
  ['HTTP/2.0', `GET / HTTP/2.0\r\n${HOST}\r\n`, [505]],
  ['HTTP/1.2', `GET / HTTP/1.2\r\n${HOST}\r\n`, [505]],
  ['two spaces', `GET  / HTTP/1.1\r\n${HOST}\r\n`, [400]],
  ['a space in the target', `GET /a b HTTP/1.1\r\n${HOST}\r\n`, [400]],
  ['a tab in the target', `GET /a\tb HTTP/1.1\r\n${HOST}\r\n`, [400]],
  ['a body on GET', GET('/', 'Content-Length: 1\r\n') + 'a', [400]],
  ['a chunked body on GET', GET('/', CHUNKED) + '0\r\n\r\n', [400]],
  ['chunk size 0x5', POST(CHUNKED, '0x5\r\nabcde\r\n0\r\n\r\n'), [400]],
  ['chunk size -1', POST(CHUNKED, '-1\r\nabcde\r\n0\r\n\r\n'), [400]],
  ['chunk size with a space before it', POST(CHUNKED, ' 5\r\nabcde\r\n0\r\n\r\n'), [400]],
  ['chunk size of 17 digits', POST(CHUNKED, '11111111111111111\r\na\r\n0\r\n\r\n'), [400, 413]],
  ['a chunk longer than its size', POST(CHUNKED, '3\r\nabcde\r\n0\r\n\r\n'), [400]],
];

describe('N-07 framing', { skip: missing }, () => {
  test('N-07 doubtful framing gets one refusal and the end of the connection', async (t) => {
    const gate = await startGate(t);
    await Promise.all(doubtful.map(async ([name, bytes, allowed]) => {
      const { statuses, closed, text } = await send(gate.port, bytes + SECOND, { wait: 3000 });
      assert.ok(closed, `${name}: stayed open: ${text}`);
      assert.ok(!text.includes('/second'), `${name}: what followed was served`);
      assert.ok(statuses.every((s) => s >= 400), `${name}: ${text}`);
      if (allowed !== null) assert.ok(allowed.includes(statuses[0]), `${name}: ${text}`);
    }));
    // The one for stats above, and the one of this call.
    assert.equal((await gate.stats()).requests, 2, 'nothing of it reached core');
  });

  test('N-07 an unfinished last chunk is no request', async (t) => {
    const gate = await startGate(t, { 'limits.head_ms': 700 });
    const { statuses } = await send(gate.port, POST(CHUNKED, '1\r\na\r\n0\r\n'), { wait: 1200 });
    assert.deepEqual(statuses, []);
    assert.equal((await gate.stats()).requests, 2);
  });

  test('N-07 trailers and chunk extensions are read and dropped', async (t) => {
    const gate = await startGate(t);
    const { text, statuses } = await send(gate.port,
      POST(CHUNKED, '5;ext=1\r\nabcde\r\n0\r\nX-Trailer: authorization\r\n\r\n'), { wait: 500 });
    assert.deepEqual(statuses, [200]);
    const seen = bodyOf(text);
    assert.equal(seen.body, 'abcde');
    assert.ok(!seen.headers.some(([name]) => name === 'x-trailer'));
  });

  for (const [peer, config] of [['nginx', nginxConfig], ['haproxy', haproxyConfig]]) {
    const here = spawnSync(peer, ['-v']).status === 0;
    test(`N-07 behind ${peer} no bytes become two requests`, { skip: here ? false : `${peer} is not installed` },
      async (t) => {
        const gate = await startGate(t, { behind_proxy: 'true' });
        const front = await startFront(t, peer, config, gate.port);
        const { text } = await send(front, GET('/through'), { wait: 400 });
        assert.match(text, /"target":"\/through"/);
        for (const [name, bytes] of doubtful) {
          const before = (await gate.stats()).requests;
          const { text: answer } = await send(front, bytes, { wait: 250 });
          const reached = (await gate.stats()).requests - before - 1;
          assert.ok(reached <= 1, `${name}: ${reached} requests reached core`);
          const answers = answer.match(/HTTP\/1\.1 200 /g) ?? [];
          assert.ok(answers.length <= 1, `${name}: ${answer}`);
        }
      });
  }
});

function nginxConfig(dir, port, gate) {
  return [['-p', dir, '-e', `${dir}/error.log`, '-c', `${dir}/front.conf`], `
worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log; daemon off; master_process off;
events { worker_connections 256; }
http { access_log off; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f;
  uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${gate}; proxy_http_version 1.1; } } }
`];
}

function haproxyConfig(dir, port, gate) {
  return [['-db', '-f', `${dir}/front.conf`], `
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  server gate 127.0.0.1:${gate}
`];
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

async function startFront(t, program, config, gatePort) {
  const dir = mkdtempSync(join(tmpdir(), 'front-'));
  const port = await freePort();
  const [args, text] = config(dir, port, gatePort);
  writeFileSync(join(dir, 'front.conf'), text);
  const child = spawn(program, args, { stdio: 'ignore' });
  t.after(() => { child.kill('SIGKILL'); rmSync(dir, { recursive: true, force: true }); });
  for (let i = 0; i < 50; i++) {
    if (await fetch(`http://127.0.0.1:${port}/up`).then(() => true, () => false)) return port;
    await sleep(50);
  }
  throw new Error(`${program} did not start`);
}

describe('N-11 paths', { skip: missing }, () => {
  test('N-11 another spelling of a path is refused', async (t) => {
    const gate = await startGate(t);
    const spellings = ['//oauth/token', '/oauth//token', '/oauth/./token', '/oauth/../oauth/token', '/x/../oauth/token',
      '/oauth/token/..', '/oauth/token/.', '/%6fauth/token', '/oauth/%74oken', '/oauth%2ftoken', '/oauth%2Ftoken',
      '/oauth%5ctoken', '/oauth\\token', '/oauth/token%00', '/oauth/token%0a', '/oauth/token%', '/oauth/token%2',
      '/oauth/token%zz', '/oauth/%2e%2e/oauth/token', '/oauth/%2e/token', '/oauth/token%252f', '/oauth/token%7f',
      '/oauth/tok\x80en', 'oauth/token', '*', '/oauth/token#a', '/.', '/..', '//'];
    for (const target of spellings) {
      const { statuses } = await send(gate.port, `GET ${target} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
      assert.deepEqual(statuses, [400], target);
    }
    const { statuses } = await send(gate.port, `GET /oauth/token\0 HTTP/1.1\r\n${HOST}\r\n`);
    assert.deepEqual(statuses, [400]);
    assert.equal((await gate.stats()).requests, 2, 'nothing of it reached core');
  });

  test('N-11 what is another path stays another path, byte for byte', async (t) => {
    const gate = await startGate(t);
    for (const target of ['/oauth/token/', '/oauth/token;a', '/oauth/token;a=b', '/oauth/token%20', '/oauth/Token',
      '/oauth/token?x=%2f..%2F%00&y=//', '/%C3%A9']) {
      const { text } = await send(gate.port, GET(target, 'Connection: close\r\n'));
      assert.equal(bodyOf(text).target, target);
    }
  });
});
