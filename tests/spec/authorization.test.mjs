// SPDX-License-Identifier: Apache-2.0
// The authorization endpoint (OAuth 2.1, RFC 9700, RFC 9207) as a browser and a stranger see it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { password, signIn } from '../lib/authorize.mjs';
import { Server, challenge, refused } from '../lib/as.mjs';
import { Jar, firstForm } from '../lib/consent.mjs';
import { Ends } from '../lib/process.mjs';

const ends = new Ends();
let as;
let web; // a client of the operator's with an address on the web

const exact = 'https://client.example/Back/here?a=1';

before(async () => {
  as = await Server.start(ends);
  web = await as.operators('Web', [exact]);
});
after(() => ends.run());

const get = (url, jar = as.jar, options) => jar.fetch(url, options);

/** Nobody is sent anywhere. */
async function stopped(url, why, jar = as.jar) {
  const answer = await get(url, jar);
  assert.equal(answer.status, 400, why);
  assert.equal(answer.headers.get('location'), null, why);
  assert.match(answer.headers.get('content-type'), /^text\/html/, why);
}

/** The client is told. */
async function told(url, error, why, jar = as.jar) {
  const answer = await get(url, jar);
  assert.equal(answer.status, 303, `${why}: ${await answer.text()}`);
  const back = new URL(answer.headers.get('location'));
  assert.equal(back.searchParams.get('error'), error, why);
  assert.equal(back.searchParams.get('code'), null, why);
  assert.equal(back.searchParams.get('iss'), as.issuer, why);
  assert.doesNotMatch(back.href, /token/, why);
  return back;
}

describe('who asks, and where the answer goes', () => {
  test('AZ-01 6749 4.1.2.1: an unknown or missing client ends on a page', async () => {
    for (const id of [undefined, '', 'nobody', 'agent_00000000000000000000000000', `${as.agent.client_id}x`]) {
      await stopped(as.address({ client_id: id }), String(id), new Jar());
    }
  });

  test('AZ-02 9700 2.1: a redirect URI is compared exactly', async () => {
    const ask = (redirect_uri) => as.address({ client_id: web.client_id, redirect_uri });
    for (const other of [
      `${exact}/`, exact.replace('/here?', '/here/?'), exact.replace('Back', 'back'), exact.replace('a=1', 'a=2'), `${exact}&b=2`, exact.replace('?a=1', ''),
      exact.replace('.example', '.example:443'), exact.replace('https://', 'https://u@'), exact.replace('Back', 'B%61ck'), exact.replace('here', '%2e/here'),
      exact.replace('here', 'x/../here'), `${exact}#f`, exact.replace('https', 'http'), exact.replace('client', 'CLIENT'), exact.replace('.example', '.example.evil.example'), ` ${exact}`, '',
    ]) await stopped(ask(other), other, new Jar());
    const back = await as.decide(ask(exact));
    assert.ok(back.href.startsWith(`${exact}&code=`), back.href);
  });

  test('AZ-03 OAuth 2.1, 8252 7.3: on the loopback any port, and nothing else', async () => {
    const native = await as.operators('Native', ['http://127.0.0.1/cb']);
    const ask = (redirect_uri) => as.address({ client_id: native.client_id, redirect_uri });
    for (const fits of ['http://127.0.0.1:49152/cb', 'http://127.0.0.1/cb']) {
      assert.ok((await as.decide(ask(fits))).href.startsWith(`${fits}?code=`), fits);
    }
    for (const other of ['http://127.0.0.1:49152/other', 'http://localhost:49152/cb', 'https://127.0.0.1:49152/cb', 'http://127.0.0.2:49152/cb',
      'http://127.0.0.1.evil.example:49152/cb', 'http://[::1]:49152/cb', 'http://127.0.0.1:49152@evil.example/cb']) await stopped(ask(other), other);
  });

  test('AZ-04 9700 2.6: http away from the loopback is not registered', async () => {
    for (const uri of ['http://app.example/cb', 'http://10.0.0.1/cb', 'javascript:alert(1)', 'data:text/html,x', 'https://app.example/cb#f', '/cb', 'https:///cb']) {
      await assert.rejects(as.register({ redirect_uris: [uri] }), (error) => error.status === 400 && error.body.error === 'invalid_redirect_uri', uri);
      await assert.rejects(as.operators('x', [uri]), (error) => error.status === 400, uri);
    }
  });

  test('AZ-05 6749 3.1.2.3: two are registered and none is sent', async () => {
    const two = await as.operators('Two', ['https://a.example/cb', 'https://b.example/cb']);
    await stopped(as.address({ client_id: two.client_id, redirect_uri: undefined }), 'two');
    const back = await as.decide(as.address({ redirect_uri: undefined }));
    assert.ok(back.href.startsWith(`${as.redirect}?code=`), 'one is registered: it is the one');
  });
});

describe('what is asked for', () => {
  test('AZ-06 9700 2.1.2: codes, and nothing else, through a browser', async () => {
    for (const response_type of ['token', 'code token', 'id_token', 'code id_token', 'none', 'x']) {
      await told(as.address({ response_type }), 'unsupported_response_type', response_type);
    }
    await told(as.address({ response_type: undefined }), 'invalid_request', 'missing');
  });

  test('AZ-07 7636 4.4.1: without a challenge there is no code, for whichever client', async () => {
    const open = await as.register({ token_endpoint_auth_method: 'none' });
    for (const client_id of [as.agent.client_id, open.client_id]) {
      await signIn(as.jar, as.address());
      await told(as.address({ client_id, code_challenge: undefined }), 'invalid_request', 'no challenge');
      await told(as.address({ client_id, code_challenge: undefined, code_challenge_method: undefined }), 'invalid_request', 'neither');
    }
  });

  test('AZ-08 7636 4.3: a challenge is S256 and 43 characters', async () => {
    for (const code_challenge_method of ['plain', 's256', 'S512', '', undefined]) await told(as.address({ code_challenge_method }), 'invalid_request', String(code_challenge_method));
    const good = challenge('x');
    for (const code_challenge of [good.slice(1), `${good}A`, `${good}=`, `${good.slice(1)}+`, `${good.slice(1)}!`, '']) {
      await told(as.address({ code_challenge }), 'invalid_request', code_challenge);
    }
  });

  test('AZ-09 OAuth 2.1: a parameter comes once', async () => {
    for (const name of ['scope', 'state', 'code_challenge', 'response_type', 'resource', 'code_challenge_method']) {
      await told(as.address({}, `&${name}=x`), 'invalid_request', name);
    }
    await stopped(as.address({}, `&client_id=${as.agent.client_id}`), 'client_id');
    await stopped(as.address({}, `&redirect_uri=${encodeURIComponent(as.redirect)}`), 'redirect_uri');
  });

  test('AZ-10 OAuth 2.1: what is not known is ignored, what is empty was not sent', async () => {
    const back = await as.decide(as.address({ scope: '' }, '&foo=bar&foo=baz&ui_locales=de'));
    const answer = await as.redeem({ code: back.searchParams.get('code'), verifier: 'v'.repeat(43) });
    assert.equal(answer.body.scope, 'mcp:tools', answer.text);
  });
});

describe('the answer', () => {
  test('AZ-11 9207 2: it has iss and the very state, and an error has no code', async () => {
    const state = `${'+%&#"\\ äß€😀=?/'.repeat(30)}`.slice(0, 1000);
    const yes = await as.decide(as.address({ state }));
    assert.deepEqual([yes.searchParams.get('state'), yes.searchParams.get('iss')], [state, as.issuer]);
    const no = await as.decide(as.address({ state }), 'deny');
    assert.deepEqual([no.searchParams.get('state'), no.searchParams.get('iss'), no.searchParams.get('code')], [state, as.issuer, null]);
    for (const [more, error] of [[{ response_type: 'x' }, 'unsupported_response_type'], [{ scope: 'x' }, 'invalid_scope'], [{ resource: 'https://x.example/' }, 'invalid_target'],
      [{ code_challenge: 'x' }, 'invalid_request']]) {
      assert.equal((await told(as.address({ ...more, state }), error, error)).searchParams.get('state'), state);
    }
    const none = await told(as.address({ state: undefined, scope: 'x' }), 'invalid_scope', 'none');
    assert.equal(none.searchParams.has('state'), false);
  });

  test('AZ-12 9700 4.12: what was posted is not posted again: 303', async () => {
    const jar = new Jar();
    const form = firstForm(await (await jar.fetch(as.address())).text(), as.address());
    form.fields = [...form.fields.filter(([name]) => !['subject', 'password'].includes(name)), ['subject', 'ada'], ['password', password]];
    const signed = await jar.submit(form);
    assert.equal(signed.status, 303);
    const page = firstForm(await (await jar.fetch(signed.headers.get('location'))).text(), as.issuer);
    page.fields.push(['decision', 'allow']);
    assert.equal((await jar.submit(page)).status, 303);
  });

  test('AZ-13 OAuth 2.1: no other site\'s script reads it', async () => {
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await get(as.address(), as.jar, { method, headers: { origin: 'https://x.example', 'access-control-request-method': 'GET' } });
      assert.deepEqual([...answer.headers.keys()].filter((name) => name.startsWith('access-control')), [], method);
    }
  });

  test('AZ-14 9700 4.16: no page can be framed, kept, or told of elsewhere', async () => {
    const pages = {
      sign_in: [as.address(), new Jar()], consent: [as.address(), as.jar], error: [as.address({ client_id: 'x' }), as.jar], login: [`${as.issuer}login`, new Jar()],
      callback: [`${as.issuer}login/callback?state=x&code=y`, as.jar], connect: [`${as.issuer}connect/x`, as.jar], mend: [`${as.issuer}mend/not_connected/github`, as.jar],
    };
    for (const [name, [url, jar]] of Object.entries(pages)) {
      const { headers } = await get(url, jar);
      assert.match(headers.get('content-type'), /^text\/html/, name);
      assert.match(headers.get('content-security-policy'), /frame-ancestors 'none'/, name);
      assert.match(headers.get('content-security-policy'), /default-src 'none'/, name);
      assert.equal(headers.get('x-frame-options'), 'DENY', name);
      assert.equal(headers.get('referrer-policy'), 'no-referrer', name);
      assert.equal(headers.get('cache-control'), 'no-store', name);
      assert.equal(headers.get('x-content-type-options'), 'nosniff', name);
    }
  });

  test('AZ-15 9700 4.11.2: a stranger\'s client bounces nobody who has not signed in', async () => {
    const own = await as.register({ redirect_uris: ['https://evil.example/cb'], client_name: 'Own' });
    const url = as.address({ client_id: own.client_id, redirect_uri: 'https://evil.example/cb', scope: 'x' });
    const first = await get(url, new Jar());
    assert.equal(first.status, 200, 'a page to sign in');
    assert.match(await first.text(), /name="password"/);
    await told(url, 'invalid_scope', 'who is signed in is sent on');
    const trusted = await get(as.address({ scope: 'x' }), new Jar());
    assert.equal(trusted.status, 303, 'the operator\'s own client is told at once');
  });

  test('AZ-16 6749 4.1.2.1: a no is told, and nothing is issued', async () => {
    const before = (await as.daemon.list('/grants')).length;
    const back = await as.decide(as.address(), 'deny');
    assert.equal(back.searchParams.get('error'), 'access_denied');
    assert.equal((await as.daemon.list('/grants')).length, before);
  });

  test('AZ-19 6749 5.2: nothing that was sent comes back', async () => {
    for (const scope of ['"><script>alert(1)</script>', 'a\r\nSet-Cookie: x=y', '\\"']) {
      const back = await told(as.address({ scope }), 'invalid_scope', scope);
      assert.deepEqual([...back.searchParams.keys()].sort(), ['error', 'iss', 'state'], scope);
      refused(await as.daemon.post({ grant_type: 'client_credentials', scope, resource: as.vault.mcp_url }, {
        headers: { authorization: `Basic ${Buffer.from(`${as.agent.client_id}:${as.agent.client_secret}`).toString('base64')}` },
      }), 400, 'invalid_scope', scope);
    }
    const page = await get(as.address({ client_id: '"><script>alert(1)</script>' }));
    assert.doesNotMatch(await page.text(), /<script/);
    const strange = await as.register({ client_name: '</strong><script>alert(1)</script>' });
    const { html } = await signIn(as.jar, as.address({ client_id: strange.client_id }));
    assert.match(html, /alert\(1\)/);
    assert.doesNotMatch(html, /<script/);
    await assert.rejects(as.register({ client_name: 'a\u202eb' }), (error) => error.status === 400, 'a name that turns the page around');
  });
});

describe('whose decision it is', () => {
  test('AZ-17 9700 4.7: a yes is of this session, about this request, from our own page', async () => {
    const url = as.address();
    const page = async (jar) => {
      const form = firstForm((await signIn(jar, url)).html, url);
      form.fields.push(['decision', 'allow']);
      return form;
    };
    const form = await page(as.jar);
    const post = (fields, headers = {}, jar = as.jar, target = form.url) => jar.fetch(target, {
      method: 'POST', body: new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(as.issuer).origin, 'sec-fetch-site': 'same-origin', ...headers },
    });
    const no = async (answer, why) => {
      assert.equal(answer.status, 403, `${why}: ${await answer.text()}`);
      assert.equal(answer.headers.get('location'), null, why);
    };
    const without = form.fields.filter(([name]) => name !== 'proof');
    await no(await post(without), 'no proof');
    await no(await post([...without, ['proof', 'x'.repeat(43)]]), 'a made-up proof');
    const other = new Jar();
    await no(await post([...without, ['proof', (await page(other)).fields.find(([name]) => name === 'proof')[1]]]), 'the proof of another session');
    await no(await post(form.fields, {}, as.jar, as.address({ scope: 'proxy' })), 'the proof of another request');
    await no(await post(form.fields, { 'sec-fetch-site': 'cross-site' }), 'cross-site');
    await no(await post(form.fields, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }), 'another origin');
    assert.equal((await post(form.fields)).status, 303);
    for (const target of [url, `${as.issuer}login`]) {
      const jar = new Jar();
      const login = firstForm(await (await jar.fetch(target)).text(), target);
      login.fields = [...login.fields.filter(([name]) => !['subject', 'password'].includes(name)), ['subject', 'ada'], ['password', password]];
      const cookies = JSON.stringify([...jar.cookies.values()].map((all) => [...all]));
      await no(await post(login.fields, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, jar, login.url), 'nobody is signed in by another site');
      assert.equal(JSON.stringify([...jar.cookies.values()].map((all) => [...all])), cookies);
    }
  });

  test('AZ-18 session fixation: signing in begins a session of its own', async () => {
    const { origin } = new URL(as.issuer);
    const session = (jar) => [...(jar.cookies.get(origin) ?? new Map()).values()].join();
    const victim = new Jar();
    const planted = session(as.jar).replace(/.$/, (c) => (c === 'a' ? 'b' : 'a'));
    const [name] = [...as.jar.cookies.get(origin).keys()];
    victim.cookies.set(origin, new Map([[name, planted]]));
    await signIn(victim, as.address());
    assert.notEqual(session(victim), planted, 'a cookie of before is not taken over');
    const first = session(victim);
    const stolen = new Jar();
    stolen.cookies.set(origin, new Map([[name, planted]]));
    assert.match(await (await stolen.fetch(as.address())).text(), /name="password"/, 'nor is it signed in');
    const again = new Jar();
    await signIn(again, as.address());
    assert.notEqual(session(again), first, 'each time another');
    await victim.fetch(`${as.issuer}logout`, { method: 'POST', headers: { origin, 'sec-fetch-site': 'same-origin' } });
    const old = new Jar();
    old.cookies.set(origin, new Map([[name, first]]));
    assert.match(await (await old.fetch(as.address())).text(), /name="password"/, 'and it ends with the session');
  });
});
