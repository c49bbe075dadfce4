// SPDX-License-Identifier: Apache-2.0
// The token endpoint, row by row: ids are those of the project's table of MUSTs (RFC 6749, 8693, 9700).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { asking, consent, people } from '../lib/authorize.mjs';
import { connect } from '../lib/consent.mjs';
import { accessTokenType, exchangeGrant, makeVault } from '../lib/daemon.mjs';
import { Ends, sleep } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

const basic = (id, secret) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
});

/** An OAuth error and nothing else: TK-21 for every refusal here. */
function refused(answer, status, ...codes) {
  const says = `${answer.status} ${answer.text}`;
  const statuses = Array.isArray(status) ? status : [status];
  assert.ok(statuses.includes(answer.status), says);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/, says);
  assert.match(answer.headers.get('cache-control') ?? '', /no-store/, says);
  if (codes.length) assert.ok(codes.includes(answer.body.error), says);
  assert.equal(typeof answer.body.error, 'string', says);
  assert.doesNotMatch(answer.text, /access_token"|refresh_token"|sandbox-notes-/, says);
  for (const value of Object.values(answer.body)) assert.notEqual(value, null, says);
  if (answer.body.error_description) {
    assert.match(answer.body.error_description, /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/, says);
  }
}

describe('token exchange', () => {
  let s;
  let agent;
  let other;
  let bound;
  let boundForm;

  const ends = new Ends();

  before(async () => {
    s = await stage(ends, { user: 'ada', lifetime: 3600 });
    agent = await s.daemon.api('POST', '/agents', { name: 'Robot' });
    other = await s.daemon.api('POST', '/agents', { name: 'Other robot' });
    bound = await makeVault(s.daemon, { user: 'ada', name: 'Bound', services: { notes: null }, agent: agent.id, create: false });
    boundForm = {
      grant_type: exchangeGrant, subject_token: bound.token, subject_token_type: accessTokenType, audience: 'notes',
    };
  });
  after(() => ends.run());

  const form = (more = {}) => ({
    grant_type: exchangeGrant, subject_token: s.vault.token, subject_token_type: accessTokenType, audience: 'notes', ...more,
  });
  const without = (name) => Object.fromEntries(Object.entries(form()).filter(([k]) => k !== name));
  const rawPost = async (body, type) => {
    const answer = await fetch(`${s.daemon.url}/oauth/token`, { method: 'POST', headers: { 'content-type': type }, body });
    const text = await answer.text();
    let parsed = null;
    try { parsed = JSON.parse(text); } catch { /* refused() shows it */ }
    return { status: answer.status, headers: answer.headers, text, body: parsed };
  };

  test('TK-01 GET and PUT are 405 and Allow names POST', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await fetch(`${s.daemon.url}/oauth/token`, { method });
      assert.equal(answer.status, 405, method);
      assert.match(answer.headers.get('allow') ?? '', /\bPOST\b/, method);
    }
  });

  test('TK-02 a JSON or multipart body is refused', async () => {
    refused(await rawPost(JSON.stringify(form()), 'application/json'), [400, 415], 'invalid_request');
    refused(await rawPost('--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nx\r\n--x--\r\n', 'multipart/form-data; boundary=x'),
      [400, 415], 'invalid_request');
  });

  test('TK-03 TX-01 a valid exchange has every member and may not be stored', async () => {
    const { status, body, headers, text } = await s.ask();
    assert.equal(status, 200, text);
    assert.match(headers.get('content-type'), /^application\/json/);
    assert.match(headers.get('cache-control'), /no-store/);
    assert.match(body.access_token, /^sandbox-notes-access-/);
    assert.equal(body.issued_token_type, accessTokenType);
    assert.equal(body.token_type, 'Bearer');
    assert.ok(Number.isInteger(body.expires_in) && body.expires_in > 3500 && body.expires_in <= 3600, text);
    assert.equal(body.scope.split(' ').sort().join(' '), 'notes.read notes.write');
    assert.equal(body.refresh_token, undefined);
    assert.equal((await s.sandbox.me(body.access_token)).status, 200);
  });

  test('TK-10 Basic with a bad secret is 401 with a challenge', async () => {
    const answer = await s.daemon.post(boundForm, { headers: basic(agent.client_id, 'wrong') });
    refused(answer, 401, 'invalid_client');
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic/);
  });

  test('TK-10 without Basic there is no challenge', async () => {
    const answer = await s.daemon.post({ ...boundForm, client_id: agent.client_id, client_secret: 'wrong' });
    refused(answer, 401, 'invalid_client');
    assert.equal(answer.headers.get('www-authenticate'), null);
  });

  test('TK-11 Basic and client_secret in the body together are refused', async () => {
    refused(await s.daemon.post({ ...boundForm, client_id: agent.client_id, client_secret: agent.client_secret },
      { headers: basic(agent.client_id, agent.client_secret) }), 400, 'invalid_request');
  });

  test('TK-12 a secret or token in the address is not looked at', async () => {
    const query = new URLSearchParams({ client_id: agent.client_id, client_secret: agent.client_secret });
    refused(await s.daemon.post({ ...boundForm, client_id: agent.client_id }, { path: `/oauth/token?${query}` }),
      [400, 401], 'invalid_client', 'invalid_request');
    const token = new URLSearchParams({ subject_token: s.vault.token });
    refused(await s.daemon.post(without('subject_token'), { path: `/oauth/token?${token}` }), 400, 'invalid_request');
  });

  test('TK-13 MIST-07 a confidential client that names itself without proof is 401', async () => {
    refused(await s.daemon.post({ ...boundForm, client_id: agent.client_id }), 401, 'invalid_client');
  });

  test('TK-13 client_secret_basic and client_secret_post both work', async () => {
    const byBasic = await s.daemon.post(boundForm, { headers: basic(agent.client_id, agent.client_secret) });
    assert.equal(byBasic.status, 200, byBasic.text);
    const byPost = await s.daemon.post({ ...boundForm, client_id: agent.client_id, client_secret: agent.client_secret });
    assert.equal(byPost.status, 200, byPost.text);
  });

  test('TK-14 other grants are unsupported', async () => {
    for (const grant of ['password', 'implicit', 'x']) {
      refused(await s.daemon.post({ ...form(), grant_type: grant }), 400, 'unsupported_grant_type');
    }
  });

  test('TK-17 a parameter that is there twice is refused', async () => {
    for (const name of ['grant_type', 'subject_token', 'audience', 'subject_token_type', 'scope']) {
      const pairs = [...Object.entries(form({ scope: 'notes.read' }))];
      pairs.push(pairs.find(([k]) => k === name));
      refused(await s.daemon.post(pairs), 400, 'invalid_request', 'invalid_target');
    }
  });

  test('TK-19 an unknown client answers like a known one with a wrong secret', async () => {
    const known = await s.daemon.post(boundForm, { headers: basic(agent.client_id, 'vk_client_wrong') });
    const unknown = await s.daemon.post(boundForm, { headers: basic('nobody', 'vk_client_wrong') });
    assert.equal(known.status, unknown.status);
    assert.equal(known.text, unknown.text);
  });

  test('TK-20 vault tokens are unique and long', async () => {
    const seen = new Set();
    for (let i = 0; i < 100; i++) {
      const { token } = await s.daemon.api('POST', `/vaults/${bound.id}/rotate-token`);
      assert.match(token, /^vk_vault_[0-9A-Za-z]{49}$/);
      seen.add(token);
      boundForm.subject_token = token;
    }
    assert.equal(seen.size, 100);
  });

  test('TK-21 garbage of many kinds is refused with an error and no token', async () => {
    for (const body of ['', '=', '&&&', 'grant_type', `grant_type=${encodeURIComponent(exchangeGrant)}`, '%', '%0', 'a=%00',
      'grant_type=%ff%fe', `${'a=b&'.repeat(1000)}`]) {
      refused(await rawPost(body, 'application/x-www-form-urlencoded'), [400, 413]);
    }
  });

  test('TX-02 without subject_token or its type there is nothing', async () => {
    refused(await s.daemon.post(without('subject_token')), 400, 'invalid_request');
    refused(await s.daemon.post(without('subject_token_type')), 400, 'invalid_request');
    refused(await s.daemon.post({ ...without('subject_token'), client_id: agent.client_id, client_secret: agent.client_secret }),
      400, 'invalid_request');
    refused(await s.daemon.post(form({ subject_token: '' })), 400, 'invalid_request');
  });

  test('TX-03 an actor token without its type, and a type without the token, are refused', async () => {
    refused(await s.daemon.post(form({ actor_token: 'x' })), 400, 'invalid_request');
    refused(await s.daemon.post(form({ actor_token_type: accessTokenType })), 400, 'invalid_request');
  });

  test('TX-04 MIST-07 a forged, cut, rotated or wrong kind of subject token is refused', async () => {
    const { token } = s.vault;
    const admin = s.daemon.token;
    const flipped = token.slice(0, 20) + (token[20] === 'A' ? 'B' : 'A') + token.slice(21);
    for (const bad of ['x', flipped, token.slice(0, -1), `${token}x`, admin, `${token} `, token.toUpperCase()]) {
      refused(await s.daemon.post(form({ subject_token: bad })), 400, 'invalid_request', 'invalid_grant');
    }
    for (const type of ['urn:ietf:params:oauth:token-type:jwt', 'urn:ietf:params:oauth:token-type:refresh_token', 'x']) {
      refused(await s.daemon.post(form({ subject_token_type: type })), 400, 'invalid_request');
    }
  });

  test('TX-05 a vault of one agent is not served to another', async () => {
    refused(await s.daemon.post(boundForm, { headers: basic(other.client_id, other.client_secret) }), 400,
      'invalid_request', 'invalid_grant');
    assert.equal((await s.daemon.post(boundForm)).status, 200, 'the vault token alone is proof enough');
  });

  test('TX-06 an unknown audience is invalid_target, like one the policy does not name', async () => {
    const unknown = await s.daemon.exchange(s.vault.token, 'nowhere');
    refused(unknown, 400, 'invalid_target');
    const unnamed = await s.daemon.exchange(s.vault.token, 'github');
    refused(unnamed, 400, 'invalid_target');
    refused(await s.daemon.post(without('audience')), 400, 'invalid_target', 'invalid_request');
  });

  test('TX-07 a relative resource or one with a fragment is refused', async () => {
    for (const resource of ['/relative', 'https://api.example/#part', 'x']) {
      refused(await s.daemon.post(form({ resource })), 400, 'invalid_target', 'invalid_request');
    }
  });

  test('TX-08 scopes asked beyond the policy are refused or narrowed, and said', async () => {
    const narrow = await makeVault(s.daemon, { user: 'ada', name: 'Narrow', services: { notes: ['notes.read'] }, create: false });
    const wide = await s.daemon.exchange(narrow.token, 'notes', { scope: 'notes.read notes.write' });
    if (wide.status === 200) assert.equal(wide.body.scope, 'notes.read');
    else refused(wide, 400, 'invalid_scope');
    refused(await s.daemon.exchange(narrow.token, 'notes', { scope: 'notes.write' }), 400, 'invalid_scope');
    refused(await s.daemon.exchange(narrow.token, 'notes', { scope: 'unheard.of' }), 400, 'invalid_scope');
    refused(await s.daemon.exchange(narrow.token, 'notes', { scope: '"><script>' }), 400, 'invalid_scope', 'invalid_request');
  });

  test('TX-08 a scope that the account never granted is insufficient, not invented', async () => {
    await s.daemon.api('POST', '/users', { subject: 'grace' });
    await connect(s.daemon, { user: 'grace', service: 'notes', account: 'grace', refuse: ['notes.write'] });
    const vault = await makeVault(s.daemon, { user: 'grace', services: { notes: null }, create: false });
    const all = await s.daemon.exchange(vault.token, 'notes');
    assert.equal(all.status, 200, all.text);
    assert.equal(all.body.scope, 'notes.read');
    refused(await s.daemon.exchange(vault.token, 'notes', { scope: 'notes.write' }), 400, 'insufficient_scope', 'invalid_scope');
  });

  test('TX-09 an unsupported requested_token_type is refused, the supported one is not', async () => {
    refused(await s.daemon.post(form({ requested_token_type: 'urn:ietf:params:oauth:token-type:jwt' })), 400, 'invalid_request');
    assert.equal((await s.daemon.post(form({ requested_token_type: accessTokenType }))).status, 200);
  });

  test('TX-04 TX-10 TX-11 what the authorization server gave is a subject by its scope, and what an exchange gave is none', async () => {
    const own = (scope) => s.daemon.post({ grant_type: 'client_credentials', resource: bound.mcp_url, scope }, { headers: basic(agent.client_id, agent.client_secret) });
    const ask = (token, more) => s.daemon.exchange(token, 'notes', more);
    const { access_token: token } = (await own('exchange')).body;
    const lent = await ask(token);
    assert.equal(lent.status, 200, lent.text);
    refused(await ask((await own('mcp:tools proxy')).body.access_token), 403, 'insufficient_scope');
    refused(await ask(lent.body.access_token), 400, 'invalid_request', 'invalid_grant');
    for (const actor of [token, bound.token, agent.client_secret, lent.body.access_token]) {
      refused(await ask(token, { actor_token: actor, actor_token_type: accessTokenType }), 400, 'invalid_request');
    }
    refused(await ask(token, { may_act: '{"sub":"x"}', act: '{"sub":"x"}', actor_token: 'x' }), 400, 'invalid_request');
    assert.equal((await ask(token)).status, 200);
    await s.daemon.post({ token }, { path: '/oauth/revoke', headers: basic(agent.client_id, agent.client_secret) });
    refused(await ask(token), [400, 401], 'invalid_request', 'invalid_grant', 'invalid_token');
  });

  test('TX-04 neither a code nor a refresh token is a subject', async () => {
    const { redirect, ...all } = await people(s.daemon, { user: 'tess' });
    const { address, verifier } = asking(s.daemon, all.agent, all.vault, { scope: 'exchange' });
    const code = (await consent(address, { user: 'tess' })).searchParams.get('code');
    refused(await s.daemon.exchange(code, 'notes'), 400, 'invalid_request', 'invalid_grant');
    const { body } = await s.daemon.post({ grant_type: 'authorization_code', code, redirect_uri: redirect, code_verifier: verifier },
      { headers: basic(all.agent.client_id, all.agent.client_secret) });
    refused(await s.daemon.exchange(body.refresh_token, 'notes'), [400, 401], 'invalid_request', 'invalid_grant', 'invalid_token');
    refused(await s.daemon.exchange(body.refresh_token, 'notes', { subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }), 400, 'invalid_request');
  });

  test('TX-12 pausing, deleting and rotating hold for the very next request', async () => {
    const vault = await makeVault(s.daemon, { user: 'ada', name: 'Short', services: { notes: null }, create: false });
    const ask = (token = vault.token) => s.daemon.exchange(token, 'notes');
    assert.equal((await ask()).status, 200);
    await s.daemon.api('POST', `/vaults/${vault.id}/pause`);
    refused(await ask(), 400, 'access_paused');
    await s.daemon.api('POST', `/vaults/${vault.id}/resume`);
    const { token } = await s.daemon.api('POST', `/vaults/${vault.id}/rotate-token`);
    refused(await ask(), 400, 'invalid_request', 'invalid_grant');
    assert.equal((await ask(token)).status, 200);
    await s.daemon.api('DELETE', `/vaults/${vault.id}`);
    refused(await ask(token), 400, 'invalid_request', 'invalid_grant');
  });

  test('TX-12 a vault that has expired is refused', async () => {
    const vault = await s.daemon.api('POST', '/vaults', {
      user: 'ada', name: 'Brief', policy: 'name: Brief\nexpires: 1s\nservices:\n  notes:\n    exchange: {effect: allow}\n    default: block\n',
    });
    assert.equal((await s.daemon.exchange(vault.token, 'notes')).status, 200);
    await sleep(1300);
    refused(await s.daemon.exchange(vault.token, 'notes'), [400, 403], 'invalid_request', 'invalid_grant', 'access_denied');
  });

  test('TX-12 a disabled agent is refused at once', async () => {
    const brief = await s.daemon.api('POST', '/agents', { name: 'Brief robot' });
    const vault = await makeVault(s.daemon, { user: 'ada', name: 'Brief robot\'s', services: { notes: null }, agent: brief.id, create: false });
    const ask = (options) => s.daemon.exchange(vault.token, 'notes', {}, options);
    const proven = { headers: basic(brief.client_id, brief.client_secret) };
    for (const options of [{}, proven]) assert.equal((await ask(options)).status, 200);
    await s.daemon.api('POST', `/agents/${brief.id}/disable`);
    for (const options of [{}, proven]) refused(await ask(options), [400, 401]);
  });

  test('TX-13 without a connection the answer says where to connect', async () => {
    const vault = await makeVault(s.daemon, { user: 'alan', services: { notes: null } });
    const answer = await s.daemon.exchange(vault.token, 'notes');
    refused(answer, 400, 'not_connected');
    assert.ok(answer.body.error_uri.startsWith(`${s.daemon.url}/`), answer.text);
  });

  test('TX-14 another user\'s connection answers byte for byte like one that does not exist', async () => {
    const [theirs] = await s.daemon.list('/connections?user=grace');
    const nobody = theirs.id.slice(0, -4) + (theirs.id.endsWith('0000') ? '0001' : '0000');
    const a = await s.daemon.post(form({ connection: theirs.id }));
    const b = await s.daemon.post(form({ connection: nobody }));
    refused(a, 400);
    assert.equal(a.status, b.status);
    assert.equal(a.text, b.text);
    assert.deepEqual([...a.headers].filter(([k]) => k !== 'date'), [...b.headers].filter(([k]) => k !== 'date'));
  });

  test('TX-14 MIST-11 a vault with effect block is refused, on record', async () => {
    const vault = await s.daemon.api('POST', '/vaults', {
      user: 'ada', name: 'Closed', policy: 'name: Closed\nservices:\n  notes:\n    exchange: {effect: block}\n    default: block\n',
    });
    refused(await s.daemon.exchange(vault.token, 'notes'), [400, 403], 'access_denied', 'invalid_target');
    const events = await s.daemon.settledEvents(`&vault=${vault.id}`);
    assert.ok(events.some((e) => e.kind === 'exchange' && e.outcome === 'denied'), JSON.stringify(events));
  });

  test('TX-15 an exchange cannot wait for a person, and a policy that asks for it is refused', async () => {
    for (const effect of ['approve', 'step_up']) {
      const answer = await s.daemon.raw('POST', '/vaults', {
        user: 'ada', name: effect, policy: `name: x\nservices:\n  notes:\n    exchange: {effect: ${effect}}\n`,
      });
      assert.equal(answer.status, 400);
      assert.match((await answer.json()).detail, /policy:4/);
    }
  });

  test('every answer that was given has a record, and every record of success an answer', async () => {
    const before = (await s.daemon.settledEvents()).filter((e) => e.kind === 'exchange' && e.outcome === 'ok').length;
    const answers = await Promise.all(Array.from({ length: 40 }, () => s.ask()));
    assert.ok(answers.every((a) => a.status === 200));
    const after = (await s.daemon.settledEvents()).filter((e) => e.kind === 'exchange' && e.outcome === 'ok').length;
    assert.equal(after - before, 40);
  });
});

test('TX-16 an expired token is not handed out while the provider is away', async (t) => {
  const s = await stage(t, { rotation: 'replaced', lifetime: 3 });
  assert.equal((await s.ask()).status, 200);
  await s.sandbox.control({ service: 'notes', endpoint: 'refresh', times: 1000, mode: 'status', status: 503 });
  await sleep(3300);
  const answer = await s.ask();
  refused(answer, 503, 'provider_unavailable');
  assert.ok(Number(answer.headers.get('retry-after')) > 0);
});
