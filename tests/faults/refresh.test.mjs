// SPDX-License-Identifier: Apache-2.0
// Refreshing against a provider that misbehaves: the rows P-xx of the project's fault matrix.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { sleep, waitFor } from '../lib/process.mjs';
import { Rig } from '../lib/quirk.mjs';
import { stage } from '../lib/stage.mjs';

const json = (status, body) => ({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const life = 3;
const past = (life + 0.3) * 1000;

/** Asks until it is served, for a provider that has recovered: back-off takes its time. */
const served = (s, ms = 60000) => waitFor(async () => {
  const answer = await s.ask();
  return answer.status === 200 && answer;
}, { what: 'a served exchange', ms, every: 250 });

const state = async (s) => (await s.state()).state;

async function notRefreshed(s, error) {
  const { status, body, text } = await s.ask();
  assert.notEqual(status, 200, text);
  assert.equal(body.error, error, text);
  assert.equal(body.access_token, undefined);
}

describe('refreshing', { concurrency: 4 }, () => {
  for (const rotation of ['stable', 'replaced', 'grace', 'strict']) {
    test(`class ${rotation}: three lives on, the tokens still work`, async (t) => {
      const s = await stage(t, { rotation, lifetime: life });
      const seen = new Set();
      for (let i = 0; i < 3; i++) {
        await sleep(past);
        const { body } = await served(s, 5000);
        seen.add(body.access_token);
        assert.equal((await s.sandbox.me(body.access_token)).status, 200);
      }
      assert.equal(seen.size, 3);
      const counts = await s.sandbox.counts('notes');
      assert.equal(counts.refresh_refused, 0);
      if (rotation !== 'stable') assert.equal(counts.refresh_twice, 0);
    });
  }

  test('class none: the token is lent for ten minutes at a time and never refreshed', async (t) => {
    const s = await stage(t, { rotation: 'none' });
    const { body } = await s.ask();
    assert.equal(body.expires_in, 600);
    assert.equal((await s.sandbox.counts('notes')).token_requests, 1);
  });

  test('P-04 MIST-12 thirty callers at the moment of expiry: one refresh, all served', async (t) => {
    const s = await stage(t, { lifetime: life, sandbox: { delay_ms: 100 } });
    for (let round = 1; round <= 3; round++) {
      await sleep(past);
      const before = (await s.sandbox.counts('notes')).refresh_ok;
      const answers = await Promise.all(Array.from({ length: 30 }, () => s.ask()));
      assert.deepEqual([...new Set(answers.map((a) => a.status))], [200], JSON.stringify(answers.map((a) => a.body)));
      assert.equal(new Set(answers.map((a) => a.body.access_token)).size, 1);
      const counts = await s.sandbox.counts('notes');
      assert.ok(counts.refresh_ok - before <= 1, `${counts.refresh_ok - before} refreshes`);
      assert.equal(counts.refresh_twice, 0);
    }
  });

  test('P-01 core dies while the answer is under way: courier keeps it, nothing is lost', async (t) => {
    const s = await stage(t, { lifetime: life, sandbox: { delay_ms: 0 } });
    await sleep(past);
    await s.sandbox.control({ service: 'notes', delay_ms: 1200 });
    const first = s.ask().catch(() => null);
    await waitFor(async () => (await s.sandbox.counts('notes')).refresh_ok === 1, { what: 'the refresh' });
    process.kill(s.daemon.children().core, 'SIGKILL');
    await first;
    await s.sandbox.control({ service: 'notes', delay_ms: 0 });
    const { body } = await served(s, 15000);
    assert.equal((await s.sandbox.me(body.access_token)).status, 200);
    assert.equal((await s.sandbox.counts('notes')).refresh_twice, 0);
  });

  for (const [rotation, expected] of [['strict', 'reauth_required'], ['grace', 'connected'], ['stable', 'connected']]) {
    test(`P-01 everything dies before the answer is stored, class ${rotation}: ${expected}`, async (t) => {
      const s = await stage(t, { rotation, lifetime: life });
      await sleep(past);
      await s.sandbox.control({ service: 'notes', delay_ms: 1500 });
      const first = s.ask().catch(() => null);
      await waitFor(async () => (await s.sandbox.counts('notes')).refresh_ok === 1, { what: 'the refresh' });
      const pids = [s.daemon.program.pid, ...Object.values(s.daemon.children())];
      for (const pid of pids) { try { process.kill(pid, 'SIGKILL'); } catch { /* it went with the others */ } }
      await first;
      await s.daemon.program.ended;
      await s.sandbox.control({ service: 'notes', delay_ms: 0 });
      await s.daemon.start();
      const meanwhile = await s.ask();
      if (meanwhile.status === 503) assert.equal(meanwhile.body.error, 'provider_unavailable');
      else assert.ok([200, 400].includes(meanwhile.status), meanwhile.text);
      if (expected === 'connected') {
        const { body } = await served(s);
        assert.equal((await s.sandbox.me(body.access_token)).status, 200);
      } else {
        // The lease of the refresh that died has to run out first.
        await waitFor(async () => (await s.ask()).body.error === 'reauth_required', { what: 'the verdict', ms: 60000, every: 250 });
        const asked = (await s.sandbox.counts('notes')).token_requests;
        await s.ask();
        assert.equal((await s.sandbox.counts('notes')).token_requests, asked);
        assert.equal((await s.sandbox.counts('notes')).refresh_twice, 0);
      }
      assert.equal(await state(s), expected);
    });

    test(`P-03 the answer is lost on its way, class ${rotation}: ${expected}`, async (t) => {
      const s = await stage(t, { rotation, lifetime: life });
      await s.sandbox.control({ service: 'notes', endpoint: 'refresh', mode: 'drop' });
      await sleep(past);
      if (expected === 'connected') {
        const { body } = await served(s);
        assert.equal((await s.sandbox.me(body.access_token)).status, 200);
      } else {
        await waitFor(async () => (await s.ask()).body.error === 'reauth_required', { what: 'the verdict', ms: 20000 });
        assert.equal((await s.sandbox.counts('notes')).refresh_twice, 0);
      }
      assert.equal(await state(s), expected);
    });
  }

  for (const role of ['core', 'courier']) {
    test(`P-05 ${role} stands still while a refresh is under way: no token is spent twice, nothing is overwritten blindly`, async (t) => {
      const s = await stage(t, { rotation: 'strict', lifetime: life });
      await sleep(past);
      await s.sandbox.control({ service: 'notes', delay_ms: 700 });
      const pid = s.daemon.children()[role];
      const first = s.ask().catch(() => null);
      await waitFor(async () => (await s.sandbox.counts('notes')).token_requests === 2, { what: 'the refresh', every: 10 });
      process.kill(pid, 'SIGSTOP');
      await s.sandbox.control({ service: 'notes', delay_ms: 0 });
      await sleep(25000);
      process.kill(pid, 'SIGCONT');
      await first;
      const verdict = await waitFor(async () => {
        const answer = await s.ask();
        return (answer.status === 200 || answer.body?.error === 'reauth_required') && answer;
      }, { what: 'a verdict', ms: 40000, every: 250 });
      if (verdict.status === 200) assert.equal((await s.sandbox.me(verdict.body.access_token)).status, 200);
      t.diagnostic(verdict.status === 200 ? 'served' : verdict.body.error);
      const counts = await s.sandbox.counts('notes');
      assert.equal(counts.refresh_twice, 0);
    });
  }

  for (const wish of [{ mode: 'status', status: 500 }, { mode: 'status', status: 502 }, { mode: 'status', status: 503 },
    { mode: 'status', status: 504 }, { mode: 'status_with_token', status: 500 }, { mode: 'server_error' }]) {
    test(`P-06 ${wish.mode} ${wish.status ?? ''}: a valid token is served, an expired one is not, and it recovers`, async (t) => {
      const s = await stage(t, { rotation: 'replaced', lifetime: 6 });
      await s.sandbox.control({ service: 'notes', endpoint: 'refresh', times: 1000, ...wish });
      await sleep(5000);
      const early = await s.ask();
      assert.equal(early.status, 200, early.text);
      await sleep(1600);
      await notRefreshed(s, 'provider_unavailable');
      assert.equal(await state(s), 'connected');
      await s.sandbox.control({ service: 'notes', endpoint: 'refresh', times: 0, mode: 'status' });
      await served(s);
    });
  }

  test('P-06 a provider that hangs is a provider that does not answer', async (t) => {
    const s = await stage(t, { rotation: 'replaced', lifetime: life });
    await s.sandbox.control({ service: 'notes', endpoint: 'refresh', mode: 'hang', times: 1 });
    await sleep(past);
    const began = Date.now();
    const { status, body, text } = await s.ask();
    assert.ok(Date.now() - began < 35000, 'there is a deadline');
    if (status !== 200) assert.equal(body.error, 'provider_unavailable', text);
    await served(s, 60000);
    assert.equal(await state(s), 'connected');
  });

  test('P-06 a provider that is gone is not a reason to ask the user', async (t) => {
    const s = await stage(t, { lifetime: life });
    await s.sandbox.program.stop();
    await sleep(past);
    await notRefreshed(s, 'provider_unavailable');
    assert.equal(await state(s), 'connected');
  });

  for (const [retryAfter, quietMs] of [['2', 1500], ['1000000000', 2500], ['-5', 0], ['soon', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0], ['Fri, 01 Jan 2100 00:00:00 GMT', 2500]]) {
    test(`P-07 429 with Retry-After ${retryAfter}`, async (t) => {
      const s = await stage(t, { rotation: 'replaced', lifetime: life });
      await s.sandbox.control({
        service: 'notes', endpoint: 'refresh', mode: 'status', status: 429, retry_after: retryAfter, times: 1,
      });
      await sleep(past);
      const { faults } = await s.sandbox.counts('notes');
      if (quietMs > 0 && faults === 0) await notRefreshed(s, 'provider_unavailable');
      if (quietMs > 0) {
        const asked = (await s.sandbox.counts('notes')).token_requests;
        const end = Date.now() + quietMs;
        if (retryAfter !== '2' || faults === 0) {
          while (Date.now() < end) {
            await s.ask();
            await sleep(100);
          }
          assert.equal((await s.sandbox.counts('notes')).token_requests, asked, 'it kept quiet');
        }
      }
      if (retryAfter.length < 5 || retryAfter.includes('1970')) await served(s);
      assert.equal(await state(s), 'connected');
    });
  }

  for (const [wish, errors] of [[{ mode: 'invalid_grant' }], [{ mode: 'error_200' }, '{terminal: [bad_refresh_token]}'],
    [{ mode: 'ok_false' }, '{ok: ok, terminal: [invalid_refresh_token]}']]) {
    const row = wish.mode === 'invalid_grant' ? 'P-08' : 'P-11';
    test(`${row} ${wish.mode} is final: one record, no further asking, the user is to reconnect`, async (t) => {
      const s = await stage(t, { lifetime: life, errors });
      await s.sandbox.control({ service: 'notes', endpoint: 'refresh', times: 1000, ...wish });
      await sleep(past);
      await waitFor(async () => (await s.ask()).body.error === 'reauth_required', { what: 'the verdict', ms: 5000 });
      const { body } = await s.ask();
      assert.ok(body.error_uri?.startsWith(s.daemon.url), JSON.stringify(body));
      const asked = (await s.sandbox.counts('notes')).token_requests;
      for (let i = 0; i < 5; i++) await s.ask();
      assert.equal((await s.sandbox.counts('notes')).token_requests, asked);
      assert.equal(await state(s), 'reauth_required');
      const events = await s.daemon.settledEvents(`&connection=${s.connection.id}`);
      assert.equal(events.filter((e) => e.kind === 'connection_reauth').length, 1, JSON.stringify(events));
    });
  }

  test('P-08 the provider revoked everything: reconnecting mends it, under the same vault', async (t) => {
    const { connect } = await import('../lib/consent.mjs');
    const s = await stage(t, { lifetime: life });
    await s.sandbox.control({ service: 'notes', revoke_all: true });
    await sleep(past);
    await waitFor(async () => (await s.ask()).body.error === 'reauth_required', { what: 'the verdict', ms: 5000 });
    await connect(s.daemon, { user: s.user, service: s.service, account: s.user, connection: s.connection.id });
    const { body } = await served(s, 5000);
    assert.equal((await s.sandbox.me(body.access_token)).status, 200);
  });

  test('P-09 invalid_client is our fault, not the user\'s', async (t) => {
    const s = await stage(t, { rotation: 'replaced', lifetime: life });
    await s.sandbox.control({ service: 'notes', endpoint: 'refresh', mode: 'invalid_client', times: 2 });
    await sleep(past);
    await notRefreshed(s, 'provider_unavailable');
    assert.equal(await state(s), 'connected');
    await served(s);
  });

  for (const mode of ['html', 'truncated', 'gzip_bomb', 'wrong_type', 'huge', 'deep', 'nul', 'nul_escaped', 'duplicate',
    'token_crlf', 'token_long', 'expires_negative', 'expires_huge', 'expires_text', 'token_type', 'no_access_token', 'cut']) {
    test(`P-10 ${mode}: refused, the old pair kept`, async (t) => {
      const s = await stage(t, { rotation: 'replaced', lifetime: life });
      await s.sandbox.control({ service: 'notes', endpoint: 'refresh', mode, times: 1 });
      await sleep(past);
      const first = await s.ask();
      assert.doesNotMatch(first.text, /sandbox-fault|X-Injected/);
      if (mode === 'wrong_type' && first.status === 200) assert.match(first.body.access_token, /^sandbox-notes-access/);
      assert.equal(await state(s), 'connected', first.text);
      const { body } = await served(s);
      assert.equal((await s.sandbox.me(body.access_token)).status, 200);
      const rss = s.daemon.memory();
      for (const [role, bytes] of Object.entries(rss)) assert.ok(bytes < 150e6, `${role} holds ${bytes} bytes`);
    });
  }

  for (const mode of ['expires_quoted', 'expires_absent', 'no_refresh_token']) {
    const row = mode === 'no_refresh_token' ? 'P-12' : 'RP-12';
    test(`${row} ${mode}: taken as what it means`, async (t) => {
      const s = await stage(t, { rotation: 'replaced', lifetime: life });
      await s.sandbox.control({ service: 'notes', endpoint: 'refresh', mode, times: 1 });
      await sleep(past);
      const first = await s.ask();
      assert.equal(first.status, 200, first.text);
      assert.equal((await s.sandbox.me(first.body.access_token)).status, 200);
      assert.ok(Number.isInteger(first.body.expires_in));
      if (mode === 'no_refresh_token') {
        await sleep(past);
        assert.equal((await s.ask()).status, 200, 'the old refresh token was kept');
      }
      assert.equal((await s.sandbox.counts('notes')).refresh_refused, 0);
    });
  }

  test('the four outcomes are visible to user and operator', async (t) => {
    const s = await stage(t, { rotation: 'replaced', lifetime: life });
    await sleep(past);
    await served(s, 5000);
    const { refresh } = await s.state();
    assert.equal(typeof refresh.state, 'string');
    assert.ok(refresh.last, JSON.stringify(refresh));
    const events = await s.daemon.settledEvents(`&connection=${s.connection.id}&kind=refresh`);
    assert.ok(events.some((e) => e.outcome === 'ok'), JSON.stringify(events));
  });
});

describe('revoking', { concurrency: 4 }, () => {
  test('RV-07 the provider\'s revoke endpoint fails: lent to nobody from now on, asked again until it answers, then destroyed', async (t) => {
    const s = await stage(t, {});
    const { body } = await s.ask();
    await s.sandbox.control({ service: 'notes', endpoint: 'revoke', mode: 'status', status: 500, times: 1 });
    const facts = await s.daemon.api('DELETE', `/connections/${s.connection.id}`);
    assert.equal(facts.state, 'removed');
    assert.notEqual(facts.revoked, 'yes');
    assert.equal((await s.ask()).body.error, 'not_connected');
    await waitFor(async () => (await s.sandbox.me(body.access_token)).status === 401, { what: 'the revocation', ms: 60000, every: 250 });
    const settled = await waitFor(async () => {
      const now = await s.state();
      return now.deleted && now.revoked === 'yes' && now.probed === 'dead' && now;
    }, { what: 'the three facts', ms: 20000, every: 250 });
    assert.equal(settled.state, 'removed');
  });

  test('the new tokens of a refresh that was under way at the removal are revoked too', async (t) => {
    const rig = await Rig.start(t);
    let answer;
    const held = new Promise((done) => { answer = done; });
    const quirk = await rig.service(() => ({}), {
      answers: {
        token: () => json(200, { access_token: 'at-old', refresh_token: 'rt-old', expires_in: 1 }),
        refresh: async () => { await held; return json(200, { access_token: 'at-new', refresh_token: 'rt-new', expires_in: 3600 }); },
        revoke: () => json(200, {}),
      },
    });
    const { connection } = await quirk.connect();
    await sleep(1300);
    const first = quirk.lend();
    await waitFor(() => quirk.asked('token').length === 2, { what: 'the refresh' });
    const facts = await rig.daemon.api('DELETE', `/connections/${connection.id}`);
    assert.equal(facts.state, 'removed');
    assert.deepEqual(quirk.asked('revoke').map((r) => r.fields.token), ['rt-old']);
    answer();
    assert.notEqual((await first).status, 200);
    await waitFor(() => quirk.asked('revoke').length === 2, { what: 'the second revocation', ms: 15000 });
    assert.equal(quirk.asked('revoke')[1].fields.token, 'rt-new');
    const settled = await waitFor(async () => {
      const now = await quirk.show(connection);
      return now.deleted && now.revoked === 'yes' && now;
    }, { what: 'the facts', ms: 10000 });
    assert.equal(settled.state, 'removed');
  });

  test('a resumed connection whose access token expired meanwhile is refreshed', async (t) => {
    const s = await stage(t, { lifetime: life });
    await s.daemon.api('POST', `/connections/${s.connection.id}/pause`);
    await sleep(past);
    await notRefreshed(s, 'access_paused');
    await s.daemon.api('POST', `/connections/${s.connection.id}/resume`);
    assert.equal((await s.ask()).status, 200);
  });
});
