// SPDX-License-Identifier: Apache-2.0
// A second verifier of the log, written from docs/PROTOCOL.log.md alone, with Node's own crypto.
// usage: node log.mjs LOG-DIRECTORY PUBLIC-KEY-HEX [CHECKPOINT-KEPT-ELSEWHERE]
import { createHash, createPublicKey, verify } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The frontier of an RFC 6962 tree: [i] is the root over 2^i leaves, or undefined. */
class Tree {
  size = 0;
  levels = [];
  add(leaf) {
    let i = 0;
    for (; this.levels[i]; i++) {
      leaf = sha256(Buffer.from([1]), this.levels[i], leaf);
      this.levels[i] = undefined;
    }
    this.levels[i] = leaf;
    this.size++;
  }
  root() {
    const left = this.levels.filter(Boolean);
    return left.length === 0 ? sha256()
      : left.reduce((right, one) => sha256(Buffer.from([1]), one, right));
  }
}

export function readCheckpoint(text, keyHex) {
  const key = Buffer.from(keyHex, 'hex');
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const name = `valetkey/${sha256(key).toString('hex', 0, 4)}`;
  const id = sha256(`${name}\n`, Buffer.from([1]), key).subarray(0, 4);
  const [body, signatures] = text.split('\n\n');
  const [origin, size, root, ...more] = body.split('\n');
  if (origin !== name || !/^(0|[1-9]\d*)$/.test(size) || more.length > 0) {
    throw new Error('not a checkpoint of this log');
  }
  for (const line of signatures.trimEnd().split('\n')) {
    const [, signer, blob] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = Buffer.from(blob ?? '', 'base64');
    if (signer !== name || !bytes.subarray(0, 4).equals(id)) continue;
    if (!verify(null, Buffer.from(`${body}\n`), publicKey, bytes.subarray(4))) break;
    return { size: Number(size), root };
  }
  throw new Error('the checkpoint was not signed by this key');
}

export function verifyLog(directory, keyHex, older) {
  const heads = [];
  const beside = join(directory, 'checkpoint');
  if (existsSync(beside)) heads.push(readCheckpoint(readFileSync(beside, 'utf8'), keyHex));
  if (older) heads.push(readCheckpoint(older, keyHex));
  const tree = new Tree();
  let time = '';
  const add = (leaf) => {
    tree.add(leaf);
    for (const head of heads) {
      if (head.size === tree.size && head.root !== tree.root().toString('base64')) {
        throw new Error(`not the log that was signed at ${head.size}`);
      }
    }
  };
  for (const name of readdirSync(directory).filter((n) => /^\d{20}\.(jsonl|leaves)$/.test(n)).sort()) {
    if (Number(name.slice(0, 20)) !== tree.size) throw new Error(`gap before ${name}`);
    const bytes = readFileSync(join(directory, name));
    if (name.endsWith('.leaves')) {
      for (let at = 0; at < bytes.length; at += 32) add(bytes.subarray(at, at + 32));
      continue;
    }
    for (let at = 0, end; (end = bytes.indexOf(10, at)) >= 0; at = end + 1) {
      const line = bytes.subarray(at, end);
      const record = JSON.parse(line.toString());
      const exact = Object.values(record).every((v) => typeof v === 'string' || Number.isSafeInteger(v));
      if (exact && JSON.stringify(record) !== line.toString('latin1')) throw new Error(`form of ${tree.size}`);
      if (record.seq !== tree.size) throw new Error(`record ${record.seq} in place of ${tree.size}`);
      if (record.time < time) throw new Error(`time goes backwards at ${record.seq}`);
      time = record.time;
      add(sha256(Buffer.from([0]), line));
    }
  }
  for (const head of heads) {
    if (head.size > tree.size) throw new Error(`the log ends at ${tree.size}, before ${head.size}`);
  }
  if (heads.length === 0 && tree.size > 0) throw new Error('no checkpoint');
  return { size: tree.size, root: tree.root().toString('base64') };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , directory, key, older] = process.argv;
  console.log(verifyLog(directory, key, older && readFileSync(older, 'utf8')));
}
