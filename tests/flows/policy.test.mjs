// SPDX-License-Identifier: Apache-2.0
// What a policy file says holds at the door: hours, networks and limits of an exchange, over a restart too.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from '../lib/stage.mjs';

const put = (s, text) => s.daemon.api('PUT', `/vaults/${s.vault.id}/policy`, text, { type: 'text/yaml' });

const exchanging = (exchange, rest = '') => `name: Test
services:
  notes:
    exchange: ${exchange}
${rest}`;

/** A window of UTC that is open now, and one that is not. */
function windows() {
  const hour = new Date().getUTCHours();
  const two = (n) => String(n % 24).padStart(2, '0');
  return { open: `${two(hour + 23)}:00-${two(hour + 2)}:00 UTC`, closed: `${two(hour + 6)}:00-${two(hour + 8)}:00 UTC` };
}

test('the rules of a policy at the door', async (t) => {
  const s = await stage(t);
  const refused = async (error, status = 400) => {
    const answer = await s.ask();
    assert.equal(answer.body.error, error, answer.text);
    assert.equal(answer.status, status);
    return answer;
  };

  await t.test('MIST-11 a rate admits so many and says when to come back, over a restart and a new policy', async () => {
    const text = (n) => exchanging('{effect: allow}', `limits:\n  - {per: vault, rate: ${n}/1h}\n`);
    await put(s, text(3));
    for (let i = 0; i < 3; i++) assert.equal((await s.ask()).status, 200);
    const answer = await refused('rate_limited', 429);
    const wait = Number(answer.headers.get('retry-after'));
    assert.ok(wait > 3000 && wait <= 3720, `${wait}`);
    await s.daemon.stop();
    await s.daemon.start();
    await refused('rate_limited', 429);
    await put(s, text(5));
    assert.equal((await s.ask()).status, 200);
    assert.equal((await s.ask()).status, 200);
    await refused('rate_limited', 429);
    await put(s, exchanging('{effect: allow}', 'limits:\n  - {per: vault, rate: 1/2h}\n'));
    assert.equal((await s.ask()).status, 200, 'another window is another limit');
    const denied = (await s.daemon.settledEvents('&outcome=denied')).filter((e) => e.reason === 'rate_limited');
    assert.ok(denied.length >= 3, 'each refusal is on record');
  });

  await t.test('a limit per user is shared by the vaults of the user', async () => {
    const text = exchanging('{effect: allow}', 'limits:\n  - {per: user, rate: 2/30m}\n');
    await put(s, text);
    const other = await s.daemon.api('POST', '/vaults', { user: s.user, name: 'Other', policy: text });
    assert.equal((await s.ask()).status, 200);
    assert.equal((await s.daemon.exchange(other.token, s.service)).status, 200);
    await refused('rate_limited', 429);
    assert.equal((await s.daemon.exchange(other.token, s.service)).status, 429);
  });

  await t.test('a budget without end is spent once', async () => {
    await put(s, exchanging('{effect: allow}', 'limits:\n  - {per: vault, budget: 1}\n'));
    assert.equal((await s.ask()).status, 200);
    const answer = await refused('access_denied', 403);
    assert.equal(answer.headers.get('retry-after'), null, 'there is no such time');
    const denied = await s.daemon.settledEvents('&outcome=denied');
    assert.equal(denied.at(-1).reason, 'budget_spent');
  });

  await t.test('crowding in, no more than the limit pass', async () => {
    await put(s, exchanging('{effect: allow}', 'limits:\n  - {per: vault, rate: 20/6h}\n'));
    const answers = await Promise.all(Array.from({ length: 60 }, () => s.ask()));
    assert.equal(answers.filter((a) => a.status === 200).length, 20);
    assert.equal(answers.filter((a) => a.status === 429).length, 40);
  });

  await t.test('hours', async () => {
    const { open, closed } = windows();
    await put(s, exchanging(`{effect: allow, when: [{time: "${closed}"}]}`));
    await refused('access_denied', 403);
    await put(s, exchanging(`{effect: allow, when: [{time: "${open}"}]}`));
    assert.equal((await s.ask()).status, 200);
  });

  await t.test('networks', async () => {
    await put(s, exchanging('{effect: allow}', 'networks: [10.0.0.0/8]\n'));
    await refused('access_denied', 403);
    await put(s, exchanging('{effect: allow}', 'networks: [127.0.0.0/8]\n'));
    assert.equal((await s.ask()).status, 200);
  });
});
