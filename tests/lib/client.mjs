// SPDX-License-Identifier: Apache-2.0
// A client of our authorization server by the npm package jose: keys, assertions, proofs of possession.
import { createHash, randomUUID } from 'node:crypto';

import * as jose from 'jose';

export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export const nowS = () => Math.floor(Date.now() / 1000);

/** A key pair as { alg, kid, privateKey, jwk, secret }. */
export async function makeKey(alg = 'ES256', kid = randomUUID()) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, jwk: { ...await jose.exportJWK(publicKey), kid, alg, use: 'sig' }, secret: await jose.exportJWK(privateKey) };
}

/** @p claims and @p header replace what a good assertion has; a member that is undefined is left out. */
export function assertion(key, clientId, issuer, { claims = {}, header = {} } = {}) {
  const body = {
    iss: clientId, sub: clientId, aud: issuer, jti: randomUUID(), iat: nowS(), exp: nowS() + 60, ...claims,
  };
  return new jose.SignJWT(JSON.parse(JSON.stringify(body)))
    .setProtectedHeader(JSON.parse(JSON.stringify({ alg: key.alg, kid: key.kid, ...header }))).sign(key.privateKey);
}

/** Parameters of a request that @p text proves. */
export const proven = (text, type = assertionType) => ({ client_assertion_type: type, client_assertion: text });

/** A DPoP proof. @p token: the access token that goes along. */
export async function proof(key, method, url, { token, nonce, claims = {}, header = {} } = {}) {
  const { kid, use, alg, ...jwk } = key.jwk;
  const body = {
    jti: randomUUID(), htm: method, htu: url, iat: nowS(), nonce,
    ath: token && createHash('sha256').update(token).digest('base64url'), ...claims,
  };
  return new jose.SignJWT(JSON.parse(JSON.stringify(body)))
    .setProtectedHeader(JSON.parse(JSON.stringify({ typ: 'dpop+jwt', alg: key.alg, jwk, ...header }))).sign(key.privateKey);
}

export const thumbprint = (key) => jose.calculateJwkThumbprint(key.jwk);

/** A compact JWS put together by hand: for headers that a library refuses to write. */
export const byHand = (header, claims, signature = '') => [
  Buffer.from(JSON.stringify(header)).toString('base64url'),
  Buffer.from(JSON.stringify(claims)).toString('base64url'),
  signature,
].join('.');
