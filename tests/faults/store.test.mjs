// SPDX-License-Identifier: Apache-2.0
// P-02: the provider has rotated, and what it gave cannot be stored, while everybody lives.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { atEnd, folder, run, sleep, waitFor } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

/** A folder on a disk of @p size of its own, or null where none can be made. */
async function smallDisk(t, size) {
  const dir = folder(null);
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', dir]).catch((error) => ({ code: 1, err: String(error) }));
  atEnd(t, async () => {
    if (mounted.code === 0) await run('umount', ['-l', dir]);
    rmSync(dir, { recursive: true, force: true });
  });
  if (mounted.code === 0) return dir;
  t.skip(`a small disk cannot be made here: ${mounted.err.trim()}`);
  return null;
}

test('P-02 the disk is full when the new pair comes: it is kept, stored when there is room, and none is lost', async (t) => {
  const dir = await smallDisk(t, '24m');
  if (!dir) return;
  const s = await stage(t, { dir, lifetime: 3 });
  await sleep(3300);
  await s.sandbox.control({ service: 'notes', delay_ms: 1500 });
  const first = s.ask().catch(() => null);
  await waitFor(async () => (await s.sandbox.counts('notes')).token_requests === 2, { what: 'the refresh', every: 10 });
  const filler = join(dir, 'filler');
  await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']);
  const answer = await first;
  t.diagnostic(`${answer?.status} ${answer?.text}`);
  await s.sandbox.control({ service: 'notes', delay_ms: 0 });
  const core = s.daemon.children().core;
  for (let i = 0; i < Number(process.env.VALETKEY_FULL_S ?? 20); i++) {
    const { status, body } = await s.ask();
    assert.ok(status === 503 || status === 200, JSON.stringify(body));
    await sleep(1000);
  }
  t.diagnostic(`core ${s.daemon.children().core === core ? 'lives' : 'was started again'}`);
  await run('rm', [filler]);
  const { body } = await waitFor(async () => {
    const now = await s.ask();
    assert.notEqual(now.body?.error, 'reauth_required', now.text);
    return now.status === 200 && now;
  }, { what: 'service again', ms: 40000, every: 250 });
  assert.equal((await s.sandbox.me(body.access_token)).status, 200);
  const counts = await s.sandbox.counts('notes');
  assert.deepEqual({ twice: counts.refresh_twice, no: counts.refresh_refused }, { twice: 0, no: 0 });
  assert.equal((await s.state()).state, 'connected');
});
