// SPDX-License-Identifier: Apache-2.0
// Answers in pieces: from core through gate to the client, no faster than the client takes them.
import assert from 'node:assert/strict';
import test from 'node:test';

import { GET, dial, holds, missing, sleep, startGate } from './harness.mjs';

test('pieces of an event stream arrive as they were sent', { skip: missing }, async (t) => {
  const gate = await startGate(t);
  const answer = await fetch(`${gate.url}/pieces`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(await answer.text(), 'data: one\n\ndata: two\n\ndata: three\n\n');
  assert.equal((await gate.stats()).gone, 0);
});

test('an answer that breaks off is not taken for a whole one', { skip: missing }, async (t) => {
  const gate = await startGate(t);
  const answer = await fetch(`${gate.url}/broken`);
  await assert.rejects(answer.text());
});

test('a silent event stream is kept alive by comments', { skip: missing }, async (t) => {
  const gate = await startGate(t);
  const c = await dial(gate.port);
  t.after(() => c.socket.destroy());
  c.socket.write(GET('/silent'));
  await sleep(16500);
  assert.match(c.text(), /\r\n4\r\n: \n\n\r\n$/);
});

test('a client that does not read stops the source, and reading goes on', { skip: missing }, async (t) => {
  const gate = await startGate(t);
  const c = await dial(gate.port);
  t.after(() => c.socket.destroy());
  c.socket.pause();
  c.socket.write(GET('/endless'));
  await sleep(500);
  let first = await gate.stats();
  for (let i = 0; i < 200 && first.fulls <= first.rooms; i++) {
    await sleep(50);
    first = await gate.stats();
  }
  await sleep(700);
  const second = await gate.stats();
  assert.equal(second.pieces, first.pieces, 'nothing is sent while nobody reads');
  assert.ok(second.fulls > 0);
  assert.ok(holds(gate.pid).rss < 64 * 1024 * 1024);
  c.socket.resume();
  let third = await gate.stats();
  for (let i = 0; i < 200 && third.pieces <= second.pieces; i++) {
    await sleep(50);
    third = await gate.stats();
  }
  assert.ok(third.pieces > second.pieces, 'it goes on when the client reads');
  c.socket.destroy();
  for (let i = 0; i < 60 && (await gate.stats()).gone === 0; i++) await sleep(50);
  assert.equal((await gate.stats()).gone, 1);
});

test('answers in pieces are broken off when core has gone', { skip: missing }, async (t) => {
  const gate = await startGate(t);
  const c = await dial(gate.port);
  c.socket.pause();
  c.socket.write(GET('/endless'));
  await sleep(300);
  await fetch(`${gate.url}/crash`).catch(() => {});
  c.socket.resume();
  await Promise.race([c.closed, sleep(3000).then(() => assert.fail('it stays open'))]);
  assert.ok(!c.text().endsWith('0\r\n\r\n'));
  await sleep(400);
  assert.equal((await fetch(`${gate.url}/pieces`)).status, 200);
});
