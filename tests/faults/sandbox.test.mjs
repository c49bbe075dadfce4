// SPDX-License-Identifier: Apache-2.0
// The sandbox itself: the other tests are worth no more than what it really does.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { Jar, decideAtSandbox } from '../lib/consent.mjs';
import { clientId, clientSecret, startSandbox } from '../lib/sandbox.mjs';

const verifier = 'v'.repeat(43);
const challenge = createHash('sha256').update(verifier).digest('base64url');
const redirect = 'http://127.0.0.1:9/cb';
const paths = {
  notes: ['/notes/authorize', '/notes/token'],
  google: ['/google/o/oauth2/v2/auth', '/google/token'],
  github: ['/github/login/oauth/authorize', '/github/login/oauth/access_token'],
  slack: ['/slack/oauth/v2/authorize', '/slack/api/oauth.v2.access'],
  jira: ['/atlassian/authorize', '/atlassian/oauth/token'],
};

async function code(sandbox, service, { scope = 'a b', more = {}, ...decision } = {}) {
  const query = new URLSearchParams({
    response_type: 'code', client_id: clientId, redirect_uri: redirect, scope, state: 's+%&', code_challenge: challenge,
    code_challenge_method: 'S256', ...more,
  });
  return new URL(await decideAtSandbox(new Jar(), `${sandbox.origin}${paths[service][0]}?${query}`, decision)).searchParams;
}

async function post(sandbox, service, form) {
  const answer = await fetch(sandbox.origin + paths[service][1], {
    method: 'POST', body: new URLSearchParams({ client_id: clientId, client_secret: clientSecret, ...form }),
  });
  const text = await answer.text();
  let body = null;
  try { body = JSON.parse(text); } catch { /* some are made to be broken */ }
  return { status: answer.status, headers: answer.headers, text, body };
}

const redeem = (sandbox, service, value, more = {}) => post(sandbox, service, {
  grant_type: 'authorization_code', code: value, redirect_uri: redirect, code_verifier: verifier, ...more,
});
const refresh = (sandbox, service, token) => post(sandbox, service, { grant_type: 'refresh_token', refresh_token: token });

async function tokens(sandbox, service, options) {
  const { status, body } = await redeem(sandbox, service, (await code(sandbox, service, options)).get('code'));
  assert.equal(status, 200);
  return body;
}

test('a code is good once, for its verifier; used twice it ends what it gave', async (t) => {
  const sandbox = await startSandbox(t);
  const back = await code(sandbox, 'notes', { user: 'grace', refuse: ['b'] });
  assert.equal(back.get('state'), 's+%&');
  assert.equal(back.get('iss'), `${sandbox.origin}/notes`);
  assert.equal((await redeem(sandbox, 'notes', (await code(sandbox, 'notes')).get('code'), { code_verifier: 'w'.repeat(43) })).status, 400);
  const { body } = await redeem(sandbox, 'notes', back.get('code'));
  assert.equal(body.scope, 'a');
  assert.equal((await (await sandbox.me(body.access_token)).json()).sub, '1002');
  assert.equal((await redeem(sandbox, 'notes', back.get('code'))).status, 400);
  assert.equal((await sandbox.me(body.access_token)).status, 401);
  assert.equal((await sandbox.counts('notes')).code_twice, 1);
});

test('denying comes back without a code', async (t) => {
  const sandbox = await startSandbox(t);
  const back = await code(sandbox, 'google', { deny: true });
  assert.equal(back.get('error'), 'access_denied');
  assert.equal(back.get('code'), null);
});

test('the rotation classes differ as they should', async (t) => {
  const sandbox = await startSandbox(t);
  const expected = {
    stable: [200, 200, false], replaced: [200, 200, true], grace: [200, 200, true], strict: [200, 400, true],
  };
  for (const [rotation, [first, second, rotates]] of Object.entries(expected)) {
    await sandbox.control({ service: 'notes', rotation });
    const { refresh_token: old } = await tokens(sandbox, 'notes');
    const once = await refresh(sandbox, 'notes', old);
    assert.equal(once.status, first, rotation);
    assert.equal(once.body.refresh_token !== undefined, rotates, rotation);
    assert.equal((await refresh(sandbox, 'notes', old)).status, second, rotation);
    const family = await sandbox.me(once.body.access_token);
    assert.equal(family.status, rotation === 'strict' ? 401 : 200, rotation);
  }
  await sandbox.control({ service: 'notes', rotation: 'none' });
  const never = await tokens(sandbox, 'notes');
  assert.equal(never.refresh_token, undefined);
  assert.equal(never.expires_in, undefined);
  await sandbox.control({ service: 'notes', rotation: 'grace', grace_s: 0 });
  const { refresh_token: brief } = await tokens(sandbox, 'notes');
  assert.equal((await refresh(sandbox, 'notes', brief)).status, 200);
  assert.equal((await refresh(sandbox, 'notes', brief)).status, 400);
  assert.equal((await sandbox.counts('notes')).refresh_twice, 5);
});

test('each service answers in its own manner', async (t) => {
  const sandbox = await startSandbox(t);
  const github = await tokens(sandbox, 'github');
  assert.equal(github.scope, 'a,b');
  assert.equal(github.refresh_token, undefined);
  assert.deepEqual((await redeem(sandbox, 'github', 'x')).body.error, 'bad_verification_code');
  assert.equal((await redeem(sandbox, 'github', 'x')).status, 200);
  const bot = await tokens(sandbox, 'slack', { scope: 'chat:write,channels:read' });
  assert.equal(bot.ok, true);
  assert.equal(bot.scope, 'chat:write,channels:read');
  const user = await tokens(sandbox, 'slack', { scope: '', more: { user_scope: 'chat:write' } });
  assert.equal(user.access_token, undefined);
  assert.equal(user.authed_user.scope, 'chat:write');
  assert.deepEqual((await refresh(sandbox, 'slack', 'x')).body, { ok: false, error: 'invalid_refresh_token' });
  assert.equal((await refresh(sandbox, 'jira', 'x')).status, 403);
});

test('the APIs keep what is written to them', async (t) => {
  const sandbox = await startSandbox(t);
  const call = async (token, method, path, body) => {
    const answer = await fetch(sandbox.origin + path, {
      method, headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : null };
  };
  const { access_token: gh } = await tokens(sandbox, 'github', { scope: 'repo' });
  const repo = '/github/api/repos/sandbox/engine';
  assert.equal((await call(gh, 'POST', `${repo}/issues`, { title: 'New' })).body.number, 3);
  assert.equal((await call(gh, 'PATCH', `${repo}/issues/3`, { state: 'closed' })).status, 200);
  assert.equal((await call(gh, 'GET', `${repo}/issues/3`)).body.state, 'closed');
  assert.equal((await call(gh, 'GET', `${repo}/issues`)).body.length, 2);
  assert.equal((await call(gh, 'POST', `${repo}/issues/1/comments`, { body: 'Yes' })).status, 201);
  assert.equal((await call(gh, 'GET', `${repo}/issues/1/comments`)).body[0].body, 'Yes');
  assert.equal((await call(gh, 'GET', '/github/api/repos/sandbox/none')).status, 404);
  assert.equal((await call('x', 'GET', repo)).status, 401);
  const { access_token: weak } = await tokens(sandbox, 'github', { scope: 'read:user' });
  assert.equal((await call(weak, 'GET', repo)).status, 403);

  const { access_token: go } = await tokens(sandbox, 'google', { scope: 'openid' });
  const made = await call(go, 'POST', '/google/api/calendar/v3/calendars/primary/events', { summary: 'x', start: {} });
  assert.equal((await call(go, 'DELETE', `/google/api/calendar/v3/calendars/primary/events/${made.body.id}`)).status, 204);
  assert.equal((await call(go, 'POST', '/google/api/gmail/v1/users/me/messages/send', { raw: 'eA' })).status, 200);
  assert.equal((await call(go, 'GET', '/google/api/gmail/v1/users/me/messages')).body.messages.length, 3);

  const { access_token: sl } = await tokens(sandbox, 'slack', { scope: 'chat:write,channels:history' });
  assert.equal((await call(sl, 'POST', '/slack/api/chat.postMessage', { channel: 'C1', text: 'Hi' })).body.ok, true);
  assert.equal((await call(sl, 'GET', '/slack/api/conversations.history?channel=C1')).body.messages[0].text, 'Hi');
  assert.deepEqual((await call(sl, 'GET', '/slack/api/users.list')).body, { ok: false, error: 'missing_scope' });

  const { access_token: ji } = await tokens(sandbox, 'jira', { scope: 'read:jira-work write:jira-work' });
  const [site] = (await call(ji, 'GET', '/atlassian/oauth/token/accessible-resources')).body;
  const base = `/atlassian/ex/jira/${site.id}/rest/api/3`;
  const issue = await call(ji, 'POST', `${base}/issue`, { fields: { summary: 'New' } });
  assert.equal((await call(ji, 'POST', `${base}/issue/${issue.body.key}/transitions`, { transition: { id: '31' } })).status, 204);
  assert.equal((await call(ji, 'GET', `${base}/issue/${issue.body.key}`)).body.fields.status.name, 'Done');
});

test('every failure mode does what it says', async (t) => {
  const sandbox = await startSandbox(t);
  const { modes } = await (await fetch(`${sandbox.origin}/sandbox/control`)).json();
  await sandbox.control({ service: 'notes', rotation: 'replaced' });
  const { refresh_token: token } = await tokens(sandbox, 'notes');
  for (const mode of Object.keys(modes)) {
    if (mode === 'hang') continue;
    await sandbox.control({ service: 'notes', endpoint: 'refresh', mode });
    const { faults } = await sandbox.counts('notes');
    if (mode === 'reset' || mode === 'drop') {
      await assert.rejects(refresh(sandbox, 'notes', token), mode);
    } else if (mode === 'gzip_bomb') {
      const answer = await fetch(sandbox.origin + paths.notes[1], {
        method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token }),
      });
      assert.ok((await answer.arrayBuffer()).byteLength > 100e6);
    } else {
      const answer = await refresh(sandbox, 'notes', token);
      assert.ok(answer.status >= 200, mode);
    }
    assert.equal((await sandbox.counts('notes')).faults, faults + 1, mode);
  }
  await sandbox.control({ service: 'notes', mode: 'status', status: 429, retry_after: 'soon', times: 2, skip: 1 });
  assert.equal((await refresh(sandbox, 'notes', token)).status, 200);
  const limited = await refresh(sandbox, 'notes', token);
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get('retry-after'), 'soon');
  assert.equal((await refresh(sandbox, 'notes', token)).status, 429);
  assert.equal((await refresh(sandbox, 'notes', token)).status, 200);
});

test('hanging and slowness last as long as they should', async (t) => {
  const sandbox = await startSandbox(t);
  const { refresh_token: token } = await tokens(sandbox, 'notes');
  await sandbox.control({ service: 'notes', endpoint: 'refresh', mode: 'hang' });
  await assert.rejects(fetch(sandbox.origin + paths.notes[1], {
    method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token' }), signal: AbortSignal.timeout(300),
  }));
  await sandbox.control({ service: 'notes', delay_ms: 300 });
  const began = Date.now();
  assert.equal((await refresh(sandbox, 'notes', token)).status, 200);
  assert.ok(Date.now() - began >= 290);
});

test('revocation ends the grant', async (t) => {
  const sandbox = await startSandbox(t);
  const { access_token: token } = await tokens(sandbox, 'notes');
  const answer = await fetch(`${sandbox.origin}/notes/revoke`, {
    method: 'POST', body: new URLSearchParams({ client_id: clientId, client_secret: clientSecret, token }),
  });
  assert.equal(answer.status, 200);
  assert.equal((await sandbox.me(token)).status, 401);
  const { access_token: hub } = await tokens(sandbox, 'github');
  const gone = await fetch(`${sandbox.origin}/github/api/applications/sandbox/token`, {
    method: 'DELETE', body: JSON.stringify({ access_token: hub }),
    headers: {
      authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
      'content-type': 'application/json',
    },
  });
  assert.equal(gone.status, 204);
});

test('it serves this machine only, and only its own paths', async (t) => {
  const sandbox = await startSandbox(t);
  assert.match(await (await fetch(`${sandbox.origin}/`)).text(), /SANDBOX/);
  assert.equal((await fetch(`${sandbox.origin}/nowhere`)).status, 404);
  assert.equal((await fetch(`${sandbox.origin}/notes/token`)).status, 405);
  const refusedHost = await import('node:http').then(({ request }) => new Promise((done, failed) => {
    const sent = request(`${sandbox.origin}/`, { headers: { host: 'evil.example' } }, (a) => { a.resume(); done(a.statusCode); });
    sent.once('error', failed);
    sent.end();
  }));
  assert.equal(refusedHost, 421);
});
