// SPDX-License-Identifier: Apache-2.0
// Two strict OAuth clients nobody here wrote perform the token exchange: openid-client, oauth4webapi.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';

import { connect } from '../lib/consent.mjs';
import { accessTokenType, exchangeGrant, makeVault } from '../lib/daemon.mjs';
import { stage } from '../lib/stage.mjs';

test('agents by other hands', async (t) => {
  const { daemon, sandbox } = await stage(t, { connected: false });
  const agent = await daemon.api('POST', '/agents', { name: 'Robot' });
  const vault = await makeVault(daemon, {
    user: 'grace', services: { notes: ['notes.read'] }, agent: agent.id, create: true,
  });
  await connect(daemon, { user: 'grace', service: 'notes', account: 'grace' });
  const parameters = { subject_token: vault.token, subject_token_type: accessTokenType, audience: 'notes' };
  const issuer = new URL(`${daemon.url}/`);

  for (const [name, auth] of [
    ['client_secret_basic', client.ClientSecretBasic],
    ['client_secret_post', client.ClientSecretPost],
  ]) {
    await t.test(`openid-client exchanges with ${name}`, async () => {
      const config = await client.discovery(issuer, agent.client_id, undefined, auth(agent.client_secret), {
        algorithm: 'oauth2', execute: [client.allowInsecureRequests],
      });
      assert.equal(config.serverMetadata().issuer, issuer.href);
      const tokens = await client.genericGrantRequest(config, exchangeGrant, parameters);
      assert.equal(tokens.token_type, 'bearer');
      assert.equal(tokens.issued_token_type, accessTokenType);
      assert.equal(tokens.scope, 'notes.read');
      assert.ok(tokens.expires_in > 0);
      assert.equal((await sandbox.me(tokens.access_token)).status, 200);
    });
  }

  await t.test('openid-client sees a refusal as an OAuth error', async () => {
    const config = await client.discovery(issuer, agent.client_id, undefined, client.ClientSecretBasic(agent.client_secret), {
      algorithm: 'oauth2', execute: [client.allowInsecureRequests],
    });
    await assert.rejects(
      client.genericGrantRequest(config, exchangeGrant, { ...parameters, audience: 'nowhere' }),
      (error) => error instanceof client.ResponseBodyError && error.error === 'invalid_target' && error.status === 400,
    );
  });

  await t.test('openid-client sees a wrong secret as 401 with a challenge', async () => {
    const config = await client.discovery(issuer, agent.client_id, undefined, client.ClientSecretBasic('wrong'), {
      algorithm: 'oauth2', execute: [client.allowInsecureRequests],
    });
    await assert.rejects(client.genericGrantRequest(config, exchangeGrant, parameters), (error) => {
      assert.equal(error.status, 401);
      return true;
    });
  });

  for (const [name, auth] of [
    ['client_secret_basic', oauth.ClientSecretBasic],
    ['client_secret_post', oauth.ClientSecretPost],
  ]) {
    await t.test(`oauth4webapi exchanges with ${name}`, async () => {
      const insecure = { [oauth.allowInsecureRequests]: true };
      const server = await oauth.processDiscoveryResponse(issuer,
        await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }));
      const me = { client_id: agent.client_id };
      const answer = await oauth.genericTokenEndpointRequest(server, me, auth(agent.client_secret),
        exchangeGrant, parameters, insecure);
      const tokens = await oauth.processGenericTokenEndpointResponse(server, me, answer);
      assert.equal((await sandbox.me(tokens.access_token)).status, 200);
    });
  }

  await t.test('oauth4webapi, public, exchanges with the vault token alone where no agent is bound', async () => {
    const own = await makeVault(daemon, { user: 'grace', name: 'Own', services: { notes: null }, create: false });
    const { status } = await daemon.exchange(own.token, 'notes');
    assert.equal(status, 200);
  });
});
