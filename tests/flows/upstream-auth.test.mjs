// SPDX-License-Identifier: Apache-2.0
// A remote MCP server becomes a service by its address alone: what is found out, which client is
// used there, and what happens when the server or its authorization server lies.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Jar, land, openLink } from '../lib/consent.mjs';
import { startDaemon } from '../lib/daemon.mjs';
import { sleep } from '../lib/process.mjs';
import { Authority, jsonAnswer, startRemote } from '../lib/remote.mjs';

const policy = (id) => `name: Raw\nservices:\n  ${id}:\n    proxy: allow\n    default: block\n`;

/** A server, its authority and a daemon that may reach both. */
async function stage(t, { prefix, path, allow = [], config, daemon: wish } = {}) {
  const remote = await startRemote(t, { prefix, path });
  const daemon = await startDaemon(t, { allow: [...remote.hosts, ...allow], config, ...wish });
  await daemon.api('POST', '/users', { subject: 'ada' });
  const s = { remote, authority: remote.authority, daemon };
  s.add = (more) => daemon.raw('POST', '/services/mcp', { url: remote.url, id: 'notes', ...more });
  s.added = async (more) => {
    const answer = await s.add(more);
    const body = await answer.json();
    assert.equal(answer.status, 201, JSON.stringify(body));
    return body;
  };
  s.refused = async (status, detail, more) => {
    const answer = await s.add(more);
    const body = await answer.json();
    assert.equal(answer.status, status, JSON.stringify(body));
    if (detail) assert.match(body.detail ?? '', detail);
    return body;
  };
  s.consent = async ({ start = {}, iss } = {}) => {
    const jar = new Jar();
    const { url } = await daemon.api('POST', '/connections/start', { user: 'ada', service: 'notes', ...start });
    const authorize = await openLink(jar, url);
    const back = (await fetch(authorize, { redirect: 'manual' })).headers.get('location');
    return { authorize: new URL(authorize), ...(await land(jar, back)) };
  };
  s.connect = async (options) => {
    const done = await s.consent(options);
    assert.equal(done.status, 200, done.html);
    const connection = (await daemon.list('/connections?user=ada&service=notes')).findLast((c) => c.state !== 'removed');
    return { ...done, connection };
  };
  s.lists = async () => {
    s.vault ??= await daemon.api('POST', '/vaults', { user: 'ada', name: 'Raw', policy: policy('notes') });
    return fetch(`${daemon.url}/proxy/notes${remote.path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${s.vault.token}`, 'content-type': 'application/json', accept: 'application/json' },
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    });
  };
  return s;
}

test('a server is added by its address, connected, called, refreshed, removed', async (t) => {
  const s = await stage(t);
  const { remote, authority, daemon } = s;
  authority.life = 60;
  const service = await s.added({ name: 'My notes' });

  await t.test('what was found out is shown', () => {
    assert.equal(service.mcp_url, remote.url);
    assert.equal(service.issuer, authority.issuer);
    assert.equal(service.registration, 'registered');
    assert.equal(service.name, 'My notes');
    assert.deepEqual(service.scopes.map(({ name, risk }) => [name, risk]), [['notes.read', 'medium'], ['notes.write', 'medium']]);
  });

  await t.test('the registration says what we are, and its secrets are in no file', async () => {
    const [{ body }] = authority.asked('/register');
    assert.deepEqual(body.redirect_uris, [`${daemon.url}/login/callback`]);
    assert.deepEqual(body.grant_types, ['authorization_code', 'refresh_token']);
    assert.equal(body.application_type, 'native');
    const secret = [...authority.clients.values()][0].client_secret;
    for (const folder of ['state', 'log']) {
      for (const name of readdirSync(join(daemon.data, folder))) {
        const text = readFileSync(join(daemon.data, folder, name), 'latin1');
        assert.ok(!text.includes(secret) && !text.includes('as-manage-'), `${folder}/${name}`);
      }
    }
  });

  let connection;
  await t.test('consent asks for the scopes of the challenge, with PKCE and for this resource', async () => {
    const done = await s.connect();
    connection = done.connection;
    const asked = done.authorize.searchParams;
    assert.equal(asked.get('scope'), 'notes.read');
    assert.equal(asked.get('resource'), remote.url);
    assert.equal(asked.get('code_challenge_method'), 'S256');
    assert.equal(connection.state, 'connected');
    assert.equal(connection.account.id, connection.id);
  });

  await t.test('a wider scope can be asked for by name, an unknown one not', async () => {
    const { authorize } = await s.consent({ start: { scopes: ['notes.read', 'notes.write'], alias: 'wide' } });
    assert.equal(authorize.searchParams.get('scope'), 'notes.read notes.write');
    const answer = await daemon.raw('POST', '/connections/start', { user: 'ada', service: 'notes', scopes: ['admin'] });
    assert.equal(answer.status, 400);
    const [wide] = (await daemon.list('/connections?user=ada&service=notes')).filter((c) => c.alias === 'wide');
    await daemon.api('DELETE', `/connections/${wide.id}`);
  });

  await t.test('the token is taken by the server', async () => {
    assert.equal((await s.lists()).status, 200);
  });

  await t.test('the code and its refresh name the resource too', async () => {
    authority.life = 1;
    await daemon.api('DELETE', `/connections/${connection.id}`);
    ({ connection } = await s.connect());
    await sleep(1500);
    authority.life = 60;
    assert.equal((await s.lists()).status, 200);
    const calls = authority.asked('/token').map(({ body }) => [body.grant_type, body.resource]);
    assert.deepEqual(calls.at(-1), ['refresh_token', remote.url]);
    assert.deepEqual([...new Set(calls.map(([, resource]) => resource))], [remote.url]);
  });

  await t.test('removal revokes', async () => {
    await daemon.api('DELETE', `/connections/${connection.id}`);
    const facts = await daemon.waitRemoved(connection.id);
    assert.equal(facts.revoked, 'yes');
    assert.equal(facts.probed, 'unknown');
    assert.equal(authority.tokens.size, 0);
  });

  await t.test('every question to the other side is in the log, with its end', async () => {
    const events = (await daemon.settledEvents()).filter((e) => /^service_(discover|register)$/.test(e.kind));
    assert.deepEqual(events.map((e) => `${e.kind} ${e.outcome} ${e.status ?? ''}`), [
      'service_discover intent ', 'service_discover ok 401', 'service_discover intent ', 'service_discover ok 200',
      'service_discover intent ', 'service_discover ok 200', 'service_register intent ', 'service_register ok 201',
    ]);
  });
});

test('where documents may be', async (t) => {
  for (const [name, wish, change] of [
    ['by the path, without a challenge that says so', {}, ({ remote }) => { remote.named = false; }],
    ['at the root, the resource being the origin', {}, ({ remote }) => {
      remote.named = false;
      remote.place = '/.well-known/oauth-protected-resource';
      remote.metadata = { resource: remote.origin };
    }],
    ['anywhere, where the challenge says so', {}, ({ remote }) => { remote.place = '/somewhere/else.json'; }],
    ['an issuer with a path', { prefix: '/tenant' }, () => {}],
    ['OpenID discovery behind the path', { prefix: '/tenant' }, ({ authority }) => {
      authority.routes['/.well-known/oauth-authorization-server/tenant'] = () => jsonAnswer(404, {});
      authority.routes['/tenant/.well-known/openid-configuration'] = () => jsonAnswer(200, authority.document());
    }],
    ['OpenID discovery with the path inserted', { prefix: '/tenant' }, ({ authority }) => {
      authority.routes['/.well-known/oauth-authorization-server/tenant'] = () => ({
        status: 200, headers: { 'content-type': 'text/html' }, body: '<html>a page for every address</html>' });
      authority.routes['/.well-known/openid-configuration/tenant'] = () => jsonAnswer(200, authority.document());
    }],
    ['a server of March 2025 that is its own authorization server', {}, ({ remote, authority }) => {
      remote.named = false;
      remote.place = '/nowhere';
      remote.routes['/.well-known/oauth-authorization-server'] = () => jsonAnswer(200, { ...authority.document(), issuer: remote.origin });
      authority.iss = remote.origin;
    }],
    ['a server that lets anybody say hello, but has metadata', {}, ({ remote }) => { remote.open = true; remote.scope = null; }],
  ]) {
    await t.test(name, async (t) => {
      const s = await stage(t, wish);
      change(s);
      await s.added();
      const { connection } = await s.connect();
      assert.equal(connection.state, 'connected');
      assert.equal((await s.lists()).status, 200);
    });
  }
});

test('what a client is', async (t) => {
  const secretFile = (dir) => {
    const file = join(dir, 'client.secret');
    writeFileSync(file, 'static-secret-not-a-secret');
    return file;
  };

  await t.test('given by the operator: nothing is registered, basic', async (t) => {
    const s = await stage(t);
    s.authority.metadata = { registration_endpoint: null };
    const service = await s.daemon.cli(['service', 'add-mcp', s.remote.url, '--id', 'notes', '--client-id', 'mine',
      '--client-secret-file', secretFile(s.daemon.dir)], { json: true });
    assert.equal(service.registration, 'given');
    await s.connect();
    const [token] = s.authority.asked('/token');
    assert.equal(token.headers.authorization, `Basic ${Buffer.from('mine:static-secret-not-a-secret').toString('base64')}`);
    assert.equal(s.authority.asked('/register').length, 0);
  });

  await t.test('given without a secret: a public client', async (t) => {
    const s = await stage(t);
    await s.daemon.cli(['service', 'add-mcp', s.remote.url, '--id', 'notes', '--client-id', 'mine']);
    await s.connect();
    const [token] = s.authority.asked('/token');
    assert.equal(token.headers.authorization, undefined);
    assert.equal(token.body.client_id, 'mine');
  });

  await t.test('missing: the operator is told, and sets it later', async (t) => {
    const s = await stage(t);
    s.authority.metadata = { registration_endpoint: null };
    const done = await s.daemon.cli(['service', 'add-mcp', s.remote.url, '--id', 'notes']);
    assert.match(done.out + done.err, /registers nobody by itself/);
    const answer = await s.daemon.raw('POST', '/connections/start', { user: 'ada', service: 'notes' });
    assert.equal((await answer.json()).code, 'no_client');
    await s.daemon.cli(['service', 'client', 'notes', '--client-id', 'late', '--client-secret-file', secretFile(s.daemon.dir)]);
    await s.connect();
  });

  await t.test('registered as the authorization server prefers: post', async (t) => {
    const s = await stage(t);
    s.authority.metadata = { token_endpoint_auth_methods_supported: ['client_secret_post'] };
    await s.added();
    await s.connect();
    assert.match(s.authority.asked('/token')[0].body.client_secret, /^as-secret-/);
  });

  await t.test('registered without a secret', async (t) => {
    const s = await stage(t);
    s.authority.metadata = { token_endpoint_auth_methods_supported: ['none'] };
    await s.added();
    await s.connect();
    assert.equal(s.authority.asked('/token')[0].body.client_secret, undefined);
  });

  await t.test('added again it is kept; with dynamic it is registered anew', async (t) => {
    const s = await stage(t);
    await s.added();
    assert.equal((await s.added()).registration, 'kept');
    assert.equal(s.authority.asked('/register').length, 1);
    assert.equal((await s.added({ dynamic: true })).client.id, 'as-client-2');
    await s.connect();
  });

  await t.test('a registration with a key in place of a secret is not taken', async (t) => {
    const s = await stage(t);
    s.authority.routes['/register'] = () => jsonAnswer(201, { client_id: 'x', token_endpoint_auth_method: 'private_key_jwt' });
    await s.refused(502, /registration cannot be used/);
  });

  await t.test('a registration that is refused is told, and nothing is stored', async (t) => {
    const s = await stage(t);
    s.authority.routes['/register'] = () => jsonAnswer(403, { error: 'access_denied' });
    await s.refused(502, /refuses to register/);
    assert.equal((await s.daemon.raw('GET', '/services/notes')).status, 404);
  });

  await t.test('our own document is published at an https issuer alone', async (t) => {
    const s = await stage(t);
    assert.equal((await fetch(`${s.daemon.url}/oauth/client-metadata.json`)).status, 404);
    s.authority.metadata = { client_id_metadata_document_supported: true };
    assert.equal((await s.added()).registration, 'registered');
  });
});

test('a daemon behind https is a client by its document', async (t) => {
  const s = await stage(t, { daemon: { args: ['--issuer', 'https://keys.acme.example/', '--behind-proxy'] } });
  s.authority.metadata = { client_id_metadata_document_supported: true };
  const { registration, client } = await s.added();
  assert.equal(registration, 'document');
  assert.equal(client.id, 'https://keys.acme.example/oauth/client-metadata.json');
  assert.equal(client.secret, false);
  assert.equal(s.authority.asked('/register').length, 0);
  const answer = await fetch(`${s.daemon.url}/oauth/client-metadata.json`, { headers: { 'x-forwarded-proto': 'https' } });
  assert.equal(answer.status, 200);
  const document = await answer.json();
  assert.equal(document.client_id, client.id);
  assert.deepEqual(document.redirect_uris, ['https://keys.acme.example/login/callback']);
  assert.equal(document.token_endpoint_auth_method, 'none');
  assert.equal(document.application_type, 'web');
  assert.ok(document.grant_types.includes('refresh_token'));
  // An authorization server that takes documents, but no public clients, gets a registration.
  s.authority.metadata.token_endpoint_auth_methods_supported = ['client_secret_basic'];
  assert.equal((await s.daemon.api('POST', '/services/mcp', { url: s.remote.url, id: 'other' })).registration, 'registered');
});

test('lies and traps', async (t) => {
  const cases = [
    ['PR-03 the metadata are about another resource', 502, /another resource/, ({ remote }) => { remote.metadata = { resource: 'https://evil.example/mcp' }; }],
    ['PR-03 they are about a neighbour of the path', 502, /another resource/, ({ remote }) => { remote.metadata = { resource: `${remote.origin}/mc` }; }],
    ['they name no authorization server', 502, /no authorization server/, ({ remote }) => { remote.metadata = { authorization_servers: [] }; }],
    ['the authorization server is at an address of the inner network', 502, null, ({ remote }) => { remote.metadata = { authorization_servers: ['https://10.0.0.1/'] }; }],
    ['it is the credential service of a cloud', 502, null, ({ remote }) => { remote.metadata = { authorization_servers: ['https://169.254.169.254'] }; }],
    ['the challenge leads to a closed address', 502, null, ({ remote }) => {
      remote.challenge = () => 'Bearer resource_metadata="https://192.168.0.1/metadata"';
    }],
    ['it leads to nothing', 502, /not there/, ({ remote }) => { remote.challenge = () => `Bearer resource_metadata="${remote.origin}/none"`; }],
    ['the metadata redirect elsewhere', 502, /not there/, ({ remote, authority }) => {
      remote.routes[remote.place] = () => ({ status: 302, headers: { location: `${authority.issuer}/metadata` } });
    }],
    ['RP-09 MD-06 another issuer', 502, /another issuer/, ({ authority }) => { authority.metadata = { issuer: 'https://evil.example' }; }],
    ['RP-09 MD-06 the same issuer with a slash', 502, /another issuer/, ({ authority }) => { authority.metadata = { issuer: `${authority.issuer}/` }; }],
    ['no PKCE', 502, /PKCE/, ({ authority }) => { authority.metadata = { code_challenge_methods_supported: null }; }],
    ['only plain PKCE', 502, /PKCE/, ({ authority }) => { authority.metadata = { code_challenge_methods_supported: ['plain'] }; }],
    ['an authorization endpoint that is a script', 502, /endpoints/, ({ authority }) => { authority.metadata = { authorization_endpoint: 'javascript:alert(1)' }; }],
    ['a token endpoint without encryption', 502, /endpoints/, ({ authority }) => { authority.metadata = { token_endpoint: 'http://evil.example/token' }; }],
    ['a token endpoint with a place for a variable', 502, /endpoints/, ({ authority }) => { authority.metadata = { token_endpoint: `${authority.issuer}/{host}` }; }],
    ['a registration at a closed address', 502, null, ({ authority }) => { authority.metadata = { registration_endpoint: 'https://10.1.2.3/register' }; }],
    ['metadata that never end', 502, /cannot be used/, ({ remote }) => {
      remote.routes[remote.place] = () => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{"resource":"', endless: true });
    }],
    ['metadata that nest deeply', 502, null, ({ remote }) => {
      remote.routes[remote.place] = () => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{"a":'.repeat(5000) });
    }],
    ['metadata with a member twice', 502, null, ({ remote }) => {
      remote.routes[remote.place] = () => ({ status: 200, headers: { 'content-type': 'application/json' },
        body: `{"resource":"${remote.url}","resource":"https://evil.example"}` });
    }],
    ['a server that hangs up', 503, /in time/, ({ remote }) => { remote.routes[remote.path] = () => ({ drop: true }); }],
    ['a server that fails', 503, /at present/, ({ remote }) => { remote.routes[remote.place] = () => jsonAnswer(500, {}); }],
    ['scopes that break out of their text', 502, /scopes/, ({ remote }) => { remote.metadata = { scopes_supported: ['a"\n  risk: low'] }; }],
    ['a client id with a line in it', 502, /registration/, ({ authority }) => {
      authority.routes['/register'] = () => jsonAnswer(201, { client_id: 'a\r\nX-Evil: 1', client_secret: 'x' });
    }],
  ];
  const s = await stage(t);
  for (const [name, status, detail, change] of cases) {
    await t.test(name, async () => {
      const fresh = { remote: s.remote, authority: s.authority };
      const kept = { challenge: fresh.remote.challenge };
      change(fresh);
      await s.refused(status, detail);
      assert.equal((await s.daemon.raw('GET', '/services/notes')).status, 404);
      Object.assign(fresh.remote, { metadata: {}, routes: {}, ...kept });
      delete fresh.remote.challenge;
      Object.assign(fresh.authority, { metadata: {}, routes: {} });
    });
  }
  await t.test('after all of them an honest server is added at once', async () => {
    assert.equal((await s.added()).registration, 'registered');
  });
});

test('what the operator may have written', async (t) => {
  const s = await stage(t);
  for (const url of ['', 'acme', 'http://acme.example/mcp', 'https://a:b@acme.example/', 7, null]) {
    const answer = await s.add({ url });
    assert.equal(answer.status, 400, String(url));
  }
  assert.equal((await s.refused(409, null, { id: 'github' })).code, 'exists');
  await s.added();
  assert.equal((await s.refused(409, null, { url: `${s.remote.url}/other` })).code, 'exists');
  assert.equal((await s.add({ client_auth: 'telepathy' })).status, 400);
  assert.equal((await s.add({ more: 1 })).status, 400);
  assert.equal((await s.daemon.raw('POST', '/services/mcp', { url: s.remote.url }, { token: 'vk_admin_none' })).status, 401);
});

test('RP-02 an answer of another issuer ends the consent', async (t) => {
  for (const [name, announced, iss, good] of [
    ['announced and right', true, true, true],
    ['announced and missing', true, null, false],
    ['announced and another', true, 'https://evil.example', false],
    ['announced and with a slash', true, 'slash', false],
    ['not announced and missing', null, null, true],
    ['not announced and right', null, true, true],
    ['not announced and another', null, 'https://evil.example', false],
  ]) {
    await t.test(name, async (t) => {
      const s = await stage(t);
      s.authority.metadata = { authorization_response_iss_parameter_supported: announced };
      s.authority.iss = iss === 'slash' ? `${s.authority.issuer}/` : iss;
      await s.added();
      const { status } = await s.consent();
      assert.equal(status === 200, good);
      assert.equal(s.authority.asked('/token').length, good ? 1 : 0);
    });
  }
});

test('RP-19 a server that changes its authorization server', async (t) => {
  const other = await new Authority({ name: 'other' }).start(t);
  const s = await stage(t, { allow: [`127.0.0.1:${other.port}`] });
  const first = s.authority;
  first.life = 1;
  await s.added();
  const { connection } = await s.connect();
  assert.equal((await s.lists()).status, 200);
  const { url: late } = await s.daemon.api('POST', '/connections/start', { user: 'ada', service: 'notes', alias: 'late' });
  const jar = new Jar();
  const authorize = await openLink(jar, late);
  const back = (await fetch(authorize, { redirect: 'manual' })).headers.get('location');

  s.remote.authority = other;
  assert.equal((await s.daemon.api('POST', '/services/mcp', { url: s.remote.url, id: 'notes' })).registration, 'registered');
  await sleep(1200);

  await t.test('a consent under way at the first ends, its code goes nowhere', async () => {
    const { status } = await land(jar, back);
    assert.notEqual(status, 200);
    assert.equal(other.asked('/token').length, 0);
  });

  await t.test('the refresh token of the first is not sent to the second', async () => {
    const answer = await s.lists();
    assert.equal((await answer.json()).code, 'reauth_required');
    assert.equal(other.asked('/token').length, 0);
  });

  await t.test('connected again it is a client of the second alone', async () => {
    const { authorize: again } = await s.connect({ start: { connection: connection.id } });
    assert.equal(again.origin, `http://127.0.0.1:${other.port}`);
    assert.equal(again.searchParams.get('client_id'), 'other-client-1');
    assert.equal((await s.lists()).status, 200);
    const seen = JSON.stringify(other.seen);
    for (const [id, client] of first.clients) {
      assert.ok(!seen.includes(id) && !seen.includes(client.client_secret)
        && !seen.includes(Buffer.from(client.client_secret).toString('base64').slice(0, 20)));
    }
    assert.ok(!seen.includes('as-rt-') && !seen.includes('as-code-'));
  });

  await t.test('a removal after another change tells nobody the wrong token', async () => {
    s.remote.authority = first;
    await s.added();
    await s.daemon.api('DELETE', `/connections/${connection.id}`);
    const facts = await s.daemon.waitRemoved(connection.id);
    assert.equal(facts.revoked, 'unsupported');
    assert.ok(!JSON.stringify(first.seen).includes('other-'));
  });
});

test('a client that the operator gave for one authorization server is none of the next', async (t) => {
  const other = await new Authority({ name: 'other' }).start(t);
  const s = await stage(t, { allow: [`127.0.0.1:${other.port}`] });
  s.authority.metadata = other.metadata = { registration_endpoint: null };
  await s.added({ client_id: 'mine', client_auth: 'none' });
  await s.connect();
  s.remote.authority = other;
  assert.equal((await s.added()).registration, 'missing');
  const answer = await s.daemon.raw('POST', '/connections/start', { user: 'ada', service: 'notes' });
  assert.equal((await answer.json()).code, 'no_client');
  assert.ok(!JSON.stringify(other.seen).includes('mine'));
});
