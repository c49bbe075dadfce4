// SPDX-License-Identifier: Apache-2.0
// What was pushed (RFC 9126) and what a key is named for (RFC 9449 10), at the authorization endpoint and after it.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import * as openid from 'openid-client';

import { consent as consentBy, people, signIn } from '../lib/authorize.mjs';
import { makeKey, proof, thumbprint } from '../lib/client.mjs';
import { Jar } from '../lib/consent.mjs';
import { startDaemon } from '../lib/daemon.mjs';
import { Ends } from '../lib/process.mjs';

const ends = new Ends();
let daemon;
let all;
let basic;

/* One browser: who signs in anew each time is throttled. */
const jar = new Jar();
const consent = (address, more) => consentBy(address, { jar, ...more });
const makeVerifier = () => randomBytes(32).toString('base64url');
const challenge = (verifier) => createHash('sha256').update(verifier).digest('base64url');
const request = (verifier, more = {}) => ({
  response_type: 'code', redirect_uri: all.redirect, state: 'as pushed', scope: 'mcp:tools', resource: all.vault.mcp_url,
  code_challenge: challenge(verifier), code_challenge_method: 'S256', ...more,
});
const push = async (form, headers = {}) => {
  const answer = await daemon.post(form, { path: '/oauth/par', headers: { ...basic, ...headers } });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.request_uri;
};
const address = (parameters) => `${daemon.url}/authorize?${new URLSearchParams({ client_id: all.agent.client_id, ...parameters })}`;
const redeem = (code, verifier, headers = {}) => daemon.post({
  grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: all.redirect,
}, { headers: { ...basic, ...headers } });

before(async () => {
  daemon = await startDaemon(ends);
  all = await people(daemon);
  basic = { authorization: `Basic ${Buffer.from(`${all.agent.client_id}:${all.agent.client_secret}`).toString('base64')}` };
});
after(() => ends.run());

async function register(metadata) {
  const answer = await fetch(`${daemon.url}/oauth/register`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ redirect_uris: [all.redirect], ...metadata }),
  });
  assert.equal(answer.status, 201);
  return answer.json();
}

/** Nobody is sent anywhere: a page says it. */
async function stopped(url, why) {
  const answer = await new Jar().fetch(url);
  assert.equal(answer.status, 400, `${why}: ${await answer.text()}`);
  assert.equal(answer.headers.get('location'), null, why);
}

describe('requests that were pushed', () => {
  test('PA-09 9126 4, 9101 5: nothing that stands beside the name counts', async () => {
    const verifier = makeVerifier();
    const uri = await push(request(verifier));
    const back = await consent(address({ request_uri: uri, scope: 'proxy', state: 'beside', redirect_uri: 'https://evil.example/' }));
    assert.equal(`${back.origin}${back.pathname}`, all.redirect);
    assert.equal(back.searchParams.get('state'), 'as pushed');
    const tokens = await redeem(back.searchParams.get('code'), verifier);
    assert.equal(tokens.status, 200, tokens.text);
    assert.equal(tokens.body.scope, 'mcp:tools');
  });

  test('PA-06 9126 2.2: a name is of one client', async () => {
    const uri = await push(request(makeVerifier()));
    const other = await register({});
    await stopped(address({ request_uri: uri, client_id: other.client_id }), 'another client');
    await stopped(address({ request_uri: 'urn:ietf:params:oauth:request_uri:vk_ticket_none' }), 'no such name');
    await stopped(address({ request_uri: 'https://client.example/request.jwt' }), 'an address to fetch');
    await stopped(`${address({ request_uri: uri })}&request_uri=x`, 'two');
  });

  test('PA-07 9126 4: a name serves one decision', async () => {
    for (const decision of ['allow', 'deny']) {
      const uri = await push(request(makeVerifier()));
      await consent(address({ request_uri: uri }), { decision });
      const again = await jar.fetch(address({ request_uri: uri }));
      assert.equal(again.status, 400, decision);
    }
    const uri = await push(request(makeVerifier()));
    const shown = await signIn(jar, address({ request_uri: uri }));
    assert.equal(shown.page.status, 200, 'looking at it does not use it up');
    assert.equal((await jar.fetch(address({ request_uri: uri }))).status, 200);
  });

  test('PA-08 9126 5: a client that always pushes is sent back without', async () => {
    const one = await register({ require_pushed_authorization_requests: true, token_endpoint_auth_method: 'none' });
    const plain = await consent(address({ ...request(makeVerifier()), client_id: one.client_id }));
    assert.equal(plain.searchParams.get('error'), 'invalid_request');
    const form = { ...request(makeVerifier()), client_id: one.client_id };
    const answer = await daemon.post(form, { path: '/oauth/par' });
    assert.equal(answer.status, 201, answer.text);
    const back = await consent(address({ client_id: one.client_id, request_uri: answer.body.request_uri }));
    assert.ok(back.searchParams.get('code'), back.href);
  });
});

describe('codes that are bound to a key', () => {
  test('DP-11 9449 10: the key that was named redeems, and no other', async () => {
    const key = await makeKey();
    const by = async (other) => ({ dpop: await proof(other, 'POST', `${daemon.url}/oauth/token`) });
    const code = async (more) => {
      const verifier = makeVerifier();
      const back = await consent(address(request(verifier, more)));
      return [back.searchParams.get('code'), verifier];
    };
    const named = { dpop_jkt: await thumbprint(key) };
    const none = await redeem(...await code(named));
    assert.deepEqual([none.status, none.body.error], [400, 'invalid_dpop_proof']);
    const other = await redeem(...await code(named), await by(await makeKey()));
    assert.deepEqual([other.status, other.body.error], [400, 'invalid_grant']);
    const tokens = await redeem(...await code(named), await by(key));
    assert.equal(tokens.body.token_type, 'DPoP', tokens.text);
    const renew = async (headers) => daemon.post({ grant_type: 'refresh_token', refresh_token: tokens.body.refresh_token }, { headers: { ...basic, ...headers } });
    assert.equal((await renew({})).status, 400, 'the refresh token is bound to it as well');
    assert.equal((await renew(await by(await makeKey()))).status, 400);
    assert.equal((await renew(await by(key))).body.token_type, 'DPoP');
    const bad = await consent(address(request(makeVerifier(), { dpop_jkt: 'short' })));
    assert.equal(bad.searchParams.get('error'), 'invalid_request');
  });

  test('DP-11 9449 10.1: the proof of a push names the key', async () => {
    const [key, verifier] = [await makeKey(), makeVerifier()];
    const uri = await push(request(verifier), { dpop: await proof(key, 'POST', `${daemon.url}/oauth/par`) });
    const back = await consent(address({ request_uri: uri }));
    const other = await redeem(back.searchParams.get('code'), verifier, { dpop: await proof(await makeKey(), 'POST', `${daemon.url}/oauth/token`) });
    assert.deepEqual([other.status, other.body.error], [400, 'invalid_grant']);
  });
});

test('openid-client: a pushed request, a bound code, a bound token at the vault, refreshed', async () => {
  const config = await openid.discovery(new URL(`${daemon.url}/`), all.agent.client_id, undefined,
    openid.ClientSecretPost(all.agent.client_secret), { execute: [openid.allowInsecureRequests], algorithm: 'oauth2' });
  const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair());
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const url = await openid.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: all.redirect, scope: 'mcp:tools', resource: all.vault.mcp_url, state: 's',
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
  }, { DPoP });
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  const back = await consent(url.href);
  const tokens = await openid.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState: 's' }, undefined, { DPoP });
  assert.equal(tokens.token_type, 'dpop');
  const use = (token) => openid.fetchProtectedResource(config, token, new URL(all.vault.mcp_url), 'POST', JSON.stringify({
    jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
  }), new Headers({ 'content-type': 'application/json', accept: 'application/json, text/event-stream' }), { DPoP });
  const used = await use(tokens.access_token);
  assert.equal(used.status, 200, await used.text());
  const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert.equal(renewed.token_type, 'dpop');
  assert.equal((await use(renewed.access_token)).status, 200);
});
