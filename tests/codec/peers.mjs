// SPDX-License-Identifier: Apache-2.0
// What the comparisons with other implementations share: the harness, and values by chance that can be repeated.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const binary = process.env.VALETKEY_CODEC_HARNESS ??
  fileURLToPath(new URL('../../build/src/codec/codec_harness', import.meta.url));

/** False, or the reason why these tests cannot run here. */
export const missing = existsSync(binary) ? false : 'codec_harness is not built';

const hex = (text) => Buffer.from(text).toString('hex');

/** Asks the harness @p word for each of @p rows (arrays of texts), and answers its lines. */
export function ask(word, rows) {
  const input = rows.map((row) => [word, ...row.map(hex)].join(' ') + '\n').join('');
  const child = spawnSync(binary, { input, maxBuffer: 1 << 28, encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`the harness ended with ${child.status} ${child.signal}\n${child.stderr}`);
  const lines = child.stdout.split('\n').slice(0, -1);
  if (lines.length !== rows.length) throw new Error(`${lines.length} answers to ${rows.length} questions`);
  return lines;
}

/** Chance that repeats: @p seed, or VALETKEY_SEED, decides everything (mulberry32). */
export class Chance {
  constructor(seed) { this.state = Number(process.env.VALETKEY_SEED ?? seed) >>> 0; }
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(n) { return this.next() % n; }
  flip(one = 2) { return this.below(one) === 0; }
  of(list) { return list[this.below(list.length)]; }
  some(max, make) { return Array.from({ length: this.below(max + 1) }, make); }
}
