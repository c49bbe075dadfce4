// SPDX-License-Identifier: Apache-2.0
// What clients sign with another implementation is verified by ours, and nothing that differs from it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as jose from 'jose';

const binary = process.env.VALETKEY_AUTHSERVER_HARNESS ??
  fileURLToPath(new URL('../../build/src/core/authserver/authserver_harness', import.meta.url));
const skip = existsSync(binary) ? false : 'authserver_harness is not built';

const hex = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('hex');

function ask(rows) {
  const input = rows.map(([word, ...texts]) => [word, ...texts.map(hex)].join(' ') + '\n').join('');
  const child = spawnSync(binary, { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  assert.equal(child.status, 0, child.stderr);
  return child.stdout.split('\n').slice(0, -1).map((line) => (/^[A-Z_]+$/.test(line) ? line.toLowerCase() : line));
}

const algs = ['RS256', 'PS256', 'ES256', 'ES384'];

async function pair(alg, options) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true, ...options });
  return { privateKey, jwk: await jose.exportJWK(publicKey), secret: await jose.exportJWK(privateKey) };
}

const sign = (alg, key, header = {}) =>
  new jose.SignJWT({ jti: 'a', n: 1 }).setProtectedHeader({ alg, ...header }).sign(key);

test('what jose signs is verified, by this key alone, and no byte of it may change', { skip }, async () => {
  for (const alg of algs) {
    const one = await pair(alg), two = await pair(alg);
    const text = await sign(alg, one.privateKey);
    const rows = [['verify', text, one.jwk], ['verify', text, two.jwk]];
    for (let i = 0; i < text.length; i++) {
      const other = text[i] === 'A' ? 'B' : 'A';
      rows.push(['verify', text.slice(0, i) + other + text.slice(i + 1), one.jwk]);
    }
    const [good, foreign, ...changed] = ask(rows);
    assert.equal(good, 'ok', alg);
    assert.equal(foreign, 'forged', alg);
    assert.deepEqual(changed.filter((answer) => answer === 'ok'), [], alg);
  }
});

test('fifty keys of each kind have the thumbprints that jose gives them', { skip }, async () => {
  const keys = [];
  for (const alg of ['ES256', 'ES384'])
    for (let i = 0; i < 50; i++) keys.push((await pair(alg)).jwk);
  for (const modulusLength of [2048, 3072]) keys.push((await pair('RS256', { modulusLength })).jwk);
  const expected = await Promise.all(keys.map((key) => jose.calculateJwkThumbprint(key)));
  assert.deepEqual(ask(keys.map((key) => ['thumbprint', { ...key, kid: 'x', use: 'sig' }])), expected);
});

test('an algorithm is never the sender\'s to choose', { skip }, async () => {
  const rsa = await pair('RS256'), ec = await pair('ES256');
  const body = (header) => `${Buffer.from(JSON.stringify(header)).toString('base64url')}.` +
    Buffer.from('{"jti":"a"}').toString('base64url');
  const pem = await jose.exportSPKI(await jose.importJWK(rsa.jwk, 'RS256'));
  const hmac = body({ alg: 'HS256' });
  const none = body({ alg: 'none' });
  const rows = [
    ['verify', `${hmac}.${createHmac('sha256', pem).update(hmac).digest('base64url')}`, rsa.jwk],
    ['verify', `${none}.`, rsa.jwk],
    ['verify', `${none}.AA`, rsa.jwk],
    ['verify', await sign('RS256', rsa.privateKey), ec.jwk],
    ['verify', await sign('RS256', rsa.privateKey), { ...rsa.jwk, alg: 'PS256' }],
    ['verify', await sign('RS256', rsa.privateKey), { ...rsa.jwk, use: 'enc' }],
    ['verify', await sign('RS256', rsa.privateKey), { ...rsa.jwk, key_ops: ['encrypt'] }],
    ['verify', await sign('RS256', rsa.privateKey), rsa.secret],
    ['verify', await sign('ES256', ec.privateKey), ec.secret],
    ['verify', await sign('ES256', ec.privateKey, { jku: 'https://evil.example/' }), ec.jwk],
    ['verify', await sign('ES256', ec.privateKey, { typ: 'x', kid: '../../x' }), ec.jwk],
  ];
  assert.deepEqual(ask(rows), ['unsupported', 'malformed', 'unsupported', 'forged', 'forged', 'unsupported',
    'unsupported', 'malformed', 'malformed', 'malformed', 'ok']);
});

test('keys that are too small, or of other kinds, verify nothing', { skip }, async () => {
  const ed = await pair('EdDSA');
  const es512 = await pair('ES512');
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const jwk = small.publicKey.export({ format: 'jwk' });
  const text = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from('{}').toString('base64url')}`;
  const signature = createSign('sha256').update(text).sign(small.privateKey, 'base64url');
  assert.deepEqual(ask([
    ['verify', await sign('EdDSA', ed.privateKey), ed.jwk],
    ['verify', await sign('ES512', es512.privateKey), es512.jwk],
    ['verify', `${text}.${signature}`, jwk],
  ]), ['unsupported', 'unsupported', 'unsupported']);
});

test('ECDSA signatures have one form: not DER, not zero, not longer', { skip }, async () => {
  for (const [alg, namedCurve, hash, n] of [['ES256', 'P-256', 'sha256', 64], ['ES384', 'P-384', 'sha384', 96]]) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
    const jwk = publicKey.export({ format: 'jwk' });
    const text = `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.${Buffer.from('{"a":1}').toString('base64url')}`;
    const by = (dsaEncoding) => createSign(hash).update(text).sign({ key: privateKey, dsaEncoding });
    const good = by('ieee-p1363');
    const rows = [good, by('der'), Buffer.alloc(n), Buffer.alloc(n, 0xff), Buffer.concat([good, Buffer.alloc(1)]),
      good.subarray(0, n - 1), Buffer.concat([Buffer.alloc(n / 2), good.subarray(n / 2)])]
      .map((signature) => ['verify', `${text}.${signature.toString('base64url')}`, jwk]);
    rows.push(['verify', `${text}.${good.toString('base64url')}=`, jwk],
      ['verify', `${text}.${good.toString('base64')}`, jwk]);
    const [first, ...others] = ask(rows);
    assert.equal(first, 'ok');
    assert.deepEqual(others.filter((answer) => answer === 'ok'), []);
  }
});
