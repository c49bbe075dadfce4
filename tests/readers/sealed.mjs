// SPDX-License-Identifier: Apache-2.0
// A second reader of sealed values, written from docs/PROTOCOL.sealed.md alone: it opens the
// published vectors from the key file down to the secret, with Node's own crypto.
// usage: node sealed.mjs tests/vectors/sealed.json
import assert from 'node:assert/strict';
import { createDecipheriv, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

const rotate = (x, n) => (x << n) | (x >>> (32 - n));

/** HChaCha20, draft-irtf-cfrg-xchacha 2.2: the step by which XChaCha20 lengthens the nonce. */
function hchacha20(key, nonce16) {
  const s = new Uint32Array(16);
  s.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  for (let i = 0; i < 8; i++) s[4 + i] = key.readUInt32LE(4 * i);
  for (let i = 0; i < 4; i++) s[12 + i] = nonce16.readUInt32LE(4 * i);
  const quarter = (a, b, c, d) => {
    s[a] += s[b]; s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d]; s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b]; s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d]; s[b] = rotate(s[b] ^ s[c], 7);
  };
  for (let i = 0; i < 10; i++) {
    quarter(0, 4, 8, 12); quarter(1, 5, 9, 13); quarter(2, 6, 10, 14); quarter(3, 7, 11, 15);
    quarter(0, 5, 10, 15); quarter(1, 6, 11, 12); quarter(2, 7, 8, 13); quarter(3, 4, 9, 14);
  }
  const out = Buffer.alloc(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((from, to) => out.writeUInt32LE(s[from], 4 * to));
  return out;
}

class Refused extends Error {}

function open(key, nonce, aad, body) {
  const cipher = createDecipheriv('chacha20-poly1305', hchacha20(key, nonce.subarray(0, 16)),
    Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]), { authTagLength: 16 });
  cipher.setAAD(aad, { plaintextLength: body.length - 16 });
  cipher.setAuthTag(body.subarray(-16));
  const plain = cipher.update(body.subarray(0, -16));
  try {
    cipher.final();
  } catch {
    throw new Refused('forged');
  }
  return plain;
}

const hmac = (key, ...parts) =>
  createHmac('sha256', key).update(Buffer.concat(parts.map((p) => Buffer.from(p)))).digest();

/** The tenant keys of a keyring file, by "<tenant hex>/<version>". */
function openKeyring(file, keyFile) {
  assert.equal(file.subarray(0, 7).toString('latin1'), 'vkkeys\0');
  assert.equal(file[7], 1);
  assert.equal(file[8], 1, 'unsealed by a key file');
  const unseal = hmac(keyFile, 'valetkey unseal', [1]);
  const root = open(unseal, file.subarray(41, 65), file.subarray(0, 41), file.subarray(65, 113));
  const body = open(root, file.subarray(113, 137), file.subarray(0, 113), file.subarray(137));
  const keys = new Map();
  const count = body.readUInt32BE(172);
  assert.equal(body.length, 176 + 52 * count);
  for (let at = 176; at < body.length; at += 52) {
    keys.set(`${body.toString('hex', at, at + 16)}/${body.readUInt32BE(at + 16)}`,
      body.subarray(at + 20, at + 52));
  }
  return { keys, generation: body.readBigUInt64BE(0), rootVersion: file.readUInt32BE(37) };
}

function openSealed(keys, place, blob) {
  if (blob.length < 138 || blob[0] !== 1 || blob[1] !== 1) throw new Refused('malformed');
  const tenantKey = keys.get(`${place.tenant}/${blob.readUInt32BE(2)}`);
  if (!tenantKey) throw new Refused('key_gone');
  const version = Buffer.alloc(8);
  version.writeBigUInt64BE(BigInt(place.version));
  const aad = Buffer.concat([Buffer.from('valetkey sealed'), blob.subarray(0, 6),
    Buffer.from([Number(place.field)]), Buffer.from(place.tenant, 'hex'),
    Buffer.from(place.user, 'hex'), Buffer.from(place.object, 'hex'), version]);
  const dataKey = open(tenantKey, blob.subarray(6, 30), aad, blob.subarray(30, 78));
  const commitment = hmac(dataKey, 'valetkey commit').subarray(0, 16);
  if (!commitment.equals(blob.subarray(78, 94))) throw new Refused('forged');
  const plain = open(dataKey, blob.subarray(94, 118), aad, blob.subarray(118));
  const hostsEnd = 4 + plain.readUInt32BE(0);
  if (hostsEnd > plain.length) throw new Refused('malformed');
  return { hosts: plain.subarray(4, hostsEnd), secret: plain.subarray(hostsEnd) };
}

// draft-irtf-cfrg-xchacha-03 2.2.1
assert.equal(hchacha20(
  Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex'),
  Buffer.from('000000090000004a0000000031415927', 'hex')).toString('hex'),
'82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc');

const vectors = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { keys, rootVersion } = openKeyring(Buffer.from(vectors.keys.keyring, 'hex'),
  Buffer.from(vectors.keys.key_file, 'hex'));
assert.equal(rootVersion, 2);
for (const one of vectors.cases) {
  const blob = Buffer.from(one.blob, 'hex');
  if (one.error) {
    assert.throws(() => openSealed(keys, one, blob), { message: one.error }, one.says);
    continue;
  }
  const { hosts, secret } = openSealed(keys, one, blob);
  assert.equal(hosts.toString('hex'), one.hosts, one.says);
  assert.equal(secret.toString('hex'), one.secret, one.says);
}
assert.ok(vectors.cases.length > 10);
console.log(`${vectors.cases.length} sealed values read as they should`);
