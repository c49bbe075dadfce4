// SPDX-License-Identifier: Apache-2.0
// Who guesses, and who is refused in a loop: the log does not fill, and the others are served.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { accessTokenType, exchangeGrant, makeVault, postFrom } from '../lib/daemon.mjs';
import { stage } from '../lib/stage.mjs';

async function inTurns(count, at, ask) {
  const statuses = {};
  let left = count;
  await Promise.all(Array.from({ length: at }, async () => {
    while (left-- > 0) {
      const { status } = await ask();
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  }));
  return statuses;
}

describe('floods', () => {
  test('TK-19 a thousand bad secrets: throttled, while the right one works from elsewhere', async (t) => {
    const s = await stage(t, {});
    const agent = await s.daemon.api('POST', '/agents', { name: 'Robot' });
    const vault = await makeVault(s.daemon, { user: s.user, agent: agent.id, services: { notes: null }, create: false });
    const url = `${s.daemon.url}/oauth/token`.replace('localhost', '127.0.0.1');
    const basic = (id, secret) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` });
    const form = {
      grant_type: exchangeGrant, subject_token: vault.token, subject_token_type: accessTokenType, audience: 'notes',
    };
    const guess = (id, address) => postFrom(address, url, form, basic(id, `vk_client_${Math.random()}`));
    const known = await inTurns(1000, 20, () => guess(agent.client_id, '127.0.0.1'));
    const unknown = await inTurns(1000, 20, () => guess('nobody', '127.0.0.1'));
    assert.ok(known[401] >= 30 && known[401] < 60, JSON.stringify(known));
    assert.equal(known[401] + known[429], 1000);
    assert.equal(unknown[401] + unknown[429], 1000, JSON.stringify(unknown));
    const late = await guess(agent.client_id, '127.0.0.1');
    assert.equal(late.status, 429);
    assert.ok(Number(late.headers['retry-after']) >= 1, JSON.stringify(late.headers));
    assert.equal(late.body.access_token, undefined);
    const right = await postFrom('127.0.0.2', url, form, basic(agent.client_id, agent.client_secret));
    assert.equal(right.status, 200, JSON.stringify(right.body));
  });

  test('a vault that is refused in a loop does not fill the log, and other vaults are served', async (t) => {
    const s = await stage(t, {});
    const loop = await makeVault(s.daemon, { user: s.user, services: { notes: null }, create: false });
    const before = (await s.daemon.settledEvents('&kind=exchange')).length;
    const refused = await inTurns(5000, 20, () => s.daemon.exchange(loop.token, 'nothing'));
    assert.ok(refused[429] > 3000, JSON.stringify(refused));
    assert.equal((await s.ask()).status, 200);
    const noted = (await s.daemon.settledEvents('&kind=exchange')).length - before;
    assert.ok(noted >= 1000 && noted < 2000, `${noted} events of 5000`);
  });

  test('strangers do not fill the log', async (t) => {
    const s = await stage(t, {});
    const began = Date.now();
    const refused = await inTurns(5000, 20, () => s.daemon.exchange(`vk_vault_${'0'.repeat(49)}`, 'notes'));
    const seconds = (Date.now() - began) / 1000;
    assert.deepEqual(Object.keys(refused), ['400'], JSON.stringify(refused));
    const noted = (await s.daemon.settledEvents('&kind=auth_failed')).length;
    assert.ok(noted >= 1 && noted <= 10 * (seconds + 3), `${noted} events in ${seconds} s`);
    assert.equal((await s.ask()).status, 200);
  });
});
