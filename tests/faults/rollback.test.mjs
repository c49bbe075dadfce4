// SPDX-License-Identifier: Apache-2.0
// I4, F-13: a database or a log that was put back is noticed before anything is released, and an
// operator's acceptance covers what was put back then and nothing that is put back later.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { startDaemon } from '../lib/daemon.mjs';
import { Program, binary, folder, run, sleep, waitFor } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

const keep = (daemon, what, as) => cpSync(join(daemon.data, what), join(daemon.dir, as), { recursive: true });

function putBack(daemon, what, as) {
  rmSync(join(daemon.data, what), { recursive: true });
  cpSync(join(daemon.dir, as), join(daemon.data, what), { recursive: true });
}

/** Starts it where readiness cannot be expected, and sees that it suspects a rollback. */
async function startsSuspicious(daemon) {
  daemon.program = new Program(binary, daemon.args, { env: daemon.env, cwd: daemon.dir });
  await waitFor(async () => /roll/.test((await daemon.cli(['key', 'status'], { fails: true })).out),
    { what: 'the suspicion' });
  assert.equal((await fetch(`${daemon.url}/readyz`)).status, 503);
  assert.equal((await daemon.raw('GET', '/tenants')).status, 503);
  const asked = await daemon.exchange('vk_vault_nothing', 'notes');
  assert.equal(asked.status, 503);
}

async function accepts(daemon) {
  await daemon.cli(['key', 'accept-rollback', '--yes']);
  await daemon.ready();
  const accepted = await daemon.cli(['audit', 'verify'], { fails: true });
  assert.equal(accepted.code, 0, accepted.out + accepted.err);
}

/** A daemon with a past: its database and log of before the newest changes are kept. */
async function withPast(t, options = {}) {
  const daemon = await startDaemon(t, options);
  await daemon.settledEvents();
  await daemon.stop();
  keep(daemon, 'state', 'old-state');
  keep(daemon, 'log', 'old-log');
  await daemon.start();
  for (const name of ['one', 'two', 'three']) await daemon.api('POST', '/tenants', { name });
  await daemon.settledEvents();
  await new Promise((resolve) => setTimeout(resolve, 2500)); // what is remembered once a second
  await daemon.stop();
  return daemon;
}

describe('what was put back', { concurrency: 2 }, () => {
  test('a database put back is noticed, and again after an acceptance', async (t) => {
    const daemon = await withPast(t);
    keep(daemon, 'state', 'new-state');
    putBack(daemon, 'state', 'old-state');
    await startsSuspicious(daemon);
    await accepts(daemon);
    assert.deepEqual((await daemon.list('/tenants')).map((one) => one.name), ['default']);
    await daemon.stop();
    await daemon.start();
    await daemon.stop();
    for (const other of ['new-state', 'old-state']) {
      putBack(daemon, 'state', other);
      await startsSuspicious(daemon);
      await daemon.stop();
    }
  });

  test('a log put back with its checkpoint is noticed', async (t) => {
    const daemon = await withPast(t);
    putBack(daemon, 'log', 'old-log');
    await startsSuspicious(daemon);
    await accepts(daemon);
    assert.equal((await daemon.list('/tenants')).length, 4);
  });

  test('database and log put back together are noticed against the witness, and a witness that is away stops nothing', async (t) => {
    const dir = folder(t);
    const witness = join(dir, 'witness');
    mkdirSync(witness);
    const daemon = await withPast(t, { dir, config: `log:\n  witness_path: ${witness}\n` });
    putBack(daemon, 'state', 'old-state');
    putBack(daemon, 'log', 'old-log');
    await startsSuspicious(daemon);
    await accepts(daemon);
    await daemon.stop();
    await daemon.start();
    rmSync(witness, { recursive: true });
    await daemon.api('POST', '/tenants', { name: 'unwitnessed' });
    await waitFor(() => /copy could not be written/.test(daemon.program.err), { what: 'the warning' });
    await daemon.api('GET', '/tenants');
    await daemon.stop();
    const refused = new Program(binary, daemon.args, { env: daemon.env, cwd: daemon.dir });
    assert.notEqual((await refused.ended).code, 0);
    assert.match(refused.err, /log\.witness_path .* cannot be opened/);
  });

  test('I4 a single old row put back with its own MAC is noticed by the scrub, and nothing more is lent', async (t) => {
    const s = await stage(t, {});
    const { daemon } = s;
    const db = join(daemon.data, 'state', 'state.db');
    const column = 'hex(id)';
    const [{ id }] = await daemon.list(`/connections?user=${s.user}`);
    const sqlite = async (sql) => (await run('sqlite3', [db, sql])).out.trim();
    await daemon.stop();
    const names = (await sqlite('SELECT group_concat(name) FROM pragma_table_info(\'connections\')'));
    await sqlite(`CREATE TABLE kept AS SELECT * FROM connections`);
    await daemon.start();
    await daemon.api('POST', `/connections/${id}/pause`);
    assert.equal((await s.ask()).body.error, 'access_paused');
    await daemon.settledEvents();
    await daemon.stop();
    assert.equal(await sqlite(`SELECT count(DISTINCT ${column}) FROM kept`), '1');
    await sqlite(`DELETE FROM connections; INSERT INTO connections(${names}) SELECT ${names} FROM kept; DROP TABLE kept`);
    daemon.program = new Program(binary, daemon.args, { env: daemon.env, cwd: daemon.dir });
    await waitFor(async () => /roll/.test((await daemon.cli(['key', 'status'], { fails: true })).out), { what: 'the suspicion' });
    assert.notEqual((await s.ask()).status, 200);
    assert.match(daemon.program.err, /older than the log says/);
    await daemon.cli(['key', 'accept-rollback', '--yes']);
    await daemon.ready();
    await sleep(4000); // long enough for the next look at all rows
    assert.equal((await s.ask()).status, 200, 'accepted is accepted');
  });
});
