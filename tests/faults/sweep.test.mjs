// SPDX-License-Identifier: Apache-2.0
// Each process is killed right before each system call that it makes on each path that writes.
// VALETKEY_SWEEP_STEP: every so manieth call (1: all of them); VALETKEY_SWEEP: paths, by comma.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';

import { connect } from '../lib/consent.mjs';
import { Program, binary, sleep, waitFor } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

const killAt = join(dirname(binary), 'tests', 'faults', 'kill_at');
const step = Number(process.env.VALETKEY_SWEEP_STEP ?? 19);
const chosen = process.env.VALETKEY_SWEEP ? process.env.VALETKEY_SWEEP.split(',') : null;
const steady = 1050; // who ran so long is started again at once
const callsMax = 2000;

/** Served again, with what a user may have to mend. */
async function heal(s) {
  await s.daemon.ready(60000);
  await waitFor(async () => {
    const { status, body } = await s.ask();
    if (status === 200) s.lent += 1;
    if (['reauth_required', 'not_connected'].includes(body?.error)) {
      const old = (await s.daemon.list(`/connections?user=${s.user}`)).find((one) => one.state === 'reauth_required');
      s.connection = await connect(s.daemon, {
        user: s.user, service: s.service, account: s.user, ...(old ? { connection: old.id } : {}),
      });
    }
    if (body?.error === 'access_paused') await s.daemon.api('POST', `/connections/${s.connection.id}/resume`);
    return status === 200;
  }, { what: 'service again', ms: 60000, every: 50 });
}

/** Each: one walk of the path, which answers what has to hold once it was acknowledged. */
const paths = {
  async exchange(s) {
    const { status } = await s.ask();
    if (status === 200) s.lent += 1;
  },
  async refresh(s) {
    await sleep(steady);
    const { status, body } = await s.ask();
    if (status !== 200) return undefined;
    s.lent += 1;
    return async () => {
      const used = await s.sandbox.me(body.access_token);
      assert.ok([200, 401].includes(used.status));
    };
  },
  async connect(s) {
    const user = `new${s.walks}`;
    await s.daemon.api('POST', '/users', { subject: user });
    const { id } = await connect(s.daemon, { user, service: s.service, account: s.user });
    return async () => assert.equal((await s.daemon.api('GET', `/connections/${id}`)).state, 'connected');
  },
  async pause(s) {
    await s.daemon.api('POST', `/connections/${s.connection.id}/pause`);
    return async () => assert.equal((await s.ask()).body.error, 'access_paused');
  },
  async remove(s) {
    const { id } = s.connection;
    await s.daemon.api('DELETE', `/connections/${id}`);
    return async () => {
      assert.equal((await s.ask()).body.error, 'not_connected');
      const facts = await s.daemon.waitRemoved(id, 120000); // asked again after a while
      assert.equal(facts.revoked, 'yes', JSON.stringify(facts));
    };
  },
  async token(s) {
    const old = s.vault.token;
    const { token } = await s.daemon.api('POST', `/vaults/${s.vault.id}/rotate-token`);
    s.vault.token = token;
    return async () => {
      assert.equal((await s.daemon.exchange(old, s.service)).status, 400);
      assert.notEqual((await s.ask()).body.error, 'invalid_grant');
    };
  },
  async key(s) {
    await s.daemon.api('POST', '/keys/rotate', {});
    await waitFor(async () => !(await s.daemon.api('GET', '/keys')).rewrap.left, { what: 'the re-wrapping', ms: 3000 });
  },
};

/** The token of a rotation that was not acknowledged may be the one that holds, or not. */
async function vaultToken(s) {
  const { body } = await s.ask();
  if (body?.error !== 'invalid_grant' && body?.error !== 'invalid_request') return;
  s.vault.token = (await s.daemon.api('POST', `/vaults/${s.vault.id}/rotate-token`)).token;
}

async function walk(s, path, role, n) {
  const pid = s.daemon.children()[role];
  const tool = new Program(killAt, [String(pid), String(n)]);
  await tool.says(/watching/);
  s.walks += 1;
  const holds = await paths[path](s).catch(() => undefined);
  await tool.stop();
  if (/calls/.test(tool.out)) return false;
  assert.match(tool.out, /killed/, tool.err);
  await waitFor(() => ![pid, undefined].includes(s.daemon.children()[role]), { what: `a new ${role}`, ms: 60000 });
  await s.daemon.ready(60000);
  const began = performance.now();
  if (holds) await holds();
  await vaultToken(s);
  await heal(s);
  await sleep(Math.max(0, steady - (performance.now() - began)));
  return true;
}

describe('killed at system calls', { concurrency: 4, skip: existsSync(killAt) ? false : 'kill_at is not built' }, () => {
  for (const path of Object.keys(paths).filter((one) => !chosen || chosen.includes(one))) {
    for (const role of ['gate', 'core', 'keeper', 'courier']) {
      test(`${path}: ${role} killed at each ${step === 1 ? '' : `${step}th `}system call`, async (t) => {
        const s = await stage(t, { lifetime: path === 'refresh' ? 1 : 3600 });
        s.lent = 0;
        s.walks = 0;
        let n = 1 + Math.floor(Math.random() * step);
        while (n < callsMax && await walk(s, path, role, n)) n += step;
        t.diagnostic(`${s.walks} walks, up to call ${n}`);
        const counts = await s.sandbox.counts('notes');
        assert.equal(counts.refresh_twice, 0, 'no refresh token was spent twice');
        assert.equal(counts.code_twice, 0, 'no code was spent twice');
        const recorded = (await s.daemon.settledEvents('&kind=exchange')).filter((e) => e.outcome === 'ok').length;
        assert.ok(recorded >= s.lent, `${s.lent} lent, ${recorded} recorded`);
        const { code, out, err } = await s.daemon.cli(['audit', 'verify'], { fails: true });
        assert.equal(code, 0, out + err);
      });
    }
  }
});
