// SPDX-License-Identifier: Apache-2.0
// The authorization server with openid-client and oauth4webapi as the clients, and a browser as the user's.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';

import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';

import { consent, password, people } from '../lib/authorize.mjs';
import { startBrowser } from '../lib/browser.mjs';
import { startDaemon } from '../lib/daemon.mjs';
import { Ends, atEnd } from '../lib/process.mjs';

const ends = new Ends();
let daemon;
let all;

const insecure = { execute: [openid.allowInsecureRequests] };

before(async () => {
  daemon = await startDaemon(ends);
  all = await people(daemon);
});
after(() => ends.run());

const configure = () => openid.discovery(new URL(`${daemon.url}/`), all.agent.client_id, undefined,
  openid.ClientSecretPost(all.agent.client_secret), { ...insecure, algorithm: 'oauth2' });

async function authorized(config, more = {}) {
  const verifier = openid.randomPKCECodeVerifier();
  const state = openid.randomState();
  const address = openid.buildAuthorizationUrl(config, {
    redirect_uri: all.redirect,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    scope: 'mcp:tools',
    resource: all.vault.mcp_url,
    ...more,
  });
  const back = await consent(address.href);
  return { back, verifier, state };
}

async function signedIn(config, more) {
  const { back, verifier, state } = await authorized(config, more);
  return openid.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state },
    { resource: all.vault.mcp_url });
}

const list = (token) => fetch(all.vault.mcp_url, {
  method: 'POST',
  headers: {
    authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream',
  },
  body: JSON.stringify({
    jsonrpc: '2.0', id: 1, method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
  }),
});

describe('authorization server', () => {
  test('openid-client: discovery, code with PKCE, use, refresh, introspection, revocation', async () => {
    const config = await configure();
    const tokens = await signedIn(config);
    assert.match(tokens.access_token, /^vk_at_/);
    assert.match(tokens.refresh_token, /^vk_rt_/);
    assert.equal(tokens.scope, 'mcp:tools');
    assert.equal((await list(tokens.access_token)).status, 200);
    const told = await openid.tokenIntrospection(config, tokens.access_token);
    assert.equal(told.active, true);
    assert.equal(told.aud, all.vault.mcp_url);
    const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token);
    assert.notEqual(renewed.refresh_token, tokens.refresh_token);
    assert.equal((await list(renewed.access_token)).status, 200);
    await openid.tokenRevocation(config, renewed.refresh_token);
    assert.equal((await list(renewed.access_token)).status, 401);
    assert.equal((await list(tokens.access_token)).status, 401);
    assert.equal((await openid.tokenIntrospection(config, renewed.access_token)).active, false);
  });

  test('a refresh token that comes twice ends the grant', async () => {
    const config = await configure();
    const tokens = await signedIn(config);
    const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token);
    await assert.rejects(openid.refreshTokenGrant(config, tokens.refresh_token), (e) => e.error === 'invalid_grant');
    assert.equal((await list(renewed.access_token)).status, 401);
    await assert.rejects(openid.refreshTokenGrant(config, renewed.refresh_token), (e) => e.error === 'invalid_grant');
    const events = await daemon.settledEvents('&kind=grant_reuse');
    assert.ok(events.length >= 1);
  });

  test('a code that comes twice ends what came of it', async () => {
    const config = await configure();
    const { back, verifier, state } = await authorized(config);
    const redeem = () => openid.authorizationCodeGrant(config, new URL(back), { pkceCodeVerifier: verifier, expectedState: state });
    const tokens = await redeem();
    await assert.rejects(redeem(), (e) => e.error === 'invalid_grant');
    assert.equal((await list(tokens.access_token)).status, 401);
  });

  test('oauth4webapi: the answer names the issuer, and a denial is one', async () => {
    const issuer = new URL(`${daemon.url}/`);
    const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', [oauth.allowInsecureRequests]: true });
    const as = await oauth.processDiscoveryResponse(issuer, answer);
    assert.equal(as.authorization_response_iss_parameter_supported, true);
    const client = { client_id: all.agent.client_id };
    const verifier = oauth.generateRandomCodeVerifier();
    const address = new URL(as.authorization_endpoint);
    for (const [name, value] of Object.entries({
      client_id: client.client_id, response_type: 'code', redirect_uri: all.redirect, state: 's',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    })) address.searchParams.set(name, value);
    const yes = oauth.validateAuthResponse(as, client, await consent(address.href), 's');
    const granted = await oauth.authorizationCodeGrantRequest(as, client, oauth.ClientSecretBasic(all.agent.client_secret),
      yes, all.redirect, verifier, { [oauth.allowInsecureRequests]: true });
    assert.equal((await oauth.processAuthorizationCodeResponse(as, client, granted)).token_type, 'bearer');
    const no = await consent(address.href, { decision: 'deny' });
    assert.throws(() => oauth.validateAuthResponse(as, client, no, 's'), (e) => e.error === 'access_denied');
  });

  test('client credentials: for a vault of the client\'s own, and no other', async () => {
    const config = await configure();
    const own = await daemon.api('POST', '/vaults', {
      user: 'ada', name: 'headless', policy: 'name: P\nservices: {}\n', agent: all.agent.id,
    });
    const tokens = await openid.clientCredentialsGrant(config, { resource: own.mcp_url });
    assert.equal(tokens.refresh_token, undefined);
    assert.equal((await openid.tokenIntrospection(config, tokens.access_token)).aud, own.mcp_url);
    await assert.rejects(openid.clientCredentialsGrant(config, { resource: all.vault.mcp_url }), (e) => e.error === 'invalid_target');
  });

  test('what the operator and the user end, ends at once', async () => {
    const config = await configure();
    const tokens = await signedIn(config);
    const grants = await daemon.list('/grants');
    assert.equal(grants.at(-1).client, 'Test client');
    await daemon.api('DELETE', `/grants/${grants.at(-1).id}`);
    assert.equal((await list(tokens.access_token)).status, 401);
    const second = await signedIn(config);
    await daemon.api('POST', `/vaults/${all.vault.id}/pause`);
    assert.notEqual((await list(second.access_token)).status, 200);
    await daemon.api('POST', `/vaults/${all.vault.id}/resume`);
    assert.equal((await list(second.access_token)).status, 200);
  });

  test('a token of the MCP scope opens neither proxy nor exchange', async () => {
    const tokens = await signedIn(await configure());
    const proxied = await fetch(`${daemon.url}/proxy/github/user`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    assert.equal(proxied.status, 403);
    assert.match(proxied.headers.get('www-authenticate'), /error="insufficient_scope".*scope="proxy"/);
    const { status, body } = await daemon.exchange(tokens.access_token, 'github');
    assert.equal(status, 403);
    assert.equal(body.error, 'insufficient_scope');
  });

  test('a 401 of the endpoint leads to the metadata, and that to this server', async () => {
    const answer = await fetch(all.vault.mcp_url, { method: 'POST', body: '{}' });
    assert.equal(answer.status, 401);
    const [, address] = /resource_metadata="([^"]+)"/.exec(answer.headers.get('www-authenticate'));
    const resource = await (await fetch(address)).json();
    assert.equal(resource.resource, all.vault.mcp_url);
    assert.deepEqual(resource.authorization_servers, [`${daemon.url}/`]);
  });

  test('in a browser: sign in, read what is asked, allow', async (t) => {
    const config = await configure();
    let arrived;
    const came = new Promise((done) => { arrived = done; });
    const server = createServer((request, response) => {
      response.end('back at the client');
      arrived(new URL(request.url, `http://127.0.0.1:${server.address().port}`));
    });
    await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
    atEnd(t, () => new Promise((done) => { server.closeAllConnections(); server.close(done); }));
    const verifier = openid.randomPKCECodeVerifier();
    const redirect = `http://127.0.0.1:${server.address().port}/callback`;
    const address = openid.buildAuthorizationUrl(config, {
      redirect_uri: redirect, state: 'browser', code_challenge_method: 'S256',
      code_challenge: await openid.calculatePKCECodeChallenge(verifier), resource: all.vault.mcp_url,
    });
    const browser = await startBrowser(t);
    const page = await browser.newPage();
    await page.goto(address.href);
    await page.fill('input[name=subject]', 'ada');
    await page.fill('input[name=password]', 'wrong password');
    await page.click('button[type=submit]');
    assert.match(await page.textContent('[role=alert]'), /wrong/);
    await page.fill('input[name=subject]', 'ada');
    await page.fill('input[name=password]', password);
    await page.click('button[type=submit]');
    const text = await page.textContent('body');
    assert.match(text, /Test client/);
    assert.match(text, /127\.0\.0\.1/);
    assert.match(text, /Call the tools/);
    if (process.env.VALETKEY_SHOTS) await page.screenshot({ path: `${process.env.VALETKEY_SHOTS}/consent.png` });
    await page.click('button[value=allow]');
    const back = await came;
    const tokens = await openid.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: 'browser' });
    assert.equal((await list(tokens.access_token)).status, 200);
  });
});
