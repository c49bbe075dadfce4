// SPDX-License-Identifier: Apache-2.0
// A provider nobody here wrote: npm's oidc-provider, with short tokens, strict rotation, its own pages.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { Provider } from 'oidc-provider';

import { startBrowser } from '../lib/browser.mjs';
import { makeVault, startDaemon } from '../lib/daemon.mjs';
import { freePort, sleep } from '../lib/process.mjs';

const life = 6;

async function startProvider(t, redirectUri) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'valetkey',
      client_secret: 'test-value-for-loopback-only',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
    }],
    claims: { openid: ['sub'], profile: ['name'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `Name of ${id}` }) }),
    features: { revocation: { enabled: true }, devInteractions: { enabled: true } },
    cookies: { keys: ['test-value-for-loopback-only'] },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    ttl: { AccessToken: life, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600, IdToken: 60 },
  });
  const seen = { refreshes: 0, refused: [], revoked: 0 };
  provider.on('grant.success', (ctx) => {
    if (ctx.oidc.params.grant_type === 'refresh_token') seen.refreshes++;
  });
  provider.on('grant.error', (ctx, error) => seen.refused.push(`${ctx.oidc.params?.grant_type}: ${error.message}`));
  provider.on('grant.revoked', () => { seen.revoked++; });
  const server = createServer(provider.callback());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.closeAllConnections(); server.close(); });
  const me = (token) => fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
  return { issuer, port, seen, me };
}

function serviceFile(issuer) {
  return `id: oidc
name: Another provider
oauth:
  authorize_url: ${issuer}/auth
  token_url: ${issuer}/token
  revoke_url: ${issuer}/token/revocation
  client_auth: basic
  pkce: S256
  authorize_params: {prompt: consent}
  refresh: {class: strict}
  account: {url: "${issuer}/me", id: sub, name: name}
  scopes:
    openid: {says: Know who you are, risk: low}
    profile: {says: See your name, risk: low}
    offline_access: {says: Keep working while you are away, risk: low}
api:
  hosts: ["${issuer}"]
  auth: bearer
`;
}

test('oidc-provider: connect, exchange, refresh under strict rotation, pause, remove', async (t) => {
  // The provider wants the callback first and the daemon the provider's port: both are chosen before.
  const daemonPort = await freePort();
  const provider = await startProvider(t, `http://localhost:${daemonPort}/login/callback`);
  const daemon = await startDaemon(t, { allow: [`127.0.0.1:${provider.port}`], port: daemonPort });
  await daemon.addService(serviceFile(provider.issuer), {
    id: 'oidc', clientId: 'valetkey', clientSecret: 'test-value-for-loopback-only',
  });
  const vault = await makeVault(daemon, { user: 'ada', services: { oidc: null } });
  const ask = () => daemon.exchange(vault.token, 'oidc');
  let connection;

  await t.test('the service says which callback to register', async () => {
    const service = await daemon.api('GET', '/services/oidc');
    assert.equal(service.callback_url, `http://localhost:${daemonPort}/login/callback`);
  });

  await t.test('without a connection the agent is told where to make one', async () => {
    const { status, body } = await ask();
    assert.equal(status, 400);
    assert.equal(body.error, 'not_connected');
    assert.ok(body.error_uri?.startsWith(daemon.url));
  });

  await t.test('its own login and consent pages lead back to a connected account', async () => {
    const browser = await startBrowser(t);
    const page = await browser.newPage();
    const { url } = await daemon.api('POST', '/connections/start', { user: 'ada', service: 'oidc' });
    await page.goto(url);
    await page.click('form button, form input[type=submit]');
    await page.waitForSelector('input[name=login]');
    await page.fill('input[name=login]', 'lovelace');
    await page.fill('input[name=password]', 'any');
    await page.click('button[type=submit], input[type=submit]');
    await page.waitForSelector('text=/authorize|continue/i');
    await Promise.all([page.waitForURL(`${daemon.url}/**`), page.click('button[type=submit], input[type=submit]')]);
    assert.match(await page.textContent('body'), /connected/i);
    [connection] = await daemon.list('/connections?user=ada&service=oidc');
    assert.equal(connection.state, 'connected');
    assert.equal(connection.account.id, 'lovelace');
  });

  await t.test('the exchanged token works at the provider', async () => {
    const { status, body } = await ask();
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.token_type, 'Bearer');
    assert.ok(Number.isInteger(body.expires_in) && body.expires_in <= life);
    assert.equal((await (await provider.me(body.access_token)).json()).sub, 'lovelace');
  });

  await t.test('after its life thirty callers at once cost one refresh, and all are served', async () => {
    await sleep((life + 0.5) * 1000);
    const before = provider.seen.refreshes;
    const answers = await Promise.all(Array.from({ length: 30 }, ask));
    assert.deepEqual([...new Set(answers.map((a) => a.status))], [200], JSON.stringify(answers.map((a) => a.body)));
    assert.ok(provider.seen.refreshes - before <= 1, `${provider.seen.refreshes - before} refreshes`);
    assert.ok(provider.seen.refreshes >= 1);
    assert.equal((await provider.me(answers[29].body.access_token)).status, 200);
    assert.deepEqual(provider.seen.refused, []);
  });

  await t.test('rotation goes on: three lives later the grant is still good', async () => {
    for (let i = 0; i < 3; i++) {
      await sleep((life + 0.5) * 1000);
      const { status, body } = await ask();
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal((await provider.me(body.access_token)).status, 200);
    }
    assert.deepEqual(provider.seen.refused, []);
  });

  await t.test('pause refuses, resume serves', async () => {
    await daemon.api('POST', `/connections/${connection.id}/pause`);
    assert.equal((await ask()).body.error, 'access_paused');
    await daemon.api('POST', `/connections/${connection.id}/resume`);
    assert.equal((await ask()).status, 200);
  });

  await t.test('remove destroys, revokes and probes', async () => {
    const { body } = await ask();
    await daemon.api('DELETE', `/connections/${connection.id}`);
    const facts = await daemon.waitRemoved(connection.id);
    assert.equal(facts.revoked, 'yes', JSON.stringify(facts));
    assert.equal(facts.probed, 'dead', JSON.stringify(facts));
    assert.equal((await provider.me(body.access_token)).status, 401);
    assert.equal((await ask()).body.error, 'not_connected');
  });
});
