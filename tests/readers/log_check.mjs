// SPDX-License-Identifier: Apache-2.0
// What keeper writes is sound to a reader that was not written with it; what was changed is not.
// usage: node log_check.mjs PROGRAM, which makes a log in a directory and prints its public key
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyLog } from './log.mjs';

const dir = mkdtempSync(join(tmpdir(), 'valetkey-reader-'));
try {
  const key = execFileSync(process.argv[2], ['--make', dir], { encoding: 'utf8' }).trim();
  const first = join(dir, '00000000000000000000.jsonl');
  const lines = readFileSync(first);
  const kept = readFileSync(join(dir, 'checkpoint'), 'utf8');
  assert.equal(verifyLog(dir, key, kept).size, 40);

  // docs/PROTOCOL.log.md has every member, in the order of the line.
  const table = readFileSync(new URL('../../docs/PROTOCOL.log.md', import.meta.url), 'utf8')
    .split('\n## A line\n')[1].split('\n## ')[0].split('\n').filter((l) => l.startsWith('| `'));
  const documented = table.flatMap((l) => l.split('|')[1].match(/[a-z_]+/g));
  const written = new Set(lines.toString().trim().split('\n').flatMap((l) => Object.keys(JSON.parse(l))));
  assert.deepEqual(documented.filter((name) => written.has(name)), documented);
  for (const line of lines.toString().trim().split('\n')) {
    const names = Object.keys(JSON.parse(line));
    assert.deepEqual(names, documented.filter((name) => names.includes(name)));
  }

  const edited = Buffer.from(lines);
  edited[lines.indexOf('github') + 2] ^= 1;
  writeFileSync(first, edited);
  assert.throws(() => verifyLog(dir, key), /not the log that was signed/);
  writeFileSync(first, lines.subarray(0, lines.lastIndexOf(10, lines.length - 2) + 1));
  assert.throws(() => verifyLog(dir, key), /the log ends at 39, before 40/);
  writeFileSync(first, lines.subarray(lines.indexOf(10) + 1));
  assert.throws(() => verifyLog(dir, key), /record 1 in place of 0/);
  writeFileSync(first, lines);
  assert.throws(() => verifyLog(dir, key.replace(/^../, (h) => (h === '00' ? '01' : '00'))),
    /not a checkpoint of this log/);
  writeFileSync(join(dir, 'checkpoint'), kept.replace(/\n40\n/, '\n39\n'));
  assert.throws(() => verifyLog(dir, key), /not signed by this key/);
} finally {
  rmSync(dir, { recursive: true });
}
