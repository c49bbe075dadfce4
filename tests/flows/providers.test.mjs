// SPDX-License-Identifier: Apache-2.0
// What a service file has to be able to express, each row against a provider that has the quirk.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { clientId, clientSecret, Rig } from '../lib/quirk.mjs';
import { Ends, sleep } from '../lib/process.mjs';

const ends = new Ends();
let rig;
const json = (status, body) => ({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;

/** Asks again until the token is another one. */
async function renewed(quirk, old) {
  for (let i = 0; i < 60; i++) {
    const answer = await quirk.lend();
    if (answer.status !== 200 || answer.body.access_token !== old) return answer;
    await sleep(100);
  }
  throw new Error('the token was never refreshed');
}

describe('providers', { concurrency: 1 }, () => {
  before(async () => { rig = await Rig.start(ends); });
  after(() => ends.run());

  test('CAT-01 a given host is where the tokens go, and nowhere else', async () => {
    const quirk = await rig.service((at) => ({
      oauth: {
        token_url: at.replace('127.0.0.1', '{site}') + '/token',
        account: { url: at.replace('127.0.0.1', '{site}') + '/me' },
        revoke_url: null,
        variables: { site: { from: 'start', check: 'host', within: ['localhost', '127.0.0.1'], says: 'Your site' } },
      },
      api: { hosts: [`http://{site}:${rig.port}`] },
    }));
    const { connection } = await quirk.connect({ set: { site: 'localhost' } });
    assert.ok(connection.id);
    assert.equal(quirk.asked('token')[0].headers.host, `localhost:${rig.port}`);
    assert.equal(quirk.asked('me')[0].headers.host, `localhost:${rig.port}`);
    // The same service with the file's hosts widened: tokens sealed before stay where they may go.
    const moved = structuredClone(quirk.file);
    moved.oauth.probe = { url: `${quirk.at}/me` };
    moved.api.hosts.push(`http://127.0.0.1:${rig.port}`);
    await rig.daemon.api('POST', '/services', JSON.stringify(moved), { type: 'text/yaml' });
    const before = quirk.requests.length;
    await rig.daemon.api('DELETE', `/connections/${connection.id}`);
    const facts = await rig.daemon.api('GET', `/connections/${connection.id}`);
    assert.equal(facts.probed, 'unknown');
    assert.equal(quirk.requests.length, before, 'courier did not carry the token to the other name');
  });

  test('CAT-01 a value that leads to another host is refused before anything is sent', async () => {
    const quirk = await rig.service((at) => ({
      oauth: {
        token_url: 'https://{sub}.acme.example/token',
        variables: {
          sub: { from: 'start', check: 'label', says: 'the part before .acme.example' },
          region: { from: 'start', check: 'choice', in: ['eu', 'us'], default: 'eu' },
          site: { from: 'start', check: 'host', within: ['acme.example'], default: 'acme.example' },
        },
      },
    }));
    const start = (variables) => rig.daemon.raw('POST', '/connections/start', { user: quirk.user, service: quirk.id, variables });
    const hostile = ['evil.example/', 'evil.example#', 'a.b', 'a@b', 'a:1', '-a', 'a-', 'A', 'ä', '', '..', 'a/../b', 'a%2f', 'a\\b', 'x'.repeat(64), 'a\nb'];
    for (const sub of hostile) {
      const answer = await start({ sub });
      const { code, detail } = await answer.json();
      assert.equal(answer.status, 400, sub);
      assert.equal(code, 'variable');
      assert.match(detail, /'sub'/);
    }
    for (const site of ['evilacme.example', 'acme.example.evil.example', 'https://acme.example@evil.example', 'acme.example:444', 'acme.example/x', '.acme.example', 'https://evil.example/acme.example']) {
      assert.equal((await start({ sub: 'a', site })).status, 400, site);
    }
    assert.equal((await start({ sub: 'a', region: 'xx' })).status, 400);
    assert.equal((await start({})).status, 400, 'one that is needed');
    assert.equal((await start({ sub: 'a', other: 'b' })).status, 400, 'one that there is not');
    assert.equal((await start({ sub: 'a', site: 'https://eu.acme.example/' })).status, 201);
    assert.equal(quirk.requests.length, 0);
  });

  test('CAT-01 the operator may give a host for all, with the client', async () => {
    const quirk = await rig.service((at) => ({
      oauth: {
        authorize_url: 'https://{corp}/authorize',
        variables: { corp: { from: 'operator', check: 'host' } },
      },
    }), { client: { variables: { corp: 'git.corp.example' } } });
    const { authorize } = await quirk.connect();
    assert.equal(authorize.origin, 'https://git.corp.example');
    const bad = await rig.daemon.raw('PUT', `/services/${quirk.id}/client`, { client_id: clientId, variables: { corp: 'a/b' } });
    assert.equal(bad.status, 400);
    assert.equal((await bad.json()).code, 'variable');
    const none = await rig.daemon.raw('PUT', `/services/${quirk.id}/client`, { client_id: clientId });
    assert.equal(none.status, 400, 'it is needed');
  });

  test('CAT-01 a file in which anybody could choose the host is refused', async () => {
    for (const [variable, host] of [
      [{ from: 'start', check: 'host' }, 'https://{v}'],
      [{ from: 'redirect', path: 'v', check: 'host' }, 'https://api.{v}'],
      [{ from: 'start', check: 'label' }, 'https://{v}'],
      [{ from: 'start', check: 'label' }, 'https://{v}.com'],
      [{ from: 'start', check: 'id' }, 'https://{v}.acme.example'],
      [{ from: 'start', check: 'text' }, 'https://{v}.acme.example'],
    ]) {
      const why = await rig.refused(() => ({ oauth: { variables: { v: variable } }, api: { hosts: [host] } }));
      assert.match(why, /^service file:1: /);
    }
  });

  test('CAT-02 CAT-03 CAT-04 CAT-05 CAT-06 the authorization request is as the file says', async () => {
    const quirk = await rig.service(() => ({
      oauth: {
        authorize_params: { access_type: 'offline', audience: 'api.acme.example', duration: 'permanent' },
        authorize_omit: ['response_type'],
        scope: { separator: ',', parameter: 'scope', reply_separators: '; ', always: ['offline_access'] },
        scopes: {
          'bot:read': { says: 'b', risk: 'low' },
          'user:read': { says: 'u', risk: 'low', parameter: 'user_scope' },
          'user:write': { says: 'u', risk: 'high', parameter: 'user_scope' },
        },
      },
    }), { answers: { token: () => json(200, { access_token: 'at-x', token_type: 'bearer', scope: 'bot:read;user:read user:write' }) } });
    const { authorize, connection } = await quirk.connect({ scopes: ['bot:read', 'user:read', 'user:write'] });
    const query = authorize.searchParams;
    assert.equal(query.get('access_type'), 'offline');
    assert.equal(query.get('audience'), 'api.acme.example');
    assert.equal(query.get('duration'), 'permanent');
    assert.equal(query.has('response_type'), false);
    assert.deepEqual(query.get('scope').split(',').sort(), ['bot:read', 'offline_access']);
    assert.equal(query.get('user_scope'), 'user:read,user:write');
    assert.deepEqual([...connection.scopes].sort(), ['bot:read', 'user:read', 'user:write']);
  });

  test('CAT-05 scopes may come back as a list', async () => {
    const quirk = await rig.service(() => ({}), {
      answers: { token: () => json(200, { access_token: 'at-l', scope: ['read', 'write'] }) },
    });
    const { connection } = await quirk.connect();
    assert.deepEqual([...connection.scopes].sort(), ['read', 'write']);
  });

  test('CAT-07 without scopes none are asked for', async () => {
    const quirk = await rig.service(() => ({ oauth: { scope: 'none', scopes: null } }));
    const { authorize } = await quirk.connect();
    assert.equal(authorize.searchParams.has('scope'), false);
  });

  for (const [auth, body] of [['basic', 'form'], ['basic', 'json'], ['post', 'form'], ['post', 'json'], ['secret_basic', 'form']]) {
    test(`CAT-08 client_auth ${auth}, body ${body}, headers`, async () => {
      const quirk = await rig.service(() => ({
        oauth: { client_auth: auth, body, headers: { 'Acme-Version': '2022-06-28' } },
      }));
      await quirk.connect();
      const [request] = quirk.asked('token');
      assert.match(request.type, body === 'json' ? /^application\/json/ : /^application\/x-www-form-urlencoded/);
      assert.equal(request.headers['acme-version'], '2022-06-28');
      assert.equal(request.headers.accept, 'application/json');
      assert.equal(request.headers.authorization, {
        basic,
        secret_basic: `Basic ${Buffer.from(`${clientSecret}:`).toString('base64')}`,
      }[auth]);
      assert.equal(request.fields.client_secret, auth === 'post' ? clientSecret : undefined);
      assert.equal(request.fields.client_id, auth === 'post' ? clientId : undefined);
      assert.equal(request.fields.grant_type, 'authorization_code');
    });
  }

  test('CAT-09 CAT-10 refreshing has its own address and parameters', async () => {
    const quirk = await rig.service((at) => ({
      oauth: {
        refresh_url: `${at}/renew`,
        token_params: { expires_in: '1800' },
        refresh_params: { expiring: '1' },
        refresh: { class: 'strict', redirect_uri: true },
      },
    }), {
      answers: {
        token: () => json(200, { access_token: 'at-old', refresh_token: 'rt-old', expires_in: 1 }),
        renew: () => json(200, { access_token: 'at-new', refresh_token: 'rt-new', expires_in: 3600 }),
      },
    });
    await quirk.connect();
    assert.equal((await renewed(quirk, 'at-old')).body.access_token, 'at-new');
    const [code] = quirk.asked('token');
    const [refresh] = quirk.asked('renew');
    assert.equal(code.fields.expires_in, '1800');
    assert.equal(code.fields.expiring, undefined);
    assert.equal(refresh.fields.expiring, '1');
    assert.equal(refresh.fields.refresh_token, 'rt-old');
    assert.equal(refresh.fields.redirect_uri, code.fields.redirect_uri);
    assert.equal(quirk.asked('token').length, 1);
  });

  test('CAT-11 of several tokens the one that the file names is kept, and no other gets anywhere', async () => {
    const quirk = await rig.service(() => ({
      oauth: {
        reply: { access_token: 'authed_user.access_token', refresh_token: 'authed_user.refresh_token', expires_in: 'authed_user.expires_in', scope: 'authed_user.scope' },
      },
    }), {
      answers: {
        token: () => json(200, {
          access_token: 'at-bot', refresh_token: 'rt-bot', bot_user_id: 'B1',
          authed_user: { id: 'U1', access_token: 'at-user', refresh_token: 'rt-user', expires_in: 3600, scope: 'read' },
        }),
      },
    });
    const { connection } = await quirk.connect();
    assert.deepEqual(connection.scopes, ['read']);
    assert.equal((await quirk.lend()).body.access_token, 'at-user');
    assert.equal(quirk.asked('me')[0].headers.authorization, 'Bearer at-user');
  });

  test('CAT-12 a failure is one with any status, and only a terminal one ends the connection', async () => {
    const cases = [
      [200, { ok: false, error: 'token_revoked' }, 'reauth_required'],
      [200, { error: 'bad_refresh_token' }, 'reauth_required'],
      [403, { error: 'invalid_grant' }, 'reauth_required'],
      [400, { errors: [{ extensions: { code: 'RATELIMITED' } }] }, 'connected'],
      [400, { error: 'RATELIMITED' }, 'connected'],
    ];
    for (const [status, body, state] of cases) {
      const quirk = await rig.service(() => ({
        oauth: {
          errors: {
            member: ['error', 'errors.0.extensions.code'], ok: 'ok',
            terminal: ['token_revoked', 'bad_refresh_token'], transient: ['RATELIMITED'],
          },
        },
      }), {
        answers: {
          token: () => json(200, { ok: true, access_token: 'at-f', refresh_token: 'rt-f', expires_in: 1 }),
          refresh: () => json(status, body),
        },
      });
      const { connection } = await quirk.connect();
      const answer = await renewed(quirk, 'at-f');
      assert.equal(answer.body.error, state === 'connected' ? 'provider_unavailable' : 'reauth_required', JSON.stringify(body));
      assert.equal((await quirk.show(connection)).state, state, JSON.stringify(body));
    }
  });

  test('CAT-12 a redemption that failed with status 200 makes no connection', async () => {
    const quirk = await rig.service(() => ({ oauth: { errors: { ok: 'ok' } } }), {
      answers: { token: () => json(200, { ok: false, error: 'invalid_code' }) },
    });
    const { status, html } = await quirk.consent();
    assert.notEqual(status, 200, html);
    assert.equal((await rig.daemon.list(`/connections?user=${quirk.user}`)).length, 0);
  });

  test('CAT-13 an address in the reply becomes the API\'s, if it is within what the file permits', async () => {
    const make = (at) => ({
      oauth: {
        account: { url: at.replace('127.0.0.1', '{instance}') + '/me/{team}' },
        variables: {
          instance: { from: 'reply', path: 'instance', check: 'host', within: ['localhost'] },
          team: { from: 'reply', path: 'team.id', check: 'id' },
        },
      },
      api: { hosts: [`http://{instance}:${rig.port}`] },
    });
    const reply = (instance, id = 'T1') => ({
      answers: { token: () => json(200, { access_token: 'at-i', instance, team: { id } }) },
    });
    const quirk = await rig.service(make, reply('https://localhost/'));
    await quirk.connect();
    assert.equal(quirk.asked('me')[0].headers.host, `localhost:${rig.port}`);
    assert.equal(quirk.asked('me')[0].path, `/${quirk.id}/me/T1`);
    const headed = await rig.service(() => ({
      oauth: { variables: { team: { from: 'reply', path: 'team.id', check: 'id' } } },
      api: { headers: { 'Acme-Team': '{team}' } },
    }), reply('localhost', 'T2'));
    await headed.connect();
    await rig.daemon.api('PUT', `/vaults/${headed.vault.id}/policy`, `name: Test\nservices:\n  ${headed.id}: {proxy: allow, default: allow}\n`, { type: 'text/yaml' });
    const through = await fetch(`${rig.daemon.url}/proxy/${headed.id}/${headed.id}/me`, { headers: { authorization: `Bearer ${headed.vault.token}`, 'acme-team': 'T9' } });
    assert.equal(through.status, 200, await through.text());
    assert.equal(headed.asked('me').at(-1).headers['acme-team'], 'T2', 'not what the agent says');
    for (const bad of [reply('127.0.0.1'), reply('https://localhost.evil.example'), reply('localhost', '../x'), reply(undefined)]) {
      const other = await rig.service(make, bad);
      assert.notEqual((await other.consent()).status, 200);
      assert.equal(other.asked('me').length, 0, 'the token went nowhere');
    }
  });

  test('CAT-14 what comes with the redirect becomes part of addresses, if it fits', async () => {
    const make = (at) => ({
      oauth: {
        token_url: `${at}/token/{installation}`,
        account: { url: `${at}/me/{realm}` },
        variables: {
          realm: { from: 'redirect', path: 'realmId', check: 'id' },
          installation: { from: 'redirect', path: 'installation_id', check: 'id' },
        },
      },
    });
    const quirk = await rig.service(make);
    await quirk.connect({ callback: { realmId: '4620816365', installation_id: 'i-1' } });
    assert.equal(quirk.asked('token')[0].path, `/${quirk.id}/token/i-1`);
    assert.equal(quirk.asked('me')[0].path, `/${quirk.id}/me/4620816365`);
    for (const callback of [{ realmId: '1' }, { realmId: '1/2', installation_id: 'i' }, { realmId: '1', installation_id: '..' }]) {
      const other = await rig.service(make);
      assert.notEqual((await other.consent({ callback })).status, 200);
      assert.equal(other.requests.length, 0);
    }
  });

  test('CAT-15 a second call finds what the addresses need', async () => {
    const quirk = await rig.service((at) => ({
      oauth: {
        discover: { url: `${at}/resources` },
        account: { url: `${at}/me/{cloud}` },
        variables: { cloud: { from: 'discover', path: '0.id', check: 'id' } },
      },
    }), { answers: { resources: (r) => json(r.headers.authorization ? 200 : 401, [{ id: 'cloud-1' }]) } });
    await quirk.connect();
    assert.deepEqual(quirk.requests.map((r) => r.path.split('/').slice(2).join('/')), ['token', 'resources', 'me/cloud-1']);
  });

  test('CAT-16 a reply without a time is what the file says', async () => {
    const forever = () => json(200, { access_token: 'at-e', refresh_token: 'rt-e', expires_in: 0 });
    const silent = () => json(200, { access_token: 'at-e', refresh_token: 'rt-e' });
    const never = await rig.service(() => ({ oauth: { expiry: 'never' } }), { answers: { token: forever } });
    assert.equal((await never.connect()).connection.expires, undefined);
    const usual = await rig.service(() => ({}), { answers: { token: silent } });
    assert.equal((await usual.connect()).connection.expires, undefined);
    const assumed = await rig.service(() => ({ oauth: { expiry: { assume: 7200 } } }), { answers: { token: silent } });
    const in2h = Date.parse((await assumed.connect()).connection.expires) - Date.now();
    assert.ok(in2h > 7100e3 && in2h <= 7200e3, `${in2h}`);
  });

  test('CAT-16 where the provider can be asked, it is, also after a refresh', async () => {
    let life = 1;
    const quirk = await rig.service((at) => ({
      oauth: { expiry: { introspect: `${at}/introspect`, assume: 60 }, client_auth: 'basic' },
    }), {
      answers: {
        token: () => json(200, { access_token: 'at-1', refresh_token: 'rt-1' }),
        refresh: () => json(200, { access_token: 'at-2', refresh_token: 'rt-2' }),
        introspect: (r) => json(200, { active: true, exp: Math.floor(Date.now() / 1000) + life, token: undefined, sub: r.fields.token_type_hint }),
      },
    });
    const { connection } = await quirk.connect();
    life = 5000;
    assert.equal((await renewed(quirk, 'at-1')).body.access_token, 'at-2');
    const left = Date.parse((await quirk.show(connection)).expires) - Date.now();
    assert.ok(left > 4000e3 && left <= 5000e3, `${left}`);
    assert.deepEqual(quirk.asked('introspect').map((r) => [r.fields.token, r.headers.authorization]), [['at-1', basic], ['at-2', basic]]);
    quirk.answers.introspect = () => json(500, {});
    const other = await rig.service((at) => ({ oauth: { expiry: { introspect: `${at}/introspect`, assume: 600 } } }), {
      answers: { token: () => json(200, { access_token: 'at-1' }), introspect: () => json(500, {}) },
    });
    const guess = Date.parse((await other.connect()).connection.expires) - Date.now();
    assert.ok(guess > 500e3 && guess <= 600e3, 'no answer: as assumed');
  });

  test('CAT-17 the end of a token may be a moment', async () => {
    for (const end of [Math.floor(Date.now() / 1000) + 5000, new Date(Date.now() + 5000e3).toISOString()]) {
      const quirk = await rig.service(() => ({ oauth: { reply: { access_token: 'token', refresh_token: 'refreshToken', expires_at: 'expiresAt' } } }), {
        answers: { token: () => json(201, { token: 'at-m', refreshToken: 'rt-m', expiresAt: end }) },
      });
      const left = Date.parse((await quirk.connect()).connection.expires) - Date.now();
      assert.ok(left > 4900e3 && left <= 5000e3, `${end}: ${left}`);
    }
  });

  test('CAT-18 when a grant ends is shown', async () => {
    const said = await rig.service(() => ({ oauth: { reply: { refresh_expires_in: 'x_refresh_token_expires_in' } } }), {
      answers: {
        token: () => json(200, { access_token: 'at-1', refresh_token: 'rt-1', expires_in: 1, x_refresh_token_expires_in: 1000 }),
        refresh: () => json(200, { access_token: 'at-2', refresh_token: 'rt-2', expires_in: 3600, x_refresh_token_expires_in: 8640000 }),
      },
    });
    const { connection } = await said.connect();
    const until = async (quirk, conn) => Date.parse((await quirk.show(conn)).reconnect_by) - Date.now();
    const first = await until(said, connection);
    assert.ok(first > 900e3 && first <= 1000e3, `${first}`);
    await renewed(said, 'at-1');
    const second = await until(said, connection);
    assert.ok(second > 8639000e3 && second <= 8640000e3, `it slides: ${second}`);
    const fixed = await rig.service(() => ({ oauth: { refresh: { class: 'stable', lives: 31536000 } } }));
    const year = await until(fixed, (await fixed.connect()).connection);
    assert.ok(year > 31535000e3 && year <= 31536000e3, `${year}`);
  });

  test('CAT-18 a grant may end unused, and at the latest at a fixed time', async () => {
    const made = async (refresh, said = {}) => {
      const quirk = await rig.service(() => ({ oauth: { refresh: { class: 'stable', ...refresh }, reply: { refresh_expires_in: 'x_left' } } }), {
        answers: {
          token: () => json(200, { access_token: 'at-1', refresh_token: 'rt-1', expires_in: 1, ...said }),
          refresh: () => json(200, { access_token: 'at-2', expires_in: 3600, ...said }),
        },
      });
      const { connection } = await quirk.connect();
      const by = async () => Date.parse((await quirk.show(connection)).reconnect_by);
      const first = await by();
      const left = first - Date.now();
      await sleep(1500);
      await renewed(quirk, 'at-1');
      return { left, later: (await by()) - first };
    };
    const near = (value, want) => assert.ok(value > want - 5000 && value <= want, `${value}, not ${want}`);
    const idle = await made({ idle: 1000 });
    near(idle.left, 1000e3);
    assert.ok(idle.later >= 1000, `each refresh is a use: ${idle.later}`);
    const both = await made({ idle: 1000, lives: 1000 });
    near(both.left, 1000e3);
    assert.equal(both.later, 0, 'but not for ever');
    const bounded = await made({ lives: 500 }, { x_left: 9000 });
    near(bounded.left, 500e3);
    assert.equal(bounded.later, 0, 'whatever the reply says');
    const said = await made({ idle: 500, lives: 20000 }, { x_left: 9000 });
    near(said.left, 9000e3);
    assert.ok(said.later >= 1000, `it slides: ${said.later}`);
  });

  test('an ID token is not looked at: the account is what its own address says', async () => {
    const forged = [{ alg: 'none' }, { iss: 'https://evil.example', sub: 'mallory', email: 'mallory@evil.example', exp: 1 }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const quirk = await rig.service(() => ({}), { answers: { token: () => json(200, { ...quirk.pair(), id_token: `${forged}.` }) } });
    const { connection } = await quirk.connect();
    assert.equal(connection.state, 'connected');
    const shown = JSON.stringify([await quirk.show(connection), await rig.daemon.settledEvents(`&user=${connection.user}`)]);
    assert.match(shown, /ada/);
    assert.doesNotMatch(shown, /mallory|evil\.example/);
    for (const file of ['state/state.db', 'state/state.db-wal']) {
      assert.equal(readFileSync(join(rig.daemon.data, file)).includes(forged), false, file);
    }
  });

  for (const [rotation, again] of [['stable', true], ['replaced', true], ['until_used', true], ['grace', true], ['strict', false], ['none', false]]) {
    test(`CAT-19 ${rotation}: a lost answer is ${again ? 'asked for once more' : 'not asked for with the same token'}`, async () => {
      let lost = 1;
      const quirk = await rig.service(() => ({
        oauth: { refresh: { class: rotation, ...(rotation === 'grace' ? { retry_within: 600 } : {}) } },
      }), {
        answers: {
          token: () => json(200, { access_token: 'at-1', ...(rotation === 'none' ? {} : { refresh_token: 'rt-1' }), expires_in: 1 }),
          refresh: () => (lost-- > 0 ? { drop: true }
            : json(200, { access_token: 'at-3', ...(rotation === 'stable' ? {} : { refresh_token: 'rt-3' }), expires_in: 3600 })),
        },
      });
      await quirk.connect();
      const spent = () => quirk.asked('token').filter((r) => r.fields.refresh_token === 'rt-1').length;
      await sleep(1100);
      let answer;
      for (let i = 0; i < 100; i++) {
        answer = await quirk.lend();
        if (answer.status === 200 || answer.body.error === 'reauth_required') break;
        await sleep(100);
      }
      if (again) {
        assert.equal(answer.body.access_token, 'at-3');
        assert.equal(spent(), 2);
      } else {
        assert.equal(answer.body.error, 'reauth_required');
        await quirk.lend();
        assert.equal(spent(), rotation === 'none' ? 0 : 1);
      }
    });
  }

  test('CAT-20 such a refresh waits until the token is nearly over', async () => {
    const life = 6;
    const answers = () => ({
      token: () => json(200, { access_token: 'at-1', refresh_token: 'rt-1', expires_in: life }),
      refresh: () => json(200, { access_token: 'at-2', refresh_token: 'rt-2', expires_in: 3600 }),
    });
    const early = await rig.service(() => ({ oauth: { refresh: { class: 'strict' } } }), { answers: answers() });
    const late = await rig.service(() => ({ oauth: { refresh: { class: 'strict', kills_access: true } } }), { answers: answers() });
    await early.connect();
    await late.connect();
    const begun = Date.now();
    const refreshes = (quirk) => quirk.asked('token').filter((r) => r.fields.grant_type === 'refresh_token').length;
    const when = {};
    while (Date.now() - begun < life * 1000 + 1500 && (!when.early || !when.late)) {
      await early.lend();
      await late.lend();
      for (const [name, quirk] of Object.entries({ early, late })) {
        if (refreshes(quirk) > 0) when[name] ??= Date.now() - begun;
      }
      await sleep(50);
    }
    assert.ok(when.early < life * 1000 * 0.88, JSON.stringify(when));
    assert.ok(when.late > life * 1000 * 0.85, JSON.stringify(when));
    assert.ok(when.late > when.early, JSON.stringify(when));
  });

  test('CAT-21 a named header, another word, the query, two headers', async () => {
    const cases = [
      [{ header: 'X-Shop-Access-Token' }, (r) => r.headers['x-shop-access-token'], 'at-q'],
      [{ header: 'Authorization', prefix: 'Acme-oauthtoken ' }, (r) => r.headers.authorization, 'Acme-oauthtoken at-q'],
      [{ query: 'token' }, (r) => r.query.get('token'), 'at-q'],
      [{ header: 'X-Key', client_secret: 'X-App-Key' }, (r) => `${r.headers['x-key']} ${r.headers['x-app-key']}`, `at-q ${clientSecret}`],
    ];
    for (const [auth, read, want] of cases) {
      let seen;
      const quirk = await rig.service((at) => ({ oauth: { account: { url: `${at}/me?v=1` } }, api: { auth } }), {
        answers: {
          token: () => json(200, { access_token: 'at-q' }),
          me: (r) => { seen = r; return json(200, { id: 1 }); },
        },
      });
      await quirk.connect();
      assert.equal(read(seen), want);
      assert.equal(seen.query.get('v'), '1');
      if (auth.header !== 'Authorization') assert.equal(seen.headers.authorization, undefined);
      await rig.daemon.api('PUT', `/vaults/${quirk.vault.id}/policy`, `name: Test\nservices:\n  ${quirk.id}: {proxy: allow, default: allow}\n`, { type: 'text/yaml' });
      const answer = await fetch(`${rig.daemon.url}/proxy/${quirk.id}/${quirk.id}/me?v=1`, { headers: { authorization: `Bearer ${quirk.vault.token}` } });
      assert.equal(answer.status, 200, await answer.text());
      assert.equal(quirk.asked('me').length, 2);
      assert.equal(read(seen), want, 'through the proxy as well');
      assert.equal(seen.query.get('v'), '1');
    }
  });

  test('CAT-22 OAuth 1.0a has a name, and is refused by it', async () => {
    assert.match(await rig.refused(() => ({ oauth: { protocol: 'oauth1' } })), /'oauth1' is not supported by this version/);
  });

  test('CAT-23 app installations, service accounts and keys have names, and are refused by them', async () => {
    for (const protocol of ['app_installation', 'service_account', 'api_key']) {
      assert.match(await rig.refused(() => ({ oauth: { protocol } })), new RegExp(`'${protocol}' is not supported by this version`));
    }
  });

  test('CAT-24 each style of revocation arrives as its provider wants it', async () => {
    const cases = [
      [{ revoke_url: 'AT/revoke' }, (r) => [r.method, r.fields.token, r.fields.client_id], ['POST', 'rt-r', clientId]],
      [{ revoke: { url: 'AT/revoke/{client_id}/grant', method: 'DELETE', send: { json: 'access_token' }, token: 'access', client_auth: 'basic' } },
        (r) => [r.method, r.path.split('/').slice(3).join('/'), r.fields.access_token, r.headers.authorization], ['DELETE', `${clientId}/grant`, 'at-r', basic]],
      [{ revoke: { url: 'AT/revoke', send: 'bearer', token: 'access', client_auth: 'none' } },
        (r) => [r.method, r.headers.authorization], ['POST', 'Bearer at-r']],
      [{ revoke: { url: 'AT/revoke', send: { json: 'token' }, client_auth: 'basic' } },
        (r) => [r.type.split(';')[0], r.fields.token, r.headers.authorization], ['application/json', 'rt-r', basic]],
    ];
    for (const [oauth, read, want] of cases) {
      const quirk = await rig.service((at) => ({
        oauth: { revoke_url: null, ...JSON.parse(JSON.stringify(oauth).replaceAll('AT', at)) },
      }), { answers: { token: () => json(200, { access_token: 'at-r', refresh_token: 'rt-r' }) } });
      const { connection } = await quirk.connect();
      quirk.answers.me = () => json(401, {});
      await rig.daemon.api('DELETE', `/connections/${connection.id}`);
      const facts = await quirk.show(connection);
      assert.deepEqual(read(quirk.asked('revoke')[0]), want);
      assert.deepEqual([facts.deleted, facts.revoked, facts.probed], [true, 'yes', 'dead']);
    }
    const none = await rig.service(() => ({ oauth: { revoke_url: null } }));
    const { connection } = await none.connect();
    await rig.daemon.api('DELETE', `/connections/${connection.id}`);
    assert.equal((await none.show(connection)).revoked, 'unsupported');
  });

  test('CAT-25 a file that is changed afterwards does not take tokens to other hosts', async () => {
    const quirk = await rig.service();
    const { connection } = await quirk.connect();
    const moved = structuredClone(quirk.file);
    moved.oauth.revoke_url = quirk.file.oauth.revoke_url.replace('127.0.0.1', 'localhost');
    moved.oauth.probe = { url: quirk.file.oauth.account.url.replace('127.0.0.1', 'localhost') };
    await rig.daemon.api('POST', '/services', JSON.stringify(moved), { type: 'text/yaml' });
    const before = quirk.requests.length;
    await rig.daemon.api('DELETE', `/connections/${connection.id}`);
    assert.equal(quirk.requests.length, before);
  });
});
