// SPDX-License-Identifier: Apache-2.0
// Deaths between a yes and its outcome: never carried out twice, and what is unknown is said as unknown.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { acmeStage } from '../lib/acme.mjs';
import { sleep, waitFor } from '../lib/process.mjs';

/** Kills @p role once the request has reached the provider, which answers after @p release. */
async function killInFlight(t, role, { release = 1500, answers = true } = {}) {
  let arrived;
  const here = new Promise((done) => { arrived = done; });
  const s = await acmeStage(t, {
    answer: async (_, n, socket) => {
      arrived();
      await sleep(release);
      if (!answers) { socket.destroy(); return null; }
      return { status: 201, body: { id: n } };
    },
  });
  const { body } = await s.call('notes.send', { to: 'bo', text: role });
  assert.equal((await s.approve(body.approval)).status, 200);
  await here;
  const pid = s.daemon.children()[role];
  process.kill(pid, 'SIGKILL');
  await waitFor(() => s.daemon.children()[role] !== pid && s.daemon.children()[role], { what: `a new ${role}`, ms: 20000 });
  await s.daemon.ready(30000);
  return { s, id: body.approval };
}

const settled = (s, id) => waitFor(async () => {
  const shown = await s.show(id);
  return shown.outcome !== 'open' && shown.state === 'executed' && shown;
}, { what: 'an outcome', ms: 60000, every: 200 });

for (const role of ['core', 'keeper']) {
  test(`${role} dies while the provider is at it: the answer is found again, and told`, async (t) => {
    const { s, id } = await killInFlight(t, role);
    assert.equal((await settled(s, id)).outcome, 'ok');
    const { body } = await s.outcome(id);
    assert.deepEqual(body.structured, { id: 1 });
    assert.equal((await s.approve(id)).body.code, 'used');
    assert.equal(s.upstream.seen.length, 1);
    const calls = (await s.daemon.settledEvents(`&vault=${s.vault.id}`)).filter((e) => e.kind === 'call');
    assert.deepEqual(calls.map((e) => e.outcome), ['intent', 'ok']);
    assert.equal(calls[1].ref, calls[0].event);
  });
}

test('courier dies while the provider is at it: unknown, said as unknown, not done again', async (t) => {
  const { s, id } = await killInFlight(t, 'courier');
  assert.equal((await settled(s, id)).outcome, 'unknown');
  const { body } = await s.outcome(id);
  assert.equal(body.code, 'uncertain');
  assert.match(body.detail, /UNKNOWN/);
  await sleep(3000);
  assert.equal(s.upstream.seen.length, 1);
});

test('the provider hangs up on core\'s successor: unknown as well', async (t) => {
  const { s, id } = await killInFlight(t, 'core', { answers: false });
  assert.equal((await settled(s, id)).outcome, 'unknown');
  assert.equal(s.upstream.seen.length, 1);
});

test('core killed at random moments around the yes: at most once each, and each has an end', async (t) => {
  const s = await acmeStage(t, { answer: async (r) => { await sleep(20); return { status: 201, body: JSON.parse(r.body) }; } });
  const rounds = Number(process.env.VALETKEY_KILLS ?? 8);
  const asked = [];
  for (let i = 0; i < rounds; i++) {
    const vault = await s.newVault();
    const held = [];
    for (let n = 0; n < 3; n++) {
      held.push((await s.call('notes.send', { to: `r${i}`, text: `n${n}` }, { token: vault.token })).body.approval);
    }
    const pid = await waitFor(() => s.daemon.children().core, { what: 'core' });
    const decisions = held.map((id) => s.approve(id).catch(() => null));
    await sleep(Math.random() * 40);
    process.kill(pid, 'SIGKILL');
    await Promise.all(decisions);
    await waitFor(() => { const now = s.daemon.children().core; return now && now !== pid; }, { what: 'a new core', ms: 60000 });
    await s.daemon.ready(60000);
    asked.push(...held.map((id) => ({ id, token: vault.token })));
  }
  const counted = new Map();
  for (const one of asked) {
    const shown = await waitFor(async () => {
      const now = await s.show(one.id);
      return now.state === 'pending' || (now.state === 'executed' && now.outcome !== 'open') ? now : null;
    }, { what: 'an end', ms: 90000, every: 200 });
    counted.set(one.id, shown);
  }
  const sent = s.upstream.seen.map((r) => r.body);
  assert.equal(new Set(sent).size, sent.length, 'no request was made twice');
  for (const shown of counted.values()) {
    const there = sent.filter((b) => shown.card.length > 0 && `Send to ${JSON.parse(b).to}: ${JSON.parse(b).text}` === shown.summary);
    if (shown.state === 'pending') assert.equal(there.length, 0, 'what nobody said yes to was not done');
    else if (shown.outcome === 'ok') assert.equal(there.length, 1, 'what is said to be done was done');
    else if (shown.outcome === 'failed') assert.equal(there.length, 0, 'what is said to have failed was not done');
    else assert.equal(shown.outcome, 'unknown');
  }
});
