// SPDX-License-Identifier: Apache-2.0
// Rows N-01, N-03, N-04, N-06 and N-08 of the fault matrix: too slow, too large, too many, too soon gone.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GET, HOST, bodyOf, dial, holds, missing, send, sleep, startGate } from './harness.mjs';

/** Writes @p bytes one by one until the server closes; answers after how long. */
async function trickle(port, begin, byte, every) {
  const c = await dial(port);
  const began = Date.now();
  c.socket.write(begin);
  const timer = setInterval(() => c.socket.write(byte), every);
  await c.closed;
  clearInterval(timer);
  return Date.now() - began;
}

async function p99(url, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await (await fetch(url)).arrayBuffer();
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[Math.floor(count * 0.99)];
}

describe('N-01 slow clients', { skip: missing, concurrency: true }, () => {
  test('N-01 a head has ten seconds in all, and others do not notice', async (t) => {
    const gate = await startGate(t);
    const slow = Array.from({ length: 200 }, () => trickle(gate.port, `GET / HTTP/1.1\r\n${HOST}X-A: `, 'a', 400));
    const others = await p99(`${gate.url}/fixed`, 500);
    assert.ok(others < 100, `p99 of others is ${others} ms`);
    for (const ms of await Promise.all(slow)) assert.ok(ms > 9000 && ms < 13000, `closed after ${ms} ms`);
    assert.ok((await gate.stats()).requests < 510);
  });

  test('N-01 a body must come at a rate', async (t) => {
    const gate = await startGate(t, { 'limits.head_ms': 1000 });
    const ms = await trickle(gate.port, `POST / HTTP/1.1\r\n${HOST}Content-Length: 32768\r\n\r\n`, 'a', 100);
    assert.ok(ms > 2500 && ms < 5000, `closed after ${ms} ms`);
  });

  test('N-01 a client that does not read costs one answer, not all it asked for', async (t) => {
    const gate = await startGate(t, { 'limits.idle_ms': 1000 });
    const c = await dial(gate.port);
    c.socket.pause();
    for (let i = 0; i < 8; i++) c.socket.write(GET('/big'));
    await sleep(500);
    const during = holds(gate.pid);
    assert.ok(during.rss < 64 * 1024, `gate holds ${during.rss} KiB`);
    c.socket.destroy();
  });

  test('N-01 an idle connection ends', async (t) => {
    const gate = await startGate(t, { 'limits.idle_ms': 1000, 'limits.head_ms': 1000 });
    const c = await dial(gate.port);
    c.socket.write(GET('/fixed'));
    const began = Date.now();
    await c.closed;
    const ms = Date.now() - began;
    assert.ok(ms > 700 && ms < 2500, `closed after ${ms} ms`);
  });

  test('N-01 one address has its share of connections', async (t) => {
    const gate = await startGate(t, { 'limits.per_source': 20 });
    const all = await Promise.all(Array.from({ length: 30 }, () => dial(gate.port)));
    await sleep(300);
    const open = all.filter((c) => !c.socket.destroyed && !c.socket.readableEnded).length;
    assert.ok(open <= 20, `${open} are open`);
    for (const c of all) c.socket.destroy();
  });

  test('N-01 when all places are taken the oldest idle one makes room', async (t) => {
    const gate = await startGate(t, { 'limits.connections': 20, 'limits.per_source': 0 });
    const all = await Promise.all(Array.from({ length: 40 }, () => dial(gate.port)));
    await sleep(300);
    const { statuses } = await send(gate.port, GET('/fixed', 'Connection: close\r\n'));
    assert.deepEqual(statuses, [200]);
    for (const c of all) c.socket.destroy();
  });
});

describe('N-03 large heads', { skip: missing }, () => {
  const cases = [
    ['a header of 64 KiB', GET('/', `X-A: ${'a'.repeat(65536)}\r\n`), 431],
    ['a header over 8 KiB', GET('/', `X-A: ${'a'.repeat(8200)}\r\n`), 431],
    ['headers over 16 KiB', GET('/', Array.from({ length: 5 }, (_, i) => `X-${i}: ${'a'.repeat(8000)}\r\n`).join('')), 431],
    ['1,000 headers', GET('/', Array.from({ length: 1000 }, (_, i) => `X-${i}: a\r\n`).join('')), 431],
    ['101 headers', GET('/', Array.from({ length: 101 }, (_, i) => `X-${i}: a\r\n`).join('')), 431],
    ['a URL of 64 KiB', GET(`/${'a'.repeat(65536)}`), 414],
    ['a URL over 8 KiB', GET(`/${'a'.repeat(8192)}`), 414],
  ];
  for (const [name, bytes, status] of cases)
    test(`N-03 ${name} is ${status}`, async (t) => {
      const gate = await startGate(t);
      const { statuses, closed } = await send(gate.port, bytes, { wait: 3000 });
      assert.equal(statuses[0], status);
      assert.ok(closed);
      assert.equal((await gate.stats()).requests, 2);
    });

  test('N-03 what is just within the limits is served', async (t) => {
    const gate = await startGate(t);
    const { text } = await send(gate.port, GET(`/${'a'.repeat(8000)}`, `X-A: ${'b'.repeat(8000)}\r\nConnection: close\r\n`));
    assert.equal(bodyOf(text).target.length, 8001);
    assert.equal(bodyOf(text).headers.find(([n]) => n === 'x-a')[1].length, 8000);
  });
});

describe('N-04 large bodies', { skip: missing }, () => {
  const MIB = 1024 * 1024;

  test('N-04 a declared length over the limit is 413 before a byte of it is read', async (t) => {
    const gate = await startGate(t);
    const { statuses, closed } = await send(gate.port, `POST / HTTP/1.1\r\n${HOST}Content-Length: ${MIB + 1}\r\n\r\n`);
    assert.deepEqual(statuses, [413]);
    assert.ok(closed);
  });

  test('N-04 a chunked body over the limit is 413 and the connection ends', async (t) => {
    const gate = await startGate(t);
    const before = holds(gate.pid);
    const chunk = `10000\r\n${'a'.repeat(65536)}\r\n`;
    const c = await dial(gate.port, { allowHalfOpen: true });
    c.socket.write(`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`);
    const timer = setInterval(() => { c.socket.write(chunk); }, 2);
    await c.ended;
    clearInterval(timer);
    c.socket.destroy();
    assert.match(c.text(), /^HTTP\/1\.1 413 /);
    assert.equal(c.text().match(/HTTP\/1\.1/g).length, 1);
    assert.equal((await gate.stats()).requests, 2);
    assert.ok(holds(gate.pid).rss - before.rss < 8 * 1024);
  });

  test('N-04 the largest body passes whole', async (t) => {
    const gate = await startGate(t);
    for (const body of [Buffer.alloc(MIB, 'a'), new Blob([Buffer.alloc(MIB, 'a')]).stream()]) {
      const answer = await fetch(`${gate.url}/upload`, { method: 'POST', body, duplex: 'half' });
      assert.equal((await answer.json()).body_bytes, MIB);
    }
  });

  test('N-04 a client that asks first is told to go on, or refused at once', async (t) => {
    const gate = await startGate(t);
    const c = await dial(gate.port);
    c.socket.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n`);
    await sleep(200);
    assert.equal(c.text(), 'HTTP/1.1 100 Continue\r\n\r\n');
    c.socket.write('abc');
    await sleep(200);
    assert.match(c.text(), /HTTP\/1\.1 200 /);
    c.socket.destroy();
    const { statuses } = await send(gate.port,
      `POST / HTTP/1.1\r\n${HOST}Content-Length: ${MIB + 1}\r\nExpect: 100-continue\r\n\r\n`);
    assert.deepEqual(statuses, [413]);
  });
});

describe('N-06 form bodies', { skip: missing }, () => {
  test('N-06 core gets the bytes that came, good or bad', async (t) => {
    const gate = await startGate(t);
    for (const body of ['%', '%0', '%00', 'a;b=c', 'a+b=c', 'a=%zz&&=', '\0', '\xff']) {
      const { text } = await send(gate.port, [`POST / HTTP/1.1\r\n${HOST}Connection: close\r\n` +
        `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n`, body]);
      assert.equal(bodyOf(text).body_bytes, body.length);
    }
  });

  test('N-06 a form of 10^5 pairs passes or is 413 by its size alone', async (t) => {
    const gate = await startGate(t);
    const small = 'a=1&'.repeat(100000);
    const large = 'name=value&'.repeat(100000);
    for (const [body, status] of [[small, 200], [large, 413]]) {
      const answer = await fetch(gate.url, { method: 'POST', body }).catch(() => ({ status: 413 }));
      assert.equal(answer.status, status);
    }
  });
});

describe('N-08 connections that end early', { skip: missing }, () => {
  test('N-08 pipelined requests are answered in order', async (t) => {
    const gate = await startGate(t);
    const targets = Array.from({ length: 200 }, (_, i) => `/${i}`);
    const { text, statuses } = await send(gate.port, targets.map((p, i) =>
      GET(p, i === 199 ? 'Connection: close\r\n' : '')).join(''), { wait: 5000 });
    assert.equal(statuses.length, 200);
    assert.deepEqual([...text.matchAll(/"target":"([^"]*)"/g)].map((m) => m[1]), targets);
  });

  test('N-08 a half-closed client still gets its answer', async (t) => {
    const gate = await startGate(t);
    const c = await dial(gate.port, { allowHalfOpen: true });
    c.socket.end(GET('/half'));
    await c.ended;
    assert.match(c.text(), /"target":"\/half"/);
    c.socket.destroy();
  });

  test('N-08 core is told when the client of a held request leaves', async (t) => {
    const gate = await startGate(t);
    const held = await Promise.all(Array.from({ length: 50 }, async () => {
      const c = await dial(gate.port);
      c.socket.write(GET('/hold'));
      return c;
    }));
    await sleep(300);
    assert.equal((await gate.stats()).held, 50);
    for (const [i, c] of held.entries()) i % 2 ? c.socket.resetAndDestroy() : c.socket.destroy();
    await sleep(3000);
    assert.equal((await gate.stats()).gone, 50);
  });

  test('N-08 a storm of resets leaves neither descriptors nor memory behind', async (t) => {
    const gate = await startGate(t);
    const storm = async (count) => {
      for (let i = 0; i < count; i += 50)
        await Promise.all(Array.from({ length: 50 }, async (_, j) => {
          const c = await dial(gate.port);
          c.socket.write([GET('/hold'), GET('/fixed').repeat(5), 'GET / HT', `POST / HTTP/1.1\r\n${HOST}Content-Length: 9\r\n\r\na`][j % 4]);
          if (j % 3 === 0) await sleep(1);
          c.socket.resetAndDestroy();
        }));
      await sleep(300);
    };
    await storm(1000);
    const before = holds(gate.pid);
    await storm(4000);
    const after = holds(gate.pid);
    assert.ok(after.fds <= before.fds, `${before.fds} descriptors became ${after.fds}`);
    assert.ok(after.rss - before.rss < 2048, `${before.rss} KiB became ${after.rss}`);
    assert.equal((await fetch(`${gate.url}/fixed`)).status, 200);
  });
});
