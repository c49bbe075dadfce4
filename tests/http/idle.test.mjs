// SPDX-License-Identifier: Apache-2.0
// Row N-02 of the fault matrix: a crowd that connects and says nothing.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';

import { startDaemon } from '../lib/daemon.mjs';
import { atEnd, waitFor } from '../lib/process.mjs';

const crowd = 10000;

test('N-02 ten thousand idle connections: kept or shed by source, at most 16 KiB each, and others are served', async (t) => {
  const daemon = await startDaemon(t, { config: 'limits:\n  connections: 9000\n  per_source: 4000\n' });
  const port = Number(new URL(daemon.url).port);
  const before = daemon.memory().gate;
  const sockets = [];
  let shed = 0;
  atEnd(t, () => { for (const one of sockets) one.destroy(); });
  for (let i = 0; i < crowd; i++) {
    // Three sources: 3,334 each, so that the cap on all is met; a fourth one asks alone.
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${2 + i % 3}` });
    socket.on('error', () => {});
    socket.on('close', () => { shed += 1; });
    sockets.push(socket);
    if (i % 500 === 499) await new Promise((done) => setTimeout(done, 20));
  }
  await waitFor(() => !sockets.some((one) => one.connecting) && crowd - shed <= 9000, { what: 'those beyond the cap to be shed', ms: 8000 });
  const open = crowd - shed;
  assert.ok(open > 4000 && open <= 9000, `${open} are open`);
  const each = (daemon.memory().gate - before) / open;
  assert.ok(each < 16 * 1024, `${Math.round(each)} bytes each`);
  const began = performance.now();
  const asked = await waitFor(() => fetch(`${daemon.url}/readyz`).then((a) => a.status === 200), { what: 'an answer for others', ms: 15000 });
  assert.ok(asked);
  t.diagnostic(`${open} open, ${shed} shed, ${Math.round(each)} bytes each, served after ${Math.round(performance.now() - began)} ms`);
});

test('N-02 one source cannot take it all', async (t) => {
  const daemon = await startDaemon(t, { config: 'limits:\n  per_source: 100\n' });
  const port = Number(new URL(daemon.url).port);
  let shed = 0;
  const sockets = Array.from({ length: 300 }, () => connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9' })
    .on('error', () => {}).on('close', () => { shed += 1; }));
  atEnd(t, () => { for (const one of sockets) one.destroy(); });
  await waitFor(() => shed >= 200, { what: 'the others to be shed', ms: 5000 });
  assert.equal((await fetch(`${daemon.url}/readyz`)).status, 200);
});
