// SPDX-License-Identifier: Apache-2.0
// Clients that prove themselves by a key (private_key_jwt, RFC 7523 with 7523bis). The assertions are made by jose,
// and once by oauth4webapi and openid-client.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:https';
import { test } from 'node:test';

import * as jose from 'jose';
import * as client from 'openid-client';

import { assertion, byHand, makeKey, nowS, proven } from '../lib/client.mjs';
import { connect } from '../lib/consent.mjs';
import { accessTokenType, exchangeGrant, makeVault } from '../lib/daemon.mjs';
import { certificates } from '../lib/front.mjs';
import { atEnd, folder, freePort } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

/** Registers a client that has @p key and makes it the agent of a vault with a connected account. */
async function agentOf(s, user, metadata) {
  const answer = await fetch(`${s.daemon.url}/oauth/register`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt', ...metadata }),
  });
  const one = await answer.json();
  assert.equal(answer.status, 201, JSON.stringify(one));
  const vault = await makeVault(s.daemon, { user, services: { notes: null }, agent: one.client_id });
  await connect(s.daemon, { user, service: 'notes', account: 'grace' });
  return { id: one.client_id, vault };
}

const ask = (s, who, text, more = {}) => s.daemon.exchange(who.vault.token, 'notes', { ...proven(text), ...more });

async function refused(s, who, text, why, more) {
  const answer = await ask(s, who, await text, more);
  assert.equal(answer.status, 401, `${why}: ${answer.text}`);
  assert.equal(answer.body.error, 'invalid_client', why);
  assert.equal(answer.body.access_token, undefined);
}

async function accepted(s, who, text, why) {
  const answer = await ask(s, who, await text);
  assert.equal(answer.status, 200, `${why}: ${answer.text}`);
}

test('assertions', async (t) => {
  const s = await stage(t, { connected: false });
  const issuer = `${s.daemon.url}/`;
  const key = await makeKey();
  const who = await agentOf(s, 'grace', { jwks: { keys: [key.jwk] } });
  const say = (claims, header) => assertion(key, who.id, issuer, { claims, header });

  await t.test('CA-01 7523 3: issuer and subject are the client', async () => {
    await accepted(s, who, say(), 'as it should be');
    await refused(s, who, say({ iss: 'agent_other' }), 'another issuer');
    await refused(s, who, say({ sub: 'agent_other' }), 'another subject');
    await refused(s, who, say({ iss: 'agent_other', sub: 'agent_other' }), 'another client');
    await refused(s, who, say({ iss: undefined }), 'no issuer');
    await refused(s, who, say({ sub: undefined }), 'no subject');
    await refused(s, who, say(), 'another client_id beside it', { client_id: 'agent_other' });
    const beside = await ask(s, who, await say(), { client_id: who.id });
    assert.equal(beside.status, 200, beside.text);
  });

  await t.test('CA-02 7523bis: the audience is our issuer and nothing else', async () => {
    await accepted(s, who, say({ aud: issuer }), 'a string');
    await accepted(s, who, say({ aud: [issuer] }), 'a list of one');
    await refused(s, who, say({ aud: `${issuer}oauth/token` }), 'the token endpoint');
    await refused(s, who, say({ aud: [issuer, 'https://other.example/'] }), 'two');
    await refused(s, who, say({ aud: [issuer, issuer] }), 'one twice');
    await refused(s, who, say({ aud: undefined }), 'none');
    await refused(s, who, say({ aud: [] }), 'an empty list');
    await refused(s, who, say({ aud: s.daemon.url }), 'without the slash');
  });

  await t.test('CA-03 7523 3: it ends soon, and has begun', async () => {
    await refused(s, who, say({ exp: undefined }), 'no end');
    await refused(s, who, say({ exp: nowS() - 1 }), 'past');
    await refused(s, who, say({ exp: nowS() + 400 }), 'far ahead');
    await refused(s, who, say({ exp: `${nowS() + 60}` }), 'a text');
    await refused(s, who, say({ nbf: nowS() + 60 }), 'not yet');
    await accepted(s, who, say({ nbf: nowS() + 8 }), 'a clock that is fast');
    await accepted(s, who, say({ iat: undefined }), 'without iat');
  });

  await t.test('CA-04 7523 3: it is good once, also over a restart', async () => {
    const text = await say({ exp: nowS() + 250 });
    await accepted(s, who, text, 'first');
    await refused(s, who, text, 'again');
    await refused(s, who, say({ jti: undefined }), 'no jti');
    await refused(s, who, say({ jti: '' }), 'an empty one');
    const many = await say();
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(s, who, many)));
    assert.equal(answers.filter((answer) => answer.status === 200).length, 1);
    await s.daemon.stop();
    await s.daemon.start();
    await refused(s, who, text, 'after a restart');
    await accepted(s, who, say(), 'a fresh one');
  });
});

test('assertions: keys and forms', async (t) => {
  const s = await stage(t, { connected: false });
  const issuer = `${s.daemon.url}/`;

  await t.test('CA-05 7523 3: the client\'s own key, by an algorithm that is asymmetric', async () => {
    const keys = await Promise.all(['ES256', 'ES384', 'RS256', 'PS256'].map((alg) => makeKey(alg)));
    const who = await agentOf(s, 'ken', { jwks: { keys: keys.map((key) => key.jwk) } });
    for (const key of keys) await accepted(s, who, assertion(key, who.id, issuer), key.alg);
    const stranger = await makeKey();
    const other = await agentOf(s, 'dennis', { jwks: { keys: [stranger.jwk] } });
    await refused(s, who, assertion(stranger, who.id, issuer), 'a stranger\'s');
    await refused(s, who, assertion({ ...stranger, kid: keys[0].kid }, who.id, issuer), 'a stranger\'s under a name of ours');
    const others = await ask(s, who, await assertion(stranger, other.id, issuer));
    assert.equal(others.status >= 400, true, 'another client has no part in this vault');
    const claims = { iss: who.id, sub: who.id, aud: issuer, jti: 'x', exp: nowS() + 60 };
    await refused(s, who, byHand({ alg: 'none' }, claims), 'none');
    await refused(s, who, byHand({ alg: 'none' }, claims, 'AA'), 'none with a signature');
    const text = byHand({ alg: 'HS256', kid: keys[2].kid }, claims).slice(0, -1);
    const pem = await jose.exportSPKI(await jose.importJWK(keys[2].jwk, 'RS256'));
    await refused(s, who, `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`, 'HS256 under the public key');
  });

  await t.test('CA-05 7523 3: an algorithm that was registered is the only one', async () => {
    const [es, rs] = [await makeKey('ES256'), await makeKey('RS256')];
    const who = await agentOf(s, 'brian', { jwks: { keys: [es.jwk, rs.jwk] }, token_endpoint_auth_signing_alg: 'RS256' });
    await accepted(s, who, assertion(rs, who.id, issuer), 'RS256');
    await refused(s, who, assertion(es, who.id, issuer), 'ES256');
  });

  await t.test('CA-06 7523bis: its type says what it is for', async () => {
    const key = await makeKey();
    const who = await agentOf(s, 'barbara', { jwks: { keys: [key.jwk] } });
    const typed = (typ) => assertion(key, who.id, issuer, { header: { typ } });
    await accepted(s, who, typed('client-authentication+jwt'), 'by name');
    await accepted(s, who, typed(undefined), 'without');
    for (const typ of ['at+jwt', 'dpop+jwt', 'oauth-id-jag+jwt', 'x']) await refused(s, who, typed(typ), typ);
  });

  await t.test('CA-01 6749 2.3: one way of proof in each request, and of a known type', async () => {
    const key = await makeKey();
    const who = await agentOf(s, 'john', { jwks: { keys: [key.jwk] } });
    const both = await ask(s, who, await assertion(key, who.id, issuer), { client_secret: 'x' });
    assert.equal(both.status, 400);
    assert.equal(both.body.error, 'invalid_request');
    const basic = await s.daemon.exchange(who.vault.token, 'notes', proven(await assertion(key, who.id, issuer)),
      { headers: { authorization: `Basic ${Buffer.from(`${who.id}:x`).toString('base64')}` } });
    assert.equal(basic.status, 400);
    await refused(s, who, '', 'empty');
    await refused(s, who, 'x'.repeat(20000), 'long');
    await refused(s, who, 'a.b.c', 'nothing');
    const type = await s.daemon.exchange(who.vault.token, 'notes', proven(await assertion(key, who.id, issuer), 'urn:other'));
    assert.equal(type.status, 401);
    const named = await s.daemon.exchange(who.vault.token, 'notes', { client_id: who.id });
    assert.equal(named.status, 401, 'a name is no proof');
  });

  await t.test('CA-02 openid-client exchanges with private_key_jwt', async () => {
    const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
    const who = await agentOf(s, 'niklaus', { jwks: { keys: [await jose.exportJWK(publicKey)] } });
    const config = await client.discovery(new URL(issuer), who.id, undefined, client.PrivateKeyJwt(privateKey), {
      algorithm: 'oauth2', execute: [client.allowInsecureRequests],
    });
    const supported = config.serverMetadata().token_endpoint_auth_signing_alg_values_supported;
    assert.deepEqual([...supported].sort(), ['ES256', 'ES384', 'PS256', 'RS256']);
    const tokens = await client.genericGrantRequest(config, exchangeGrant, {
      subject_token: who.vault.token, subject_token_type: accessTokenType, audience: 'notes',
    });
    assert.equal(tokens.token_type, 'bearer');
  });
});

test('assertions: keys at a jwks_uri', async (t) => {
  const certs = await certificates(folder(t));
  const port = await freePort();
  const state = { seen: 0, keys: [], status: 200, type: 'application/json', headers: {} };
  const server = createServer({ ...certs.good }, (request, response) => {
    state.seen += 1;
    response.writeHead(state.status, { 'content-type': state.type, ...state.headers });
    response.end(JSON.stringify({ keys: state.keys }));
  });
  await new Promise((done) => { server.listen(port, '127.0.0.1', done); });
  atEnd(t, () => { server.closeAllConnections(); server.close(); });
  const s = await stage(t, { connected: false, config: `  ca_file: ${certs.ca}\n`, allow: [`localhost:${port}`] });
  const issuer = `${s.daemon.url}/`;
  const [one, two] = [await makeKey(), await makeKey()];
  const who = await agentOf(s, 'radia', { jwks_uri: `https://localhost:${port}/keys` });

  await t.test('CA-05 the keys are fetched when they are needed, and kept', async () => {
    state.keys = [one.jwk];
    await accepted(s, who, assertion(one, who.id, issuer), 'fetched');
    await accepted(s, who, assertion(one, who.id, issuer), 'kept');
    assert.equal(state.seen, 1);
  });

  await t.test('CA-05 a key that is not there asks for the set again, not more than once a minute', async () => {
    await refused(s, who, assertion(two, who.id, issuer), 'unknown');
    await refused(s, who, assertion(two, who.id, issuer), 'unknown');
    assert.equal(state.seen, 1, 'it was fetched a moment ago');
  });

  await t.test('CA-05 a set that cannot be had is a refusal, and is not remembered', async () => {
    const other = await agentOf(s, 'grete', { jwks_uri: `https://localhost:${port}/others` });
    const before = state.seen;
    for (const [status, type] of [[404, 'application/json'], [200, 'text/html'], [301, 'application/json']]) {
      Object.assign(state, { status, type, headers: { location: `https://localhost:${port}/elsewhere` } });
      await refused(s, other, assertion(one, other.id, issuer), `${status} ${type}`);
    }
    assert.equal(state.seen, before + 3, 'each was asked for, and no redirect was followed');
    Object.assign(state, { status: 200, type: 'application/jwk-set+json', headers: {} });
    await accepted(s, other, assertion(one, other.id, issuer), 'mended');
    const events = (await s.daemon.settledEvents('&kind=client_fetch')).filter((event) => event.agent === other.id);
    assert.deepEqual(events.map((event) => event.outcome),
      ['intent', 'failed', 'intent', 'failed', 'intent', 'failed', 'intent', 'ok']);
  });
});
