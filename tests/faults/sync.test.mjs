// SPDX-License-Identifier: Apache-2.0
// I11: a sync that fails is an unknown outcome. Nothing is lent on it, the process stops, reads
// again what is there, and goes on; what was acknowledged before is still there.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Program, sleep, waitFor } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

/** From now on every sync of that process fails, until it is gone. */
async function syncsFail(pid) {
  const tool = new Program('strace', ['-f', '-p', String(pid), '-e', 'trace=fsync,fdatasync',
    '-e', 'inject=fsync,fdatasync:error=EIO']);
  await tool.says(/attached/);
  return tool;
}

describe('sync errors', { concurrency: 2 }, () => {
  for (const [role, write] of [
    ['keeper', async (s) => {
      const { status } = await s.ask();
      return { status };
    }],
    ['core', async (s) => {
      const answer = await s.daemon.raw('POST', '/users', { subject: `one${Math.random()}` });
      return { status: answer.status, id: (await answer.json()).id };
    }],
  ]) {
    test(`MIST-14 I11 ${role}'s syncs fail: nothing is acknowledged on them, and it recovers by itself`, async (t) => {
      const s = await stage(t, {});
      const kept = await s.daemon.api('POST', '/users', { subject: 'kept' });
      const lentBefore = (await s.daemon.settledEvents('&kind=exchange')).length;
      const pid = s.daemon.children()[role];
      await sleep(1100); // who ran so long is started again at once
      const tool = await syncsFail(pid);
      const answers = await Promise.all(Array.from({ length: 20 }, () => write(s).catch(() => ({ status: 0 }))));
      const good = answers.filter(({ status }) => status === 200 || status === 201);
      assert.ok(answers.every((one) => good.includes(one) || [0, 503].includes(one.status)), JSON.stringify(answers));
      assert.ok(good.length < answers.length, 'the first ones met the failing sync');
      await waitFor(() => ![pid, undefined].includes(s.daemon.children()[role]), { what: `a new ${role}` });
      await tool.stop();
      assert.match(tool.err, /EIO/, 'a sync did fail');
      await s.daemon.ready(20000);
      await waitFor(async () => (await s.ask()).status === 200, { what: 'service again' });
      const users = new Set((await s.daemon.list('/users')).map((one) => one.id));
      for (const { id } of [kept, ...good.filter((one) => one.id)]) assert.ok(users.has(id), `${id} was acknowledged`);
      const lent = (await s.daemon.settledEvents('&kind=exchange')).length - lentBefore;
      assert.ok(lent >= good.filter((one) => !one.id).length + 1, `${lent} on record`);
      const { code, out, err } = await s.daemon.cli(['audit', 'verify'], { fails: true });
      assert.equal(code, 0, out + err);
    });
  }
});
