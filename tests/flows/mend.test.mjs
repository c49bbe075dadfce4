// SPDX-License-Identifier: Apache-2.0
// The page that an agent is answered with when an account is missing, and who may go on from there.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { acmeStage } from '../lib/acme.mjs';
import { password, signIn } from '../lib/authorize.mjs';
import { startBrowser } from '../lib/browser.mjs';
import { Jar, decideAtSandbox, firstForm, land, openLink } from '../lib/consent.mjs';
import { Endpoint } from '../lib/mcp.mjs';
import { Ends } from '../lib/process.mjs';

const allows = (name) => `name: ${name}\nservices:\n  acme: {default: allow}\n`;

describe('the page that mends', () => {
  const ends = new Ends();
  let s, page;

  before(async () => {
    s = await acmeStage(ends, { connected: false });
    page = `${s.daemon.url}/mend/not_connected/acme`;
  });
  after(() => ends.run());

  async function newUser(subject) {
    await s.daemon.api('POST', '/users', { subject });
    await s.daemon.api('POST', '/users/password', { user: subject, password });
    return s.daemon.api('POST', '/vaults', { user: subject, name: subject, policy: allows(subject) });
  }

  /** Presses the button there; signs in as @p user where that is asked for, and presses it again. */
  async function goOn(jar, user, address = page) {
    let answer = await jar.submit(firstForm(await (await jar.fetch(address)).text(), address));
    if (answer.status === 200) {
      const form = firstForm(await answer.text(), address);
      form.fields = [...form.fields.filter(([name]) => !['subject', 'password'].includes(name)), ['subject', user], ['password', password]];
      const back = await jar.submit(form);
      assert.equal(back.headers.get('location'), address);
      answer = await jar.submit(firstForm(await (await jar.fetch(address)).text(), address));
    }
    return answer;
  }

  const connectionsOf = (user) => s.daemon.list(`/connections?user=${user}&service=acme`);

  test('in a browser: from the address that the agent shows to an account that is connected, and the call goes through', async (t) => {
    const e = new Endpoint(await newUser('ada2'));
    const call = { name: 'acme_notes_list', arguments: { folder: 'inbox' } };
    const asked = await e.modern('tools/call', call, { capabilities: { elicitation: { url: {} } } });
    const { url } = asked.body.result.inputRequests.connect.params;
    const tab = await (await startBrowser(t)).newPage();
    await tab.goto(url);
    await tab.click('text=Sign in and connect');
    await tab.fill('input[name=subject]', 'ada2');
    await tab.fill('input[name=password]', password);
    await tab.click('text=Sign in >> nth=-1');
    assert.equal(tab.url(), url);
    await tab.click('text=Connect an account of ada2');
    assert.match(await tab.textContent('body'), /You are about to connect an account/);
    await tab.click('text=Go on to');
    await tab.check('input[name=user][value=ada]');
    await tab.click('button[value=approve]');
    await tab.waitForURL(`${s.daemon.url}/**`);
    assert.match(await tab.textContent('body'), /is connected/);
    s.upstream.answer = () => ({ body: { items: [] } });
    assert.equal((await e.modern('tools/call', call)).body.result.isError, false);
  });

  test('MC-09 elicitation, URL mode: who opens it connects an account of their own, not of the one whose agent asked', async () => {
    await newUser('bea');
    await newUser('carl');
    const jar = new Jar();
    const link = await goOn(jar, 'carl');
    assert.equal(link.status, 303);
    const callback = await decideAtSandbox(jar, await openLink(jar, link.headers.get('location')), { user: 'grace' });
    assert.equal((await land(jar, callback)).status, 200);
    assert.deepEqual([(await connectionsOf('carl')).length, (await connectionsOf('bea')).length], [1, 0]);
  });

  test('nobody is signed in by it, and another site cannot press its button', async () => {
    const [jar, other] = [new Jar(), new Jar()];
    await newUser('dora');
    await signIn(jar, `${s.daemon.url}/login`, 'dora');
    const post = (who, headers) => who.fetch(page, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } });
    for (const headers of [{}, { 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }]) {
      assert.equal((await post(jar, headers)).status, 403, JSON.stringify(headers));
    }
    const stranger = await post(other, { 'sec-fetch-site': 'same-origin' });
    assert.equal(stranger.headers.get('location'), null);
    assert.match(await stranger.text(), /name="password"/);
    assert.equal((await post(jar, { 'sec-fetch-site': 'same-origin' })).status, 303);
  });

  test('an account that has lapsed is connected again, the same one; where none has, nothing begins', async () => {
    const vault = await newUser('eve');
    const jar = new Jar();
    const again = page.replace('not_connected', 'reauth_required');
    const connects = async (address) => {
      const link = await goOn(jar, 'eve', address);
      assert.equal(link.status, 303);
      const callback = await decideAtSandbox(jar, await openLink(jar, link.headers.get('location')), { user: 'alan' });
      assert.equal((await land(jar, callback)).status, 200);
    };
    await connects(page);
    const nothing = await goOn(jar, 'eve', again);
    assert.equal(nothing.status, 404);
    assert.match(await nothing.text(), /No account of yours/);
    const [{ id }] = await connectionsOf('eve');
    const e = new Endpoint(vault);
    const call = { name: 'acme_notes_list', arguments: { folder: 'inbox' } };
    s.upstream.answer = () => ({ status: 401, body: {} });
    await e.modern('tools/call', call);
    await fetch(`${s.sandbox.origin}/notes/revoke`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: `Basic ${btoa('sandbox:sandbox-secret-not-a-secret')}` },
      body: new URLSearchParams({ token: s.upstream.seen.at(-1).headers.authorization.slice(7) }),
    });
    await e.modern('tools/call', call);
    assert.equal((await connectionsOf('eve'))[0].state, 'reauth_required');
    const asked = await e.modern('tools/call', call, { capabilities: { elicitation: { url: {} } } });
    assert.equal(asked.body.result.inputRequests.connect.params.url, again);
    await connects(again);
    assert.deepEqual((await connectionsOf('eve')).map((one) => [one.id, one.state]), [[id, 'connected']]);
    s.upstream.answer = () => ({ body: { items: [] } });
    assert.equal((await e.modern('tools/call', call)).body.result.isError, false);
  });

  test('services and remedies that are not known lead nowhere', async () => {
    const jar = new Jar();
    await newUser('fay');
    await signIn(jar, `${s.daemon.url}/login`, 'fay');
    const post = (path) => jar.fetch(`${s.daemon.url}/mend/${path}`, { method: 'POST', headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' } });
    for (const path of ['not_connected/nowhere', 'access_paused/acme', 'insufficient_scope/acme', 'anything/acme', 'not_connected/%3Cb%3E']) {
      const answer = await post(path);
      assert.equal(answer.status, 404, path);
      assert.equal(answer.headers.get('location'), null);
    }
    const shown = await (await jar.fetch(`${s.daemon.url}/mend/not_connected/%3Cb%3E`)).text();
    assert.ok(shown.includes('%3Cb%3E') && !shown.includes('<b>'));
  });
});
