// SPDX-License-Identifier: Apache-2.0
// Codes and tokens at the end of their lives, by a clock that is ahead.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { Server, basic, refused } from '../lib/as.mjs';
import { binary } from '../lib/process.mjs';

const library = join(dirname(binary), 'tests', 'faults', 'liblater.so');

/** Starts the daemon again, so many seconds later than it is. */
async function later(as, seconds) {
  await as.daemon.stop();
  as.daemon.env = { ...as.daemon.env, LD_PRELOAD: library, VALETKEY_TEST_LATER: String(seconds) };
  await as.daemon.start();
}

test('AZ-20 6749 4.1.2: a code is good for a minute', async (t) => {
  const as = await Server.start(t);
  const soon = await as.code();
  const late = await as.code();
  await later(as, 45);
  assert.equal((await as.redeem(soon)).status, 200);
  await later(as, 61);
  refused(await as.redeem(late), 400, 'invalid_grant');
});

test('IN-02 7662 2.2: what is over is not active, opens nothing and gives nothing', async (t) => {
  const as = await Server.start(t);
  const hour = 3600;
  const day = 24 * hour;
  const tokens = await as.tokens();
  const other = await as.tokens();
  const own = await as.daemon.api('POST', '/vaults', { user: 'ada', name: 'own', policy: 'name: P\nservices: {}\n', agent: as.agent.id });
  const credentials = await as.daemon.post({ grant_type: 'client_credentials', resource: own.mcp_url }, { headers: basic(as.agent) });
  const known = async (token) => (await as.introspect(token)).text;

  await t.test('the access token in the last of its fifteen minutes', async () => {
    await later(as, 840);
    assert.equal(await as.opens(tokens.access_token), true);
    assert.match(await known(tokens.access_token), /"active":true/);
    assert.match(await known(credentials.body.access_token), /"active":true/);
  });

  await t.test('and after it', async () => {
    await later(as, 901);
    for (const token of [tokens.access_token, credentials.body.access_token]) {
      assert.equal(await as.opens(token), false);
      assert.equal(await known(token), '{"active":false}');
      assert.equal((await as.revoke(token)).status, 200);
    }
  });

  await t.test('the refresh token on the last of its thirty days, and after it', async () => {
    await later(as, 29 * day + 20 * hour);
    const renewed = await as.renew(other.refresh_token);
    assert.equal(renewed.status, 200, renewed.text);
    assert.equal(await as.opens(renewed.body.access_token), true);
    await later(as, 30 * day + 1 * hour);
    assert.equal(await as.opens(renewed.body.access_token), false);
    const again = await as.renew(renewed.body.refresh_token);
    assert.equal(again.status, 200, 'the new one has its own thirty days');
    await later(as, 61 * day);
    refused(await as.renew(again.body.refresh_token), 400, 'invalid_grant');
  });
});
