// SPDX-License-Identifier: Apache-2.0
// Fifty at once for each thing that may be used once. VALETKEY_RACES sets the rounds.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Jar, connect, decideAtSandbox, firstForm, land, openLink } from '../lib/consent.mjs';
import { accessTokenType, exchangeGrant, makeVault, postFrom } from '../lib/daemon.mjs';
import { sleep } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

const rounds = Number(process.env.VALETKEY_RACES ?? 5);
const crowd = 50;

test('a connect link leads on for one browser only', async (t) => {
  const s = await stage(t, { connected: false });
  for (let round = 0; round < rounds; round++) {
    const { url } = await s.daemon.api('POST', '/connections/start', { user: s.user, service: s.service });
    const jars = Array.from({ length: crowd }, () => new Jar());
    const pages = await Promise.all(jars.map((jar) => jar.fetch(url).then(async (a) => [a.status, await a.text()])));
    const winners = await Promise.all(jars.map(async (jar, i) => {
      if (pages[i][0] !== 200 || !/<form/.test(pages[i][1])) return null;
      const answer = await jar.submit(firstForm(pages[i][1], url));
      await answer.text();
      return [302, 303].includes(answer.status) ? answer.headers.get('location') : null;
    }));
    assert.equal(winners.filter(Boolean).length, 1, `round ${round}`);
  }
});

test('a callback is settled once, and its code spent once', async (t) => {
  const s = await stage(t, { connected: false });
  for (let round = 0; round < rounds; round++) {
    const user = `racer${round}`;
    await s.daemon.api('POST', '/users', { subject: user });
    const before = await s.sandbox.counts('notes');
    const jar = new Jar();
    const { url } = await s.daemon.api('POST', '/connections/start', { user, service: s.service });
    const callback = await decideAtSandbox(jar, await openLink(jar, url));
    const ends = await Promise.all(Array.from({ length: crowd }, () => jar.fetch(callback).then(async (a) => {
      const text = await a.text();
      return { status: a.status, text };
    })));
    const good = ends.filter((e) => e.status === 200 || e.status === 303);
    assert.equal(good.length, 1, `round ${round}: ${JSON.stringify(ends.map((e) => e.status))}`);
    const after = await s.sandbox.counts('notes');
    assert.equal(after.code_ok - before.code_ok, 1);
    assert.equal(after.code_twice, 0);
    assert.equal((await s.daemon.list(`/connections?user=${user}`)).length, 1);
  }
});

test('a refresh token is spent once by fifty who ask at its expiry', async (t) => {
  const s = await stage(t, { lifetime: 1 });
  for (let round = 0; round < rounds; round++) {
    const before = (await s.sandbox.counts('notes')).refresh_ok;
    await sleep(1050);
    const answers = await Promise.all(Array.from({ length: crowd }, () => s.ask()));
    assert.deepEqual([...new Set(answers.map((a) => a.status))], [200], `round ${round}`);
    assert.ok((await s.sandbox.counts('notes')).refresh_ok > before, `round ${round}`);
  }
  const { refresh_twice: twice, refresh_refused: refused } = await s.sandbox.counts('notes');
  assert.deepEqual({ twice, refused }, { twice: 0, refused: 0 });
});

test('of fifty new tokens and secrets made at once, the last one alone works', async (t) => {
  const s = await stage(t, {});
  const agent = await s.daemon.api('POST', '/agents', { name: 'racer' });
  const bound = await makeVault(s.daemon, { user: s.user, agent: agent.id, services: { [s.service]: null }, create: false });
  const url = `${s.daemon.url}/oauth/token`.replace('localhost', '127.0.0.1');
  const all = (path) => Promise.all(Array.from({ length: crowd }, () => s.daemon.api('POST', path)));
  const working = async (asks) => (await Promise.all(asks)).filter((a) => a.status === 200).length;
  for (let round = 0; round < rounds; round++) {
    const tokens = await all(`/vaults/${s.vault.id}/rotate-token`);
    assert.equal(new Set(tokens.map((one) => one.token)).size, crowd);
    assert.equal(await working(tokens.map((one) => s.daemon.exchange(one.token, s.service))), 1, `round ${round}: tokens`);
    const secrets = await all(`/agents/${agent.id}/rotate-secret`);
    // Each from an address of its own: who guesses is throttled.
    assert.equal(await working(secrets.map((one, i) => postFrom(`127.0.${1 + round}.${1 + i}`, url, {
      grant_type: exchangeGrant, subject_token: bound.token, subject_token_type: accessTokenType, audience: s.service,
      client_id: agent.client_id, client_secret: one.client_secret,
    }))), 1, `round ${round}: secrets`);
  }
});

test('a removal asked for fifty times revokes once', async (t) => {
  const s = await stage(t, { connected: false });
  for (let round = 0; round < rounds; round++) {
    const { id } = await connect(s.daemon, { user: s.user, service: s.service, account: s.user });
    const before = (await s.sandbox.counts('notes')).revoked;
    const answers = await Promise.all(Array.from({ length: crowd }, () => s.daemon.raw('DELETE', `/connections/${id}`)));
    for (const answer of answers) assert.ok([200, 202, 204, 404, 409].includes(answer.status), `${answer.status}`);
    await s.daemon.waitRemoved(id);
    const { revoked, revoke_unknown: unknown } = await s.sandbox.counts('notes');
    assert.deepEqual({ revoked: revoked - before, unknown }, { revoked: 1, unknown: 0 }, `round ${round}`);
  }
});

test('RP-01 MIST-09 a callback with a foreign, used or missing state asks the provider nothing', async (t) => {
  const s = await stage(t, { connected: false });
  const jar = new Jar();
  const { url } = await s.daemon.api('POST', '/connections/start', { user: s.user, service: s.service });
  const callback = await decideAtSandbox(jar, await openLink(jar, url));
  const asked = async () => (await s.sandbox.counts('notes')).token_requests;
  const none = await asked();
  const changed = (name, value) => {
    const copy = new URL(callback);
    if (value === null) copy.searchParams.delete(name);
    else copy.searchParams.set(name, value);
    return copy.href;
  };
  for (const [what, address, who] of [
    ['another browser', callback, new Jar()],
    ['no state', changed('state', null), jar],
    ['foreign state', changed('state', 'x'.repeat(43)), jar],
  ]) {
    const { status, html } = await land(who, address);
    assert.ok(status >= 400 && status < 500, `${what}: ${status} ${html}`);
    assert.equal(await asked(), none, what);
  }
  assert.equal((await land(jar, callback)).status, 200, 'the true one was none of these');
  const once = await asked();
  assert.equal(once, none + 1);
  for (const who of [jar, new Jar()]) {
    const { status } = await land(who, callback);
    assert.ok(status >= 400 && status < 500, `used: ${status}`);
    assert.equal(await asked(), once, 'used');
  }
});

test('RP-02 an iss that is not the provider\'s ends the consent before the code is spent', async (t) => {
  const s = await stage(t, { connected: false });
  for (const iss of ['https://evil.example', `${s.sandbox.origin}/notes/`]) {
    const jar = new Jar();
    const { url } = await s.daemon.api('POST', '/connections/start', { user: s.user, service: s.service });
    const callback = new URL(await decideAtSandbox(jar, await openLink(jar, url)));
    callback.searchParams.set('iss', iss);
    const { status } = await land(jar, callback.href);
    assert.ok(status >= 400 && status < 500, `${iss}: ${status}`);
    assert.equal((await s.sandbox.counts('notes')).token_requests, 0);
  }
});

test('RP-13 what a provider says in an error is shown as text', async (t) => {
  const s = await stage(t, { connected: false });
  const jar = new Jar();
  const { url } = await s.daemon.api('POST', '/connections/start', { user: s.user, service: s.service });
  const callback = new URL(await decideAtSandbox(jar, await openLink(jar, url), { deny: true }));
  callback.searchParams.set('error_description', '<script>alert(1)</script>');
  const { html } = await land(jar, callback.href);
  assert.doesNotMatch(html, /<script>alert/);
});

test('a connect link is dead after its use and after its time', async (t) => {
  const s = await stage(t, { connected: false });
  const jar = new Jar();
  const { url, expires } = await s.daemon.api('POST', '/connections/start', { user: s.user, service: s.service });
  assert.ok(Date.parse(expires) > Date.now());
  await land(jar, await decideAtSandbox(jar, await openLink(jar, url)));
  const again = await jar.fetch(url);
  assert.ok(again.status >= 400 && again.status < 500, `${again.status}`);
  const cut = await jar.fetch(`${url.slice(0, -1)}${url.endsWith('A') ? 'B' : 'A'}`);
  assert.ok(cut.status >= 400 && cut.status < 500);
});
