// SPDX-License-Identifier: Apache-2.0
// Dynamic client registration (RFC 7591, 7592), with openid-client as the party that registers.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { test } from 'node:test';

import * as jose from 'jose';
import * as client from 'openid-client';

import { startDaemon } from '../lib/daemon.mjs';
import { waitFor } from '../lib/process.mjs';

const native = {
  client_name: 'Claude Code (notes)',
  redirect_uris: ['http://localhost:50578/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  application_type: 'native',
};

async function send(daemon, method, path, body, headers = {}) {
  const answer = await fetch(`${daemon.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    redirect: 'manual',
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, body: text ? JSON.parse(text) : null };
}

const register = (daemon, body, headers) => send(daemon, 'POST', '/oauth/register', body, headers);

function refused(answer, status, error) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body.error, error);
  assert.match(answer.headers.get('content-type'), /^application\/json/);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  assert.match(answer.body.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
}

const manage = (daemon, one, method, body, token = one.registration_access_token) => send(daemon, method,
  new URL(one.registration_client_uri).pathname, body, token ? { authorization: `Bearer ${token}` } : {});

test('registration', async (t) => {
  const daemon = await startDaemon(t);

  await t.test('DC-01 7591 3.2.1: what was registered is answered, 201 and not to be stored', async () => {
    const answer = await register(daemon, native);
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const { client_id: id, client_id_issued_at: at, registration_access_token: token, registration_client_uri: uri, ...rest } = answer.body;
    assert.deepEqual(rest, { ...native, scope: 'mcp:tools' });
    assert.match(id, /^agent_/);
    assert.ok(Math.abs(at - Date.now() / 1000) < 30);
    assert.match(token, /^vk_/);
    assert.equal(uri, `${daemon.url}/oauth/register/${id}`);

    const secret = await register(daemon, { redirect_uris: ['https://app.example/cb'] });
    assert.equal(secret.status, 201);
    assert.equal(secret.body.token_endpoint_auth_method, 'client_secret_basic');
    assert.match(secret.body.client_secret, /^vk_client_/);
    assert.equal(secret.body.client_secret_expires_at, 0);
    const rows = (await daemon.api('GET', '/agents')).items;
    assert.ok(rows.some((row) => row.client_id === id && row.name === native.client_name));
  });

  await t.test('DC-01 7591 3.2.1: openid-client registers itself', async () => {
    const config = await client.dynamicClientRegistration(new URL(`${daemon.url}/`), {
      redirect_uris: ['https://app.example/cb'], client_name: 'By openid-client',
    }, undefined, { algorithm: 'oauth2', execute: [client.allowInsecureRequests] });
    assert.match(config.clientMetadata().client_id, /^agent_/);
    assert.match(config.clientMetadata().client_secret, /^vk_client_/);
  });

  await t.test('DC-02 7591 3.2.2: addresses that a browser would run, or that leak, are refused', async () => {
    for (const uri of ['javascript:alert(1)', 'data:text/html,x', 'https://app.example/cb#x', 'http://app.example/cb',
      'myapp:/cb', 'myapp://cb', 'file:///x', 'vbscript:x', 'blob:https://app.example/x', 'https://me@app.example/cb']) {
      refused(await register(daemon, { ...native, redirect_uris: ['http://127.0.0.1/ok', uri] }), 400, 'invalid_redirect_uri');
    }
    for (const uri of ['cursor://anysphere.cursor-mcp/oauth/callback', 'https://vscode.dev/redirect', 'http://127.0.0.1:33418/',
      'http://127.0.0.1/', 'com.example.app:/cb', 'http://[::1]/cb']) {
      assert.equal((await register(daemon, { ...native, redirect_uris: [uri] })).status, 201, uri);
    }
  });

  await t.test('DC-06 7592 2.1: a registration is read with its own token alone', async (u) => {
    const fresh = await startDaemon(u);
    const one = (await register(fresh, native)).body, two = (await register(fresh, native)).body;
    const read = await manage(fresh, one, 'GET');
    assert.equal(read.status, 200);
    assert.deepEqual(read.body, one);
    for (const token of [two.registration_access_token, 'vk_ticket_x', fresh.token, null]) {
      const answer = await manage(fresh, one, 'GET', undefined, token);
      refused(answer, 401, 'invalid_token');
      assert.match(answer.headers.get('www-authenticate'), /^Bearer/);
    }
    refused(await send(fresh, 'GET', '/oauth/register/agent_00000000000000000000000000', undefined,
      { authorization: `Bearer ${one.registration_access_token}` }), 401, 'invalid_token');
  });

  await t.test('DC-07 7592 2.2: a change replaces all, and holds nothing that is ours to give', async (u) => {
    const fresh = await startDaemon(u);
    const one = (await register(fresh, native)).body;
    const whole = { ...native, client_id: one.client_id };
    refused(await manage(fresh, one, 'PUT', native), 400, 'invalid_client_metadata');
    refused(await manage(fresh, one, 'PUT', { ...native, client_id: 'agent_x' }), 400, 'invalid_client_metadata');
    for (const [name, value] of [['registration_access_token', one.registration_access_token],
      ['registration_client_uri', one.registration_client_uri], ['client_secret_expires_at', 0], ['client_id_issued_at', 1]]) {
      refused(await manage(fresh, one, 'PUT', { ...whole, [name]: value }), 400, 'invalid_client_metadata');
    }
    refused(await manage(fresh, one, 'PUT', { ...whole, client_secret: 'chosen' }), 400, 'invalid_client_metadata');
    refused(await manage(fresh, one, 'PUT', { ...whole, redirect_uris: ['javascript:x'] }), 400, 'invalid_redirect_uri');
    assert.deepEqual((await manage(fresh, one, 'GET')).body, one, 'a refused change changes nothing');
    const changed = await manage(fresh, one, 'PUT', { client_id: one.client_id, redirect_uris: ['https://app.example/new'] });
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.body.token_endpoint_auth_method, 'client_secret_basic');
    assert.match(changed.body.client_secret, /^vk_client_/);
    assert.equal(changed.body.client_name, undefined);
    const again = await manage(fresh, one, 'PUT', { ...whole, client_secret: changed.body.client_secret });
    assert.equal(again.status, 200, again.text);
    assert.deepEqual(again.body, one);
    const refusedNow = await fresh.post({ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', client_id: one.client_id,
      client_secret: changed.body.client_secret, subject_token: 'x', audience: 'x',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' });
    assert.equal(refusedNow.status >= 400, true);
  });

  await t.test('DC-09 a disabled client cannot bring itself back', async (u) => {
    const fresh = await startDaemon(u);
    const one = (await register(fresh, native)).body;
    await fresh.api('POST', `/agents/${one.client_id}/disable`);
    refused(await manage(fresh, one, 'PUT', { ...native, client_id: one.client_id, enabled: true, state: 'active' }), 403, 'access_denied');
    refused(await manage(fresh, one, 'GET'), 403, 'access_denied');
    const row = (await fresh.api('GET', '/agents')).items.find((agent) => agent.client_id === one.client_id);
    assert.equal(row.state, 'disabled');
  });

  await t.test('DC-08 7592 2.3: a client removes itself, and its token with it', async (u) => {
    const fresh = await startDaemon(u);
    const one = (await register(fresh, { ...native, token_endpoint_auth_method: 'client_secret_basic' })).body;
    const gone = await manage(fresh, one, 'DELETE');
    assert.equal(gone.status, 204, gone.text);
    for (const method of ['GET', 'DELETE']) refused(await manage(fresh, one, method), 401, 'invalid_token');
    const events = (await fresh.settledEvents()).filter((event) => event.agent === one.client_id);
    assert.deepEqual(events.map((event) => event.kind), ['agent_register', 'agent_remove']);
  });
});

test('registration: what is refused', async (t) => {
  const daemon = await startDaemon(t);
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const [key, secret] = [await jose.exportJWK(publicKey), await jose.exportJWK(privateKey)];
  const keys = { token_endpoint_auth_method: 'private_key_jwt', redirect_uris: ['https://app.example/cb'] };

  await t.test('DC-03 7591 2: keys come one way', async () => {
    refused(await register(daemon, { ...keys, jwks: { keys: [key] }, jwks_uri: 'https://app.example/k' }), 400, 'invalid_client_metadata');
    refused(await register(daemon, { ...keys, jwks: { keys: [secret] } }), 400, 'invalid_client_metadata');
    refused(await register(daemon, keys), 400, 'invalid_client_metadata');
    const good = await register(daemon, { ...keys, jwks: { keys: [key] } });
    assert.equal(good.status, 201, good.text);
    assert.deepEqual(good.body.jwks, { keys: [key] });
    assert.equal(good.body.client_secret, undefined);
  });

  await t.test('DC-04 7591 2: what is not known, and what is not the client\'s to say, is left out', async () => {
    const answer = await register(daemon, { ...native, enabled: true, tenant: 'other', access_token_lifetime: 1e9, client_id: 'mine',
      client_secret: 'mine', origin: 'operator', registration_access_token: 'mine', client_id_issued_at: 1, x: { y: [1] } });
    assert.equal(answer.status, 201, answer.text);
    for (const name of ['enabled', 'tenant', 'access_token_lifetime', 'client_secret', 'origin', 'x']) {
      assert.equal(answer.body[name], undefined, name);
    }
    assert.match(answer.body.client_id, /^agent_/);
    assert.notEqual(answer.body.client_id_issued_at, 1);
  });

  await t.test('DC-05 7591 3: an initial token that is shown must hold', async () => {
    refused(await register(daemon, native, { authorization: 'Bearer nothing' }), 401, 'invalid_token');
    refused(await register(daemon, native, { authorization: 'Basic eDp5' }), 401, 'invalid_token');
    assert.equal((await register(daemon, native, { authorization: `Bearer ${daemon.token}` })).status, 201);
  });

  await t.test('DC-05 7591 3: where registration is closed the operator\'s token opens it', async (u) => {
    const closed = await startDaemon(u, { config: 'authserver:\n  registration: false\n' });
    refused(await register(closed, native), 401, 'invalid_token');
    for (let i = 0; i < 50; i++) {
      assert.equal((await register(closed, native, { authorization: `Bearer ${closed.token}` })).status, 201, 'and is not counted');
    }
    const metadata = await (await fetch(`${closed.url}/.well-known/oauth-authorization-server`)).json();
    assert.equal(metadata.registration_endpoint, undefined);
  });

  await t.test('DC-02 7591 3.2.2: what is no JSON object, too much, or of another type is refused', async () => {
    for (const body of ['', 'x', '[]', '"x"', '{"redirect_uris":["http://127.0.0.1/"],"redirect_uris":["http://127.0.0.1/"]}']) {
      refused(await register(daemon, body), 400, 'invalid_client_metadata');
    }
    refused(await register(daemon, native, { 'content-type': 'text/plain' }), 400, 'invalid_client_metadata');
    const large = await register(daemon, { ...native, x: 'x'.repeat(20000) });
    assert.equal(large.status, 413);
    assert.equal((await send(daemon, 'GET', '/oauth/register')).status, 405);
  });
});

test('DC-11 7591 5: ten thousand registrations end in 429, and what is not used goes', async (t) => {
  const daemon = await startDaemon(t);
  const statuses = {};
  const worker = async (n) => {
    for (let i = 0; i < n; i++) {
      const { status, headers } = await register(daemon, native);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status === 429) assert.ok(Number(headers.get('retry-after')) > 0);
    }
  };
  await Promise.all(Array.from({ length: 16 }, () => worker(625)));
  assert.deepEqual(Object.keys(statuses).sort(), ['201', '429']);
  assert.ok(statuses[201] <= 40, `${statuses[201]} were let in`);
  const before = (await daemon.list('/agents')).length;
  assert.equal(before, statuses[201]);

  await daemon.stop();
  const db = new DatabaseSync(join(daemon.data, 'state', 'state.db'));
  const [{ n }] = db.prepare('SELECT count(*) AS n FROM registrations').all();
  assert.equal(n, before);
  db.close();
  await daemon.start();
  await waitFor(async () => (await daemon.list('/agents')).length === before, { what: 'the same again' });
});
