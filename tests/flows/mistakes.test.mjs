// SPDX-License-Identifier: Apache-2.0
// Mistakes that were found in systems of this kind, tried here.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { basic } from '../lib/as.mjs';
import { asking, consent, people } from '../lib/authorize.mjs';
import { makeVault } from '../lib/daemon.mjs';
import { stage } from '../lib/stage.mjs';
import { acmePolicy, proxyStage } from '../lib/upstream.mjs';

test('MIST-01 an address alone, or with a wrong bearer, opens nothing', async (t) => {
  const s = await proxyStage(t);
  const ids = [s.vault.id, s.connection.id, 'ada', ''];
  for (const token of [null, 'wrong', s.vault.id, `${s.vault.token}x`, s.daemon.token]) {
    for (const path of ['/proxy/acme/things', `/proxy/acme/things?access_token=${s.vault.token}`, `/proxy/acme/things?token=${s.vault.token}`,
      ...ids.map((id) => `/proxy/acme@${id}/things`)]) {
      const answer = await fetch(s.daemon.url + path, { headers: token ? { authorization: `Bearer ${token}` } : {} });
      assert.ok([400, 401, 404].includes(answer.status), `${path} with ${token}: ${answer.status}`);
    }
  }
  const list = (address, token) => fetch(address, {
    method: 'POST',
    headers: {
      'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify({
      jsonrpc: '2.0', id: 1, method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    }),
  });
  for (const token of [null, 'wrong', s.vault.id, `${s.vault.token}x`, s.daemon.token]) {
    for (const address of [s.vault.mcp_url, `${s.vault.mcp_url}?access_token=${s.vault.token}`, `${s.daemon.url}/api/v1/calls`]) {
      assert.equal((await list(address, token)).status, 401, `${address} with ${token}`);
    }
  }
  assert.equal(s.upstream.seen.length, 0);
  assert.equal((await s.ask('GET', '/things')).status, 200, 'the right one does');
  assert.equal((await list(s.vault.mcp_url, s.vault.token)).status, 200, 'and there as well');
});

test('MIST-04 the outcome in the log is what the provider answered, and there is none before', async (t) => {
  let during;
  const s = await proxyStage(t, {
    routes: {
      '/fails': async (request, answer) => {
        during = await s.daemon.settledEvents('&kind=call');
        answer.writeHead(503);
        answer.end();
      },
    },
  });
  assert.equal((await s.ask('POST', '/fails', { body: 'x' })).status, 503);
  assert.deepEqual(during.map((e) => e.outcome), ['intent'], 'nothing is claimed while it is under way');
  const outcome = (await s.daemon.settledEvents('&kind=call')).filter((e) => e.outcome !== 'intent');
  assert.deepEqual(outcome.map((e) => e.status), [503]);
  s.upstream.server.closeAllConnections();
  s.upstream.server.close();
  const answer = await s.ask('POST', '/gone', { body: 'x' });
  assert.ok(answer.status >= 500);
  const failed = (await s.daemon.settledEvents('&kind=call')).filter((e) => e.outcome !== 'intent');
  assert.equal(failed.length, 2);
  assert.notEqual(failed[1].outcome, 'ok');
});

test('MIST-05 a policy, a vault or a connection that cannot be read is a refusal', async (t) => {
  const s = await stage(t);
  const good = await s.ask();
  assert.equal(good.status, 200);
  const changes = [
    ["UPDATE policies SET yaml = replace(yaml, 'notes', 'other')", "UPDATE policies SET yaml = replace(yaml, 'other', 'notes')"],
    ['UPDATE vaults SET state = state + 1', 'UPDATE vaults SET state = state - 1'],
    ["UPDATE connections SET scopes = scopes || ' more'", "UPDATE connections SET scopes = replace(scopes, ' more', '')"],
  ];
  for (const [change, back] of changes) {
    const edit = (sql) => execFileSync('sqlite3', [join(s.daemon.data, 'state', 'state.db'), sql]);
    await s.daemon.stop();
    edit(change);
    await s.daemon.start();
    const answer = await s.ask();
    assert.ok(answer.status >= 400, `${change}: ${answer.text}`);
    assert.equal(answer.body?.access_token, undefined);
    await s.daemon.stop();
    edit(back);
    await s.daemon.start();
    assert.equal((await s.ask()).status, 200, 'and it was the change that did it');
  }
});

test('MIST-08 a token of ours is shown once, and what is stored does not tell it', async (t) => {
  const s = await stage(t, { connected: false });
  const agent = await s.daemon.api('POST', '/agents', { name: 'robot' });
  const secrets = [s.vault.token, agent.client_secret, s.daemon.token];
  for (const path of [`/vaults/${s.vault.id}`, '/vaults', '/agents', '/status', '/events', '/users']) {
    const text = JSON.stringify(await s.daemon.api('GET', path));
    for (const secret of secrets) assert.ok(!text.includes(secret), path);
  }
  for (const folder of ['state', 'log']) {
    for (const name of readdirSync(join(s.daemon.data, folder))) {
      const bytes = readFileSync(join(s.daemon.data, folder, name));
      for (const secret of secrets) assert.equal(bytes.indexOf(secret), -1, name);
    }
  }
});

test('MIST-10 what belongs to a disabled agent stops working at once', async (t) => {
  const s = await stage(t);
  const { agent, redirect } = await people(s.daemon, { user: 'grace' });
  const other = await s.daemon.api('POST', '/agents', { name: 'Bystander' });
  const services = { notes: null };
  const bound = await makeVault(s.daemon, { user: s.user, name: 'Bound', services, agent: agent.id, create: false });
  const others = await makeVault(s.daemon, { user: s.user, name: 'Others', services, agent: other.id, create: false });
  const free = await s.daemon.api('POST', '/vaults', { user: 'grace', name: 'Free', policy: 'name: P\nservices: {}\n' });
  const own = await s.daemon.post({ grant_type: 'client_credentials', resource: bound.mcp_url, scope: 'mcp:tools exchange' }, { headers: basic(agent) });
  assert.equal(own.status, 200, own.text);
  const { address, verifier } = asking(s.daemon, agent, free);
  const code = async () => (await consent(address, { user: 'grace' })).searchParams.get('code');
  const redeem = (text) => s.daemon.post({ grant_type: 'authorization_code', code: text, redirect_uri: redirect, code_verifier: verifier }, { headers: basic(agent) });
  const granted = (await redeem(await code())).body;
  const late = await code();
  const open = (vault, token) => fetch(vault.mcp_url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } } }),
  });
  const uses = {
    'the vault token, exchanged': () => s.daemon.exchange(bound.token, 'notes'),
    'the vault token, with the secret': () => s.daemon.exchange(bound.token, 'notes', {}, { headers: basic(agent) }),
    'the vault token, at the endpoint': () => open(bound, bound.token),
    'its own token, exchanged': () => s.daemon.exchange(own.body.access_token, 'notes'),
    'its own token, at the endpoint': () => open(bound, own.body.access_token),
    'what a user granted': () => open(free, granted.access_token),
    'another token of its own': () => s.daemon.post({ grant_type: 'client_credentials', resource: bound.mcp_url }, { headers: basic(agent) }),
  };
  for (const [name, use] of Object.entries(uses)) assert.equal((await use()).status, 200, `${name}, before`);
  await s.daemon.api('POST', `/agents/${agent.id}/disable`);
  for (const [name, use] of Object.entries(uses)) {
    const { status } = await use();
    assert.ok([400, 401, 403].includes(status), `${name}: ${status}`);
  }
  for (const answer of [
    await redeem(late),
    await s.daemon.post({ grant_type: 'refresh_token', refresh_token: granted.refresh_token }, { headers: basic(agent) }),
  ]) {
    assert.ok([400, 401].includes(answer.status), answer.text);
    assert.equal(answer.body.access_token, undefined);
  }
  assert.equal((await fetch(address, { redirect: 'manual' })).status, 400, 'nobody is asked to consent to it');
  assert.equal((await s.daemon.exchange(others.token, 'notes')).status, 200, 'another agent goes on');
  assert.equal((await s.ask()).status, 200, 'and so does who needs none');
});

test('MIST-13 what a body says counts to its end, and an unknown condition refuses the policy', async (t) => {
  const s = await proxyStage(t);
  const rules = (when) => acmePolicy(`proxy: block\n    default: block\n    tools:\n      things.create: {effect: allow, when: [${when}]}`);
  await s.policy(rules('{arg: /size, lt: 10}'));
  const create = (size) => s.ask('POST', '/owners/ada/things', {
    body: JSON.stringify({ title: 'x'.repeat(200 * 1024), size }), headers: { 'content-type': 'application/json' },
  });
  assert.equal((await create(9)).status, 200);
  assert.equal((await create(11)).status, 403);
  for (const when of ['{argument: /size, lt: 10}', '{arg: /size, below: 10}', '{arg: /size, lt: ten}', '{moon: full}']) {
    const answer = await s.daemon.raw('PUT', `/vaults/${s.vault.id}/policy`, rules(when), { type: 'text/yaml' });
    assert.equal(answer.status, 400, when);
  }
  assert.equal((await create(11)).status, 403, 'the old one holds');
});

test('MIST-13 a grant that reads does not write through GraphQL', async (t) => {
  const s = await proxyStage(t, { policy: acmePolicy('proxy: read\n    default: block'), file: { api: '  graphql: [/graphql]\n' } });
  const query = (text, more = {}) => s.ask('POST', '/graphql', {
    body: JSON.stringify({ query: text, ...more }), headers: { 'content-type': 'application/json' },
  });
  assert.equal((await query('query { viewer { login } }')).status, 200);
  const read = s.upstream.seen.length;
  const writes = [
    ['mutation { deleteAll }'],
    ['query a { x } mutation b { deleteAll }', { operationName: 'b' }],
    ['query a { x } mutation b { deleteAll }'],
    ['# query\nmutation { deleteAll }'],
    ['\uFEFFmutation { deleteAll }'],
    ['subscription { all }'],
    ['query {'],
    [''],
  ];
  for (const [text, more] of writes) {
    const answer = await query(text, more);
    assert.ok([400, 403].includes(answer.status), `${text}: ${answer.status}`);
  }
  for (const body of ['[{"query":"query { x }"},{"query":"mutation { y }"}]', '{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}', 'mutation { deleteAll }']) {
    const answer = await s.ask('POST', '/graphql', { body, headers: { 'content-type': 'application/json' } });
    assert.ok([400, 403].includes(answer.status), `${body}: ${answer.status}`);
  }
  assert.ok([400, 403].includes((await s.ask('GET', '/graphql?query=mutation%20%7BdeleteAll%7D')).status));
  assert.equal(s.upstream.seen.length, read, 'none of them arrived');
});
