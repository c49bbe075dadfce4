// SPDX-License-Identifier: Apache-2.0
// kill -9 of each process at random moments under load. VALETKEY_KILLS sets how often each is killed.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connect } from '../lib/consent.mjs';
import { sleep, waitFor } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

const kills = Number(process.env.VALETKEY_KILLS ?? 4);
const callers = 30;

for (const role of ['gate', 'core', 'keeper', 'courier']) {
  test(`${role} killed ${kills} times: nothing lent off the record, nothing spent twice, nothing lost`, async (t) => {
    const s = await stage(t, { lifetime: 2 });
    const lent = [];
    const acknowledged = [];
    const odd = new Set();
    let going = true;
    t.after(() => { going = false; });
    const caller = async () => {
      while (going) {
        try {
          const { status, body } = await s.ask();
          if (status === 200) lent.push(body.access_token);
          else if (![400, 429, 503].includes(status)) odd.add(`${status} ${JSON.stringify(body)}`);
          if (body?.error === 'reauth_required') await sleep(200);
          else if (status !== 200) await sleep(20);
        } catch {
          await sleep(20); // gate is away: its connections end without an answer
        }
      }
    };
    const writer = async () => {
      for (let i = 0; going; i++) {
        try {
          const user = await s.daemon.api('POST', '/users', { subject: `kept${i}` });
          acknowledged.push(user.id);
        } catch (error) {
          if (error.status && ![503, 409, 502, 500].includes(error.status)) odd.add(String(error));
        }
        await sleep(30);
      }
    };
    const load = [...Array.from({ length: callers }, caller), writer()];

    for (let i = 0; i < kills; i++) {
      const pid = await waitFor(() => s.daemon.children()[role], { what: role });
      await sleep(100 + Math.random() * 900);
      process.kill(pid, 'SIGKILL');
      await waitFor(() => {
        const now = s.daemon.children()[role];
        return now && now !== pid;
      }, { what: `a new ${role}`, ms: 60000 });
      await s.daemon.ready(60000);
      // A lost answer under strict rotation is for the user to mend, as promised; then it goes on.
      await waitFor(async () => {
        const { status, body } = await s.ask();
        if (body?.error === 'reauth_required') {
          await connect(s.daemon, {
            user: s.user, service: s.service, account: s.user, connection: s.connection.id,
          });
        }
        return status === 200;
      }, { what: 'service again', ms: 30000, every: 50 });
    }
    going = false;
    await Promise.all(load);

    assert.deepEqual([...odd], []);
    assert.ok(lent.length > kills, `${lent.length} were lent`);
    assert.equal((await s.sandbox.counts('notes')).refresh_twice, 0, 'no refresh token was spent twice');
    assert.equal((await s.sandbox.counts('notes')).code_twice, 0);
    const events = await s.daemon.settledEvents('&kind=exchange');
    const recorded = events.filter((e) => e.outcome === 'ok').length;
    assert.ok(recorded >= lent.length, `${lent.length} lent, ${recorded} recorded`);
    const users = new Set((await s.daemon.list('/users?limit=500')).map((u) => u.id));
    assert.deepEqual(acknowledged.filter((id) => !users.has(id)), []);
    const { code, out, err } = await s.daemon.cli(['audit', 'verify'], { fails: true });
    assert.equal(code, 0, out + err);
  });
}
