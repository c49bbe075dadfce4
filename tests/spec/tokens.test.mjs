// SPDX-License-Identifier: Apache-2.0
// Codes, tokens, refresh, revocation and introspection (OAuth 2.1, RFC 7009, RFC 7662), one request at a time.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Server, basic, makeVerifier, refused } from '../lib/as.mjs';
import { assertion, makeKey, nowS, proof, proven } from '../lib/client.mjs';
import { Ends } from '../lib/process.mjs';

const ends = new Ends();
let as;
let other; // another client, that proves itself too
let open; // one that cannot

before(async () => {
  as = await Server.start(ends);
  other = await as.operators('Other', [as.redirect]);
  open = await as.register({ token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] });
});
after(() => ends.run());

const active = async (token) => (await as.introspect(token)).body.active;

describe('codes', () => {
  test('TK-04 6749 4.1.2: a code that comes twice ends what came of it', async () => {
    const grant = await as.code();
    const first = await as.redeem(grant);
    assert.equal(first.status, 200, first.text);
    refused(await as.redeem(grant), 400, 'invalid_grant');
    assert.equal(await active(first.body.access_token), false);
    assert.equal(await as.opens(first.body.access_token), false);
    refused(await as.renew(first.body.refresh_token), 400, 'invalid_grant');
  });

  test('TK-05 6749 4.1.2: of fifty at once, one is answered with tokens', async () => {
    const grant = await as.code();
    const answers = await Promise.all(Array.from({ length: 50 }, () => as.redeem(grant)));
    const [granted, ...more] = answers.filter((answer) => answer.status === 200);
    assert.ok(granted && more.length === 0, `${more.length + 1}`);
    for (const answer of answers.filter((one) => one.status !== 200)) refused(answer, 400, 'invalid_grant');
    assert.equal(await as.opens(granted.body.access_token), false, 'the others came after it');
  });

  test('TK-06 6749 4.1.3: a code is of one client, and of every byte', async () => {
    const grant = await as.code();
    refused(await as.redeem(grant, { client: other }), 400, 'invalid_grant', 'another client');
    refused(await as.redeem(grant, { client: open, form: { client_id: open.client_id } }), 400, 'invalid_grant', 'an open client');
    const last = grant.code.at(-1);
    for (const code of [grant.code.slice(0, -1) + (last === 'x' ? 'y' : 'x'), grant.code.slice(1), `${grant.code}x`, grant.code.toUpperCase(), 'vk_code_', '']) {
      const answer = await as.redeem({ ...grant, code });
      assert.ok(['invalid_grant', 'invalid_request'].includes(answer.body.error), answer.text);
      refused(answer, 400);
    }
    assert.equal((await as.redeem(grant)).status, 200, 'none of them has used it up');
  });

  test('TK-07 7636 4.6: the verifier is the one, of 43 to 128 characters', async () => {
    const grant = await as.code();
    for (const verifier of [makeVerifier(), grant.verifier.slice(1), `${grant.verifier}=`, `${grant.verifier}A`, 'a'.repeat(129), grant.verifier.toLowerCase(), ' ']) {
      refused(await as.redeem({ ...grant, verifier }), 400, 'invalid_grant', verifier);
    }
    assert.equal((await as.redeem(grant)).status, 200);
  });

  test('TK-08 7636 4.6: no verifier, no tokens', async () => {
    const grant = await as.code();
    for (const verifier of [undefined, '']) {
      const answer = await as.redeem({ ...grant, verifier });
      assert.ok(['invalid_grant', 'invalid_request'].includes(answer.body.error), answer.text);
      refused(answer, 400);
    }
  });

  test('TK-09 9700 4.8.2: a code without a challenge cannot be had, so no verifier is without one', async () => {
    const back = new URL((await as.jar.fetch(as.address({ code_challenge: undefined, code_challenge_method: undefined }))).headers.get('location'));
    assert.deepEqual([back.searchParams.get('error'), back.searchParams.get('code')], ['invalid_request', null]);
  });

  test('TK-15 6749 5.2: a grant that the client has not registered', async () => {
    const codes = await as.register({ token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] });
    for (const grant_type of ['refresh_token', 'client_credentials']) {
      refused(await as.daemon.post({ grant_type, client_id: codes.client_id, refresh_token: 'x', resource: as.vault.mcp_url }), 400, 'unauthorized_client', grant_type);
    }
    const { code, verifier } = await as.code({ client_id: codes.client_id });
    const tokens = await as.redeem({ code, verifier }, { client: codes, form: { client_id: codes.client_id } });
    assert.equal(tokens.status, 200, tokens.text);
    assert.equal(tokens.body.refresh_token, undefined, 'it has not asked for them');
  });

  test('TK-16 OAuth 2.1: client credentials are for who has some', async () => {
    const answer = await as.daemon.post({ grant_type: 'client_credentials', client_id: open.client_id, resource: as.vault.mcp_url });
    refused(answer, 400, 'unauthorized_client');
  });

  test('TK-18 OAuth 2.1: a redirect URI that is sent again is the same', async () => {
    const grant = await as.code();
    refused(await as.redeem(grant, { form: { redirect_uri: 'http://127.0.0.1/other' } }), 400, 'invalid_grant');
    assert.equal((await as.redeem(grant, { form: { redirect_uri: undefined } })).status, 200, 'it need not be');
  });

  test('TK-20 OAuth 2.1: tokens are unique, long, and in no file', async () => {
    const all = [];
    for (let i = 0; i < 20; i++) {
      const tokens = await as.tokens();
      all.push(tokens.access_token, tokens.refresh_token);
    }
    assert.equal(new Set(all).size, all.length);
    for (const token of all) assert.match(token, /^vk_(at|rt)_[0-9A-Za-z]{40,}$/);
    const files = readdirSync(as.daemon.data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.ok(files.length > 3);
    for (const file of files) {
      const bytes = readFileSync(join(file.parentPath ?? file.path, file.name));
      for (const token of all) assert.equal(bytes.includes(token.slice(6, 40)), false, file.name);
    }
  });
});

describe('refresh', () => {
  test('RF-01 9700 4.14: an old refresh token ends the whole family', async () => {
    const first = await as.tokens();
    const second = (await as.renew(first.refresh_token)).body;
    assert.ok(second.access_token && second.refresh_token !== first.refresh_token);
    refused(await as.renew(first.refresh_token), 400, 'invalid_grant');
    for (const token of [first.access_token, second.access_token]) {
      assert.equal(await active(token), false);
      assert.equal(await as.opens(token), false);
    }
    refused(await as.renew(second.refresh_token), 400, 'invalid_grant');
    assert.ok((await as.daemon.settledEvents('&kind=grant_reuse')).length > 0, 'and it is on record');
  });

  test('RF-02 9700 4.14: fifty at once leave no two lines', async () => {
    const first = await as.tokens();
    const answers = await Promise.all(Array.from({ length: 50 }, () => as.renew(first.refresh_token)));
    const granted = answers.filter((answer) => answer.status === 200);
    assert.ok(granted.length <= 1, `${granted.length} were answered`);
    for (const { body } of granted) refused(await as.renew(body.refresh_token), 400, 'invalid_grant', 'the family is over');
  });

  test('RF-03 9700 4.14: what is spent stays so over a restart', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      const first = await as.tokens();
      const good = (await as.renew((await as.tokens()).refresh_token)).body;
      const second = (await as.renew(first.refresh_token)).body;
      await as.daemon.stop(signal);
      await as.daemon.start();
      assert.equal(await as.opens(good.access_token), true, 'what is not spent outlives it');
      assert.equal((await as.renew(good.refresh_token)).status, 200, signal);
      refused(await as.renew(first.refresh_token), 400, 'invalid_grant');
      refused(await as.renew(second.refresh_token), 400, 'invalid_grant');
    }
  });

  test('RF-04 RF-08 6749 6: fewer scopes for once, more never; the grant stays what it was', async () => {
    const first = await as.tokens({ scope: 'mcp:tools proxy' });
    assert.equal(first.scope, 'mcp:tools proxy');
    refused(await as.renew(first.refresh_token, { form: { scope: 'mcp:tools proxy exchange' } }), 400, 'invalid_scope');
    const less = (await as.renew(first.refresh_token, { form: { scope: 'proxy' } })).body;
    assert.equal(less.scope, 'proxy');
    assert.equal((await as.introspect(less.access_token)).body.scope, 'proxy');
    const again = (await as.renew(less.refresh_token)).body;
    assert.equal(again.scope, 'mcp:tools proxy');
    assert.equal((await as.introspect(again.access_token)).body.client_id, as.agent.client_id);
  });

  test('RF-05 6749 6: a refresh token is of one client', async () => {
    const { refresh_token: token } = await as.tokens();
    refused(await as.renew(token, { client: other }), 400, 'invalid_grant');
    refused(await as.renew(token, { headers: {}, form: { client_id: open.client_id } }), 400, 'invalid_grant');
    assert.equal((await as.renew(token)).status, 200, 'and nobody else has used it up');
  });

  test('RF-06 OAuth 2.1: nothing is refreshed for a client or a vault that has ended', async () => {
    const gone = await as.operators('Gone', [as.redirect]);
    const { code, verifier } = await as.code({ client_id: gone.client_id });
    const tokens = (await as.redeem({ code, verifier }, { client: gone })).body;
    await as.daemon.api('POST', `/agents/${gone.id}/disable`);
    const answer = await as.renew(tokens.refresh_token, { client: gone });
    assert.ok([400, 401].includes(answer.status), answer.text);
    assert.equal(await as.opens(tokens.access_token), false);
    const vault = await as.daemon.api('POST', '/vaults', { user: 'ada', name: 'short', policy: 'name: P\nservices: {}\n' });
    const short = await as.tokens({ resource: vault.mcp_url });
    await as.daemon.api('DELETE', `/vaults/${vault.id}`);
    refused(await as.renew(short.refresh_token), 400, 'invalid_grant', 'the vault');
  });

  test('RF-07 9449 5: a refresh token that is bound to a key comes with a proof of it', async () => {
    const key = await makeKey();
    const url = `${as.issuer}oauth/token`;
    const tokens = (await as.redeem(await as.code(), { headers: { ...basic(as.agent), dpop: await proof(key, 'POST', url) } })).body;
    refused(await as.renew(tokens.refresh_token), 400, 'invalid_dpop_proof');
    refused(await as.renew(tokens.refresh_token, { headers: { ...basic(as.agent), dpop: await proof(await makeKey(), 'POST', url) } }), 400, 'invalid_grant');
    assert.equal((await as.renew(tokens.refresh_token, { headers: { ...basic(as.agent), dpop: await proof(key, 'POST', url) } })).status, 200);
  });
});

describe('revocation', () => {
  test('RV-01 7009 2.1: either token ends both', async () => {
    for (const which of ['refresh_token', 'access_token']) {
      const tokens = await as.tokens();
      const answer = await as.revoke(tokens[which]);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(await active(tokens.access_token), false);
      assert.equal(await as.opens(tokens.access_token), false);
      refused(await as.renew(tokens.refresh_token), 400, 'invalid_grant');
    }
  });

  test('RV-02 7009 2.2: what is not known is as good as revoked', async () => {
    const tokens = await as.tokens();
    await as.revoke(tokens.refresh_token);
    for (const token of ['x', 'vk_at_', `vk_at_${'0'.repeat(43)}`, tokens.refresh_token, tokens.access_token, '"><script>']) assert.equal((await as.revoke(token)).status, 200, token);
    refused(await as.daemon.post({}, { path: '/oauth/revoke', headers: basic(as.agent) }), 400, 'invalid_request', 'none');
  });

  test('RV-03 7009 2.1: another client\'s token is not revoked', async () => {
    const tokens = await as.tokens();
    for (const token of [tokens.refresh_token, tokens.access_token]) refused(await as.revoke(token, { client: other }), 400, 'invalid_grant');
    assert.equal(await as.opens(tokens.access_token), true);
    assert.equal((await as.renew(tokens.refresh_token)).status, 200);
  });

  test('RV-04 7009 2.1: who does not prove itself revokes nothing', async () => {
    const tokens = await as.tokens();
    refused(await as.revoke(tokens.access_token, { client: { ...as.agent, client_secret: 'vk_client_wrong' } }), 401, 'invalid_client');
    refused(await as.revoke(tokens.access_token, { headers: {} }), 401, 'invalid_client');
    refused(await as.revoke(tokens.access_token, { headers: {}, client_id: as.agent.client_id }), 401, 'invalid_client');
    assert.equal(await as.opens(tokens.access_token), true);
  });

  test('RV-05 7009 2.1: a hint that is wrong is none', async () => {
    for (const token_type_hint of ['refresh_token', 'x', '']) {
      const tokens = await as.tokens();
      assert.equal((await as.revoke(tokens.access_token, { token_type_hint })).status, 200);
      assert.equal(await as.opens(tokens.access_token), false, token_type_hint);
    }
    for (const token_type_hint of ['access_token', 'x']) {
      const tokens = await as.tokens();
      assert.equal((await as.revoke(tokens.refresh_token, { token_type_hint })).status, 200);
      refused(await as.renew(tokens.refresh_token), 400, 'invalid_grant', token_type_hint);
    }
  });
});

describe('introspection', () => {
  test('IN-01 7662 2.2: an active token is told in full', async () => {
    const tokens = await as.tokens();
    const { body } = await as.introspect(tokens.access_token);
    assert.deepEqual([body.active, body.client_id, body.scope, body.aud, body.iss, body.token_type],
      [true, as.agent.client_id, 'mcp:tools', as.vault.mcp_url, as.issuer, 'Bearer']);
    assert.match(body.sub, /^user_/);
    assert.ok(Math.abs(body.iat - nowS()) < 60 && body.exp - body.iat === tokens.expires_in);
  });

  test('IN-02 7662 2.2: of any other it is told that it is not active, and nothing else', async () => {
    const tokens = await as.tokens();
    await as.revoke(tokens.access_token);
    for (const token of [tokens.access_token, 'x', '', `vk_at_${'0'.repeat(43)}`, as.vault.token, as.daemon.token]) {
      const answer = await as.introspect(token);
      assert.deepEqual([answer.status, answer.text], [200, '{"active":false}'], token.slice(0, 10));
    }
  });

  test('IN-03 7662 2.1: who does not prove itself learns nothing', async () => {
    const { access_token: token } = await as.tokens();
    for (const options of [{ headers: {} }, { headers: {}, client_id: open.client_id }, { client: { ...as.agent, client_secret: 'x' } }]) {
      const answer = await as.introspect(token, options);
      refused(answer, 401, 'invalid_client');
      assert.equal(answer.body.active, undefined);
    }
  });

  test('IN-04 7662 4: a token is not active for who has nothing to do with it', async () => {
    const { access_token: token } = await as.tokens();
    assert.equal((await as.introspect(token, { client: other })).text, '{"active":false}');
    assert.equal(await active(token), true);
    const vault = await as.daemon.api('POST', '/vaults', { user: 'ada', name: 'other\'s', policy: 'name: P\nservices: {}\n', agent: other.id });
    const own = await as.daemon.post({ grant_type: 'client_credentials', resource: vault.mcp_url }, { headers: basic(other) });
    assert.equal((await as.introspect(own.body.access_token, { client: other })).body.active, true);
    assert.equal((await as.introspect(own.body.access_token)).text, '{"active":false}', 'nor the other way round');
  });

  test('IN-05 7662 2.1: not by GET, and not in the address', async () => {
    const { access_token: token } = await as.tokens();
    const answer = await fetch(`${as.issuer}oauth/introspect?token=${token}`, { headers: basic(as.agent) });
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get('allow'), 'POST');
    const posted = await as.daemon.post({}, { path: `/oauth/introspect?token=${token}`, headers: basic(as.agent) });
    refused(posted, 400, 'invalid_request');
  });

  test('IN-06 7662 2.2: a refresh token is nobody\'s to see', async () => {
    const { refresh_token: token } = await as.tokens();
    assert.equal((await as.introspect(token)).text, '{"active":false}');
    assert.equal((await as.introspect(token, { token_type_hint: 'refresh_token' })).text, '{"active":false}');
  });

  test('IN-07 7662 4: who guesses is throttled, alone', async () => {
    const guesser = await as.operators('Guesser', [as.redirect]);
    const shapes = new Map();
    for (let i = 0; i < 400; i++) {
      const answer = await as.introspect(`vk_at_${makeVerifier().replace(/[-_]/g, 'x')}`, { client: guesser });
      shapes.set(`${answer.status} ${answer.text}`, (shapes.get(`${answer.status} ${answer.text}`) ?? 0) + 1);
    }
    const seen = [...shapes.keys()];
    assert.equal(seen.filter((shape) => shape.startsWith('200')).length, 1, seen.join('\n'));
    assert.ok(seen.some((shape) => shape.startsWith('429')), seen.join('\n'));
    const { access_token: token } = await as.tokens();
    assert.equal(await active(token), true, 'others are served');
  });
});

describe('assertions as grants', () => {
  test('CA-07 7523 3.1: no assertion is a grant here', async () => {
    const key = await makeKey();
    const one = await as.register({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } });
    const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    for (const form of [{}, { assertion: await assertion(key, one.client_id, as.issuer) }, proven(await assertion(key, one.client_id, as.issuer))]) {
      refused(await as.daemon.post({ grant_type, ...form }), 400, 'unsupported_grant_type');
    }
  });
});
