// SPDX-License-Identifier: Apache-2.0
// Pushed authorization requests (RFC 9126).
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { assertion, makeKey, proof, proven, thumbprint } from '../lib/client.mjs';
import { startDaemon } from '../lib/daemon.mjs';

const redirect = 'http://127.0.0.1:9/cb';

export const challenge = (verifier) => createHash('sha256').update(verifier).digest('base64url');

async function register(daemon, metadata) {
  const answer = await fetch(`${daemon.url}/oauth/register`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: [redirect], ...metadata }),
  });
  assert.equal(answer.status, 201);
  return answer.json();
}

const basic = (one) => ({ authorization: `Basic ${Buffer.from(`${one.client_id}:${one.client_secret}`).toString('base64')}` });

const request = (more = {}) => ({
  response_type: 'code', redirect_uri: redirect, state: 'a+b&c', scope: 'mcp:tools',
  code_challenge: challenge(randomBytes(32).toString('base64url')), code_challenge_method: 'S256', ...more,
});

function refused(answer, status, error, why) {
  assert.equal(answer.status, status, `${why}: ${answer.text}`);
  assert.equal(answer.body.error, error, why);
  assert.equal(answer.body.request_uri, undefined, why);
  assert.equal(answer.headers.get('cache-control'), 'no-store', why);
}

test('pushed requests', async (t) => {
  const daemon = await startDaemon(t);
  const issuer = `${daemon.url}/`;
  const secret = await register(daemon, {});
  const open = await register(daemon, { token_endpoint_auth_method: 'none' });
  const key = await makeKey();
  const keyed = await register(daemon, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } });
  const push = (form, headers = {}) => daemon.post(form, { path: '/oauth/par', headers });

  await t.test('PA-01 9126 2.2: a push is answered with a name that cannot be guessed', async () => {
    const seen = new Set();
    for (const [form, headers] of [
      [request(), basic(secret)],
      [request({ client_id: secret.client_id, client_secret: secret.client_secret })],
      [request({ client_id: open.client_id })],
      [request({ ...proven(await assertion(key, keyed.client_id, issuer)) })],
    ]) {
      const answer = await push(form, headers);
      assert.equal(answer.status, 201, answer.text);
      assert.match(answer.body.request_uri, /^urn:ietf:params:oauth:request_uri:vk_ticket_[0-9A-Za-z]{49}$/);
      assert.ok(answer.body.expires_in >= 5 && answer.body.expires_in <= 600);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      seen.add(answer.body.request_uri);
    }
    assert.equal(seen.size, 4);
  });

  await t.test('PA-02 9126 2.1: a push cannot hold the name of another, or a request object', async () => {
    refused(await push(request({ request_uri: 'urn:ietf:params:oauth:request_uri:x' }), basic(secret)), 400, 'invalid_request', 'request_uri');
    refused(await push(request({ request: 'x.y.z' }), basic(secret)), 400, 'invalid_request', 'request');
  });

  await t.test('PA-03 9126 2.3: GET is 405, too much is 413, a flood is 429', async () => {
    const get = await fetch(`${daemon.url}/oauth/par`);
    assert.equal(get.status, 405);
    assert.equal(get.headers.get('allow'), 'POST');
    assert.equal((await push(request({ state: 'x'.repeat(40000) }), basic(secret))).status, 413);
    const flooding = await register(daemon, {});
    const answers = await Promise.all(Array.from({ length: 200 }, () => push(request(), basic(flooding))));
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))].sort(), [201, 429]);
    assert.equal((await push(request(), basic(secret))).status, 201, 'others are served');
  });

  await t.test('PA-04 9126 2.1: who does not prove itself pushes nothing', async () => {
    const wrong = await push(request(), basic({ ...secret, client_secret: 'wrong' }));
    refused(wrong, 401, 'invalid_client', 'a wrong secret');
    assert.match(wrong.headers.get('www-authenticate'), /^Basic/);
    refused(await push(request()), 401, 'invalid_client', 'nobody');
    refused(await push(request({ client_id: secret.client_id })), 401, 'invalid_client', 'a name alone');
    refused(await push(request({ client_id: 'agent_nobody' })), 401, 'invalid_client', 'a name of nobody');
    refused(await push(request({ client_id: open.client_id }), basic(secret)), 400, 'invalid_request', 'two names');
  });

  await t.test('PA-05 9126 2.3: an address that is not registered is refused', async () => {
    for (const uri of ['http://127.0.0.1:9/other', 'https://evil.example/', 'javascript:x']) {
      refused(await push(request({ redirect_uri: uri }), basic(secret)), 400, 'invalid_request', uri);
    }
    assert.equal((await push(request({ redirect_uri: 'http://127.0.0.1:4711/cb' }), basic(secret))).status, 201);
    refused(await push([...Object.entries(request()), ['scope', 'x']], basic(secret)), 400, 'invalid_request', 'twice');
  });

  await t.test('PA-10 7523bis: an assertion for the push is for our issuer, not for an endpoint', async () => {
    for (const aud of [`${issuer}oauth/par`, `${issuer}oauth/token`, [issuer, `${issuer}oauth/par`]]) {
      refused(await push(request(proven(await assertion(key, keyed.client_id, issuer, { claims: { aud } })))), 401, 'invalid_client', String(aud));
    }
  });

  await t.test('DP-12 9449 10.1: a key that is named is the key that is shown', async () => {
    const url = `${issuer}oauth/par`;
    const other = await makeKey();
    const good = await push(request({ dpop_jkt: await thumbprint(key) }), { ...basic(secret), dpop: await proof(key, 'POST', url) });
    assert.equal(good.status, 201, good.text);
    assert.equal((await push(request(), { ...basic(secret), dpop: await proof(key, 'POST', url) })).status, 201);
    refused(await push(request({ dpop_jkt: await thumbprint(other) }), { ...basic(secret), dpop: await proof(key, 'POST', url) }),
      400, 'invalid_request', 'another key');
    refused(await push(request(), { ...basic(secret), dpop: await proof(key, 'POST', `${issuer}oauth/token`) }),
      400, 'invalid_dpop_proof', 'a proof for elsewhere');
  });
});
