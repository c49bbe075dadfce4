// SPDX-License-Identifier: Apache-2.0
// Proof of possession (RFC 9449) at the token endpoint and at resources. The proofs are made by jose, and by
// oauth4webapi where a whole client is asked for.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';

import * as jose from 'jose';
import * as oauth from 'oauth4webapi';

import { byHand, makeKey, nowS, proof, thumbprint } from '../lib/client.mjs';
import { accessTokenType, exchangeGrant, makeVault } from '../lib/daemon.mjs';
import { acmeStage } from '../lib/acme.mjs';
import { stage } from '../lib/stage.mjs';

const insecure = { [oauth.allowInsecureRequests]: true };

/** A daemon, and a client that registers itself and is the agent of a vault of ada's. */
async function begin(t, { config, metadata = {} } = {}) {
  const s = await stage(t, { config });
  const issuer = `${s.daemon.url}/`;
  const answer = await fetch(`${issuer}oauth/register`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_types: ['client_credentials'], scope: 'mcp:tools proxy exchange', ...metadata }),
  });
  const one = await answer.json();
  assert.equal(answer.status, 201, JSON.stringify(one));
  const vault = await makeVault(s.daemon, { user: 'ada', services: { notes: null }, agent: one.client_id, create: false });
  const url = `${issuer}oauth/token`;
  const basic = { authorization: `Basic ${Buffer.from(`${one.client_id}:${one.client_secret}`).toString('base64')}` };
  const form = { grant_type: 'client_credentials', resource: vault.mcp_url, scope: 'mcp:tools proxy exchange' };
  const key = await makeKey();
  const it = { ...s, issuer, one, vault, url, basic, form, key };
  /** The token endpoint with this DPoP header. */
  it.ask = (dpop, more = {}) => s.daemon.post({ ...form, ...more }, { headers: { ...basic, ...(dpop ? { dpop } : {}) } });
  it.token = async (by = key) => {
    const granted = await it.ask(await proof(by, 'POST', url));
    assert.equal(granted.status, 200, granted.text);
    return granted.body.access_token;
  };
  /** The vault as an MCP endpoint: a list of its tools. */
  it.use = async (authorization, dpop) => {
    const used = await fetch(vault.mcp_url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization,
        'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list', ...(dpop ? { dpop } : {}),
      },
      body: JSON.stringify({
        jsonrpc: '2.0', id: 1, method: 'tools/list',
        params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' }, 'io.modelcontextprotocol/clientCapabilities': {} } },
      }),
    });
    return { status: used.status, headers: used.headers, text: await used.text() };
  };
  return it;
}

function refused(answer, error, why, status = 400) {
  assert.equal(answer.status, status, `${why}: ${answer.text}`);
  assert.equal(answer.body.error, error, why);
  assert.equal(answer.body.access_token, undefined, why);
}

function challenged(answer, error, why) {
  assert.equal(answer.status, 401, `${why}: ${answer.text}`);
  const challenge = answer.headers.get('www-authenticate');
  assert.match(challenge, /DPoP /, why);
  assert.match(challenge, new RegExp(`error="${error}"`), `${why}: ${challenge}`);
  assert.match(challenge, /algs="[^"]*ES256/, why);
}

/** A request with header lines as they are given, which fetch would join. */
const lines = (url, method, headers, body) => new Promise((done, failed) => {
  const out = httpRequest(url, { method, headers }, (answer) => {
    let text = '';
    answer.on('data', (bytes) => { text += bytes; });
    answer.on('end', () => {
      const json = answer.headers['content-type']?.includes('json') && text;
      done({ status: answer.statusCode, headers: answer.headers, text, body: json ? JSON.parse(text) : null });
    });
  });
  out.on('error', failed);
  out.end(body);
});

test('proofs at the token endpoint', async (t) => {
  const s = await begin(t);
  const { key, url } = s;
  const say = (claims, header) => proof(key, 'POST', url, { claims, header });

  await t.test('DP-01 9449 5: a token is bound to the key of the proof', async () => {
    const granted = await s.ask(await say());
    assert.equal(granted.status, 200, granted.text);
    assert.equal(granted.body.token_type, 'DPoP');
    const told = await s.daemon.post({ token: granted.body.access_token }, { path: '/oauth/introspect', headers: s.basic });
    assert.equal(told.body.active, true, told.text);
    assert.equal(told.body.token_type, 'DPoP');
    assert.equal(told.body.cnf.jkt, await thumbprint(key));
    const plain = await s.ask();
    assert.equal(plain.body.token_type, 'Bearer', 'without a proof it is bound to nothing');
    for (const alg of ['RS256', 'PS256', 'ES384']) {
      const other = await s.ask(await proof(await makeKey(alg), 'POST', url));
      assert.equal(other.body.token_type, 'DPoP', `${alg}: ${other.text}`);
    }
  });

  await t.test('DP-02 9449 4.3: two headers are one too many', async () => {
    const headers = { ...s.basic, 'content-type': 'application/x-www-form-urlencoded', dpop: [await say(), await say()] };
    refused(await lines(url, 'POST', headers, new URLSearchParams(s.form).toString()), 'invalid_dpop_proof', 'two');
    refused(await s.ask(`${await say()}, ${await say()}`), 'invalid_dpop_proof', 'two in one');
    refused(await s.ask(' '), 'invalid_dpop_proof', 'an empty one');
  });

  await t.test('DP-03 9449 4.3: what has to be there is there, and is signed', async () => {
    for (const typ of [undefined, 'jwt', 'at+jwt']) refused(await s.ask(await say({}, { typ })), 'invalid_dpop_proof', String(typ));
    for (const name of ['jti', 'htm', 'htu', 'iat']) {
      refused(await s.ask(await say({ [name]: undefined })), 'invalid_dpop_proof', name);
    }
    refused(await s.ask(await say({}, { jwk: undefined })), 'invalid_dpop_proof', 'jwk');
    refused(await s.ask(await say({}, { jwk: (await makeKey()).jwk })), 'invalid_dpop_proof', 'another key');
    const { kid, use, alg, ...jwk } = key.jwk;
    const claims = { jti: 'x', htm: 'POST', htu: url, iat: nowS() };
    refused(await s.ask(byHand({ typ: 'dpop+jwt', alg: 'none', jwk }, claims)), 'invalid_dpop_proof', 'none');
    const rsa = await makeKey('RS256');
    const text = byHand({ typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'RSA', n: rsa.jwk.n, e: rsa.jwk.e } }, claims).slice(0, -1);
    const pem = await jose.exportSPKI(await jose.importJWK(rsa.jwk, 'RS256'));
    refused(await s.ask(`${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`), 'invalid_dpop_proof', 'HS256');
    const whole = await say();
    refused(await s.ask(whole.slice(0, -4) + (whole.endsWith('AAAA') ? 'BBBB' : 'AAAA')), 'invalid_dpop_proof', 'signature');
    refused(await s.ask(whole.split('.').slice(0, 2).join('.')), 'invalid_dpop_proof', 'two parts');
  });

  await t.test('DP-04 9449 4.3: a private key in a proof is refused', async () => {
    const { kid, use, alg, ...jwk } = key.jwk;
    refused(await s.ask(await say({}, { jwk: { ...jwk, d: key.secret.d } })), 'invalid_dpop_proof', 'd');
  });

  await t.test('DP-05 9449 4.3: a proof is for this method and address; query and fragment do not count', async () => {
    refused(await s.ask(await say({ htm: 'GET' })), 'invalid_dpop_proof', 'GET');
    for (const htu of [`${s.issuer}oauth/par`, `${url}/`, url.replace('http:', 'https:'), 'https://other.example/oauth/token', '/oauth/token']) {
      refused(await s.ask(await say({ htu })), 'invalid_dpop_proof', htu);
    }
    for (const htu of [`${url}?a=b`, `${url}#c`, `${url}?a=b#c`]) assert.equal((await s.ask(await say({ htu }))).status, 200, htu);
  });

  await t.test('DP-06 9449 11.1: a proof is of now', async () => {
    for (const off of [-3600, 3600]) refused(await s.ask(await say({ iat: nowS() + off })), 'invalid_dpop_proof', String(off));
    for (const off of [-10, 10]) assert.equal((await s.ask(await say({ iat: nowS() + off }))).status, 200, String(off));
  });

  await t.test('DP-14 9449 11.1: a jti is bounded, and many cost little', async () => {
    refused(await s.ask(await say({ jti: 'x'.repeat(3000) })), 'invalid_dpop_proof', '3,000');
    const long = await lines(url, 'POST', { ...s.basic, 'content-type': 'application/x-www-form-urlencoded', dpop: await say({ jti: 'x'.repeat(100000) }) },
      new URLSearchParams(s.form).toString()).catch(() => ({ status: 431 }));
    assert.ok([400, 413, 431].includes(long.status), String(long.status));
    const before = s.daemon.memory();
    const worker = async () => { for (let i = 0; i < 150; i++) assert.equal((await s.ask(await say())).status, 200); };
    await Promise.all(Array.from({ length: 8 }, worker));
    const after = s.daemon.memory();
    assert.ok(after.core - before.core < 24 * 1024 * 1024, `${after.core - before.core} bytes more`);
  });

  await t.test('DP-07 9449 11.1: a proof is good once, also over a restart', async () => {
    const text = await say({ iat: nowS() + 10 });
    assert.equal((await s.ask(text)).status, 200);
    refused(await s.ask(text), 'invalid_dpop_proof', 'again');
    const raced = await say({ iat: nowS() + 10 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => s.ask(raced)));
    assert.equal(answers.filter((answer) => answer.status === 200).length, 1);
    await s.daemon.stop();
    await s.daemon.start();
    refused(await s.ask(text), 'invalid_dpop_proof', 'after a restart');
    assert.equal((await s.ask(await say())).status, 200);
  });
});

test('proofs at resources', async (t) => {
  const s = await begin(t);
  const { key, vault } = s;
  const token = await s.token();
  const say = (claims, header, by = key) => proof(by, 'POST', vault.mcp_url, { token, claims, header });

  await t.test('DP-01 9449 7.1: a bound token opens the vault with a proof', async () => {
    const used = await s.use(`DPoP ${token}`, await say());
    assert.equal(used.status, 200, used.text);
  });

  await t.test('DP-08 9449 7.2: a bound token is no bearer token', async () => {
    for (const dpop of [undefined, await say()]) {
      const used = await s.use(`Bearer ${token}`, dpop);
      assert.equal(used.status, 401, used.text);
    }
    const plain = (await s.ask()).body.access_token;
    assert.equal((await s.use(`Bearer ${plain}`)).status, 200);
    const dressed = await s.use(`DPoP ${plain}`, await proof(key, 'POST', vault.mcp_url, { token: plain }));
    assert.equal(dressed.status, 401, 'nor is a bearer token a bound one');
  });

  await t.test('DP-09 9449 7.1: the proof is for this token, by the key that it is bound to', async () => {
    challenged(await s.use(`DPoP ${token}`), 'invalid_dpop_proof', 'none');
    challenged(await s.use(`DPoP ${token}`, await say({ ath: undefined })), 'invalid_dpop_proof', 'no ath');
    challenged(await s.use(`DPoP ${token}`, await say({ ath: 'x' })), 'invalid_dpop_proof', 'another ath');
    challenged(await s.use(`DPoP ${token}`, await say({}, {}, await makeKey())), 'invalid_token', 'another key');
  });

  await t.test('DP-02 9449 4.3: two headers are one too many at a resource too', async () => {
    const answer = await lines(vault.mcp_url, 'POST', {
      'content-type': 'application/json', authorization: `DPoP ${token}`, dpop: [await say(), await say()],
    }, '{}');
    assert.equal(answer.status, 401);
    assert.match(answer.headers['www-authenticate'], /error="invalid_dpop_proof"/);
  });

  await t.test('DP-05 9449 4.3: a proof for one resource is none for another', async () => {
    challenged(await s.use(`DPoP ${token}`, await proof(key, 'GET', vault.mcp_url, { token })), 'invalid_dpop_proof', 'GET');
    challenged(await s.use(`DPoP ${token}`, await proof(key, 'POST', `${s.issuer}mcp/x`, { token })), 'invalid_dpop_proof', 'another vault');
  });

  await t.test('DP-07 9449 11.1: a proof is good once at a resource too', async () => {
    const text = await say();
    assert.equal((await s.use(`DPoP ${token}`, text)).status, 200);
    challenged(await s.use(`DPoP ${token}`, text), 'invalid_dpop_proof', 'again');
  });

  await t.test('DP-08 the proxy and the exchange take a bound token with a proof alone', async () => {
    const address = `${s.issuer}proxy/notes/me`;
    const plain = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(plain.status, 401);
    const proven = await fetch(address, { headers: { authorization: `DPoP ${token}`, dpop: await proof(key, 'GET', address, { token }) } });
    assert.equal(proven.status, 403, 'the policy blocks it, and that is all');
    assert.equal((await proven.json()).code, 'denied');
    const form = { grant_type: exchangeGrant, subject_token: token, subject_token_type: accessTokenType, audience: 'notes' };
    const bare = await s.daemon.post(form, { headers: s.basic });
    assert.equal(bare.status, 400, bare.text);
    const given = await s.daemon.post(form, { headers: { ...s.basic, dpop: await proof(key, 'POST', s.url) } });
    assert.equal(given.status, 200, given.text);
    const others = await s.daemon.post(form, { headers: { ...s.basic, dpop: await proof(await makeKey(), 'POST', s.url) } });
    assert.equal(others.status, 400, others.text);
  });
});

test('DP-13 9449 5.2: a client that has asked for bound tokens gets no others', async (t) => {
  const s = await begin(t, { metadata: { dpop_bound_access_tokens: true } });
  refused(await s.ask(), 'invalid_dpop_proof', 'no proof');
  assert.equal((await s.ask(await proof(s.key, 'POST', s.url))).body.token_type, 'DPoP');
});

test('nonces', async (t) => {
  const s = await begin(t, { config: 'authserver:\n  dpop_nonce: true\n' });
  const { key, url, vault } = s;

  await t.test('DP-10 9449 8: a nonce is asked for, and given', async () => {
    const first = await s.ask(await proof(key, 'POST', url));
    refused(first, 'use_dpop_nonce', 'none');
    const nonce = first.headers.get('dpop-nonce');
    assert.match(nonce, /^[0-9A-Za-z_-]+$/, 'one, and not two joined');
    assert.equal(first.headers.get('cache-control'), 'no-store');
    const second = await s.ask(await proof(key, 'POST', url, { nonce }));
    assert.equal(second.status, 200, second.text);
    assert.match(second.headers.get('dpop-nonce'), /^[0-9A-Za-z_-]+$/);
    refused(await s.ask(await proof(key, 'POST', url, { nonce: nonce.slice(0, -1) })), 'use_dpop_nonce', 'spoilt');
    refused(await s.ask(await proof(key, 'POST', url, { nonce: 'mine' })), 'use_dpop_nonce', 'made up');

    const token = second.body.access_token;
    const used = await s.use(`DPoP ${token}`, await proof(key, 'POST', vault.mcp_url, { token }));
    challenged(used, 'use_dpop_nonce', 'a resource');
    const theirs = used.headers.get('dpop-nonce');
    const again = await s.use(`DPoP ${token}`, await proof(key, 'POST', vault.mcp_url, { token, nonce: theirs }));
    assert.equal(again.status, 200, again.text);
  });

  await t.test('DP-10 oauth4webapi finds its way to the nonce by itself', async () => {
    const as = await oauth.processDiscoveryResponse(new URL(s.issuer),
      await oauth.discoveryRequest(new URL(s.issuer), { algorithm: 'oauth2', ...insecure }));
    assert.ok(as.dpop_signing_alg_values_supported.includes('ES256'));
    const client = { client_id: s.one.client_id };
    const pair = await oauth.generateKeyPair('ES256');
    const handle = oauth.DPoP(client, pair);
    const parameters = new URLSearchParams({ resource: vault.mcp_url, scope: 'mcp:tools' });
    const grant = () => oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic(s.one.client_secret), parameters,
      { DPoP: handle, ...insecure }).then((response) => oauth.processClientCredentialsResponse(as, client, response));
    const tokens = await grant().catch((error) => {
      assert.ok(oauth.isDPoPNonceError(error), String(error));
      return grant();
    });
    assert.equal(tokens.token_type, 'dpop');
    const use = () => oauth.protectedResourceRequest(tokens.access_token, 'POST', new URL(vault.mcp_url),
      new Headers({ 'content-type': 'application/json', accept: 'application/json, text/event-stream' }),
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }), { DPoP: handle, ...insecure });
    const answer = await use().catch((error) => {
      assert.ok(oauth.isDPoPNonceError(error), String(error));
      return use();
    });
    assert.notEqual(answer.status, 401);
  });
});

test('DP-08 9449 7.1: through the proxy a bound token is as good, and its proof stays here', async (t) => {
  const s = await acmeStage(t);
  const key = await makeKey();
  const agent = await s.daemon.api('POST', '/agents', { name: 'Prover' });
  const vault = await s.daemon.api('POST', '/vaults', {
    user: s.user, name: 'Open', agent: agent.id, policy: 'name: Open\nservices:\n  acme: {proxy: block, default: allow}\n',
  });
  const granted = await s.daemon.post({
    grant_type: 'client_credentials', resource: vault.mcp_url, scope: 'proxy', client_id: agent.client_id, client_secret: agent.client_secret,
  }, { headers: { dpop: await proof(key, 'POST', `${s.daemon.url}/oauth/token`) } });
  assert.equal(granted.body.token_type, 'DPoP', granted.text);
  const token = granted.body.access_token;
  const address = `${s.daemon.url}/proxy/acme/folders/open/notes`;
  const answer = await fetch(address, { headers: { authorization: `DPoP ${token}`, dpop: await proof(key, 'GET', address, { token }) } });
  assert.equal(answer.status, 200, await answer.text());
  const [seen] = s.upstream.seen.slice(-1);
  assert.equal(seen.headers.dpop, undefined);
  assert.match(seen.headers.authorization, /^Bearer sandbox-/);
});
