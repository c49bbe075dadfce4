// SPDX-License-Identifier: Apache-2.0
// The parent: what it refuses to start with, and that nothing outlives it.
import assert from 'node:assert/strict';
import { writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { startDaemon } from '../lib/daemon.mjs';
import { binary, folder, run, waitFor } from '../lib/process.mjs';

test('the parent', async (t) => {
  const daemon = await startDaemon(t);
  const serve = (...args) => run(binary, ['serve', ...args], { env: daemon.env });
  const config = (text) => {
    const file = join(daemon.dir, 'bad.yaml');
    writeFileSync(file, text);
    return file;
  };

  await t.test('a second daemon on the same data directory refuses', async () => {
    const { code, err } = await serve('--data', daemon.data, '--listen', '127.0.0.1:0');
    assert.equal(code, 1);
    assert.match(err, /another daemon is running/);
  });

  await t.test('a directory that was not initialised: it says what to run', async () => {
    const { code, err } = await serve('--data', folder(t));
    assert.equal(code, 1);
    assert.match(err, /valetkey init --data/);
  });

  await t.test('beyond loopback it wants TLS or --behind-proxy', async () => {
    const { code, err } = await serve('--data', daemon.data, '--listen', '0.0.0.0:0');
    assert.equal(code, 1);
    assert.match(err, /tls\.certificate.*--behind-proxy/s);
  });

  await t.test('an unknown key of the configuration is refused with file and line', async () => {
    const file = config('issuer: http://localhost:1/\nlimits:\n  conections: 3\n');
    const { code, err } = await serve('--data', daemon.data, '--config', file);
    assert.equal(code, 2);
    assert.ok(err.includes(`${file}:3: unknown key limits.conections`), err);
  });

  await t.test('a role cannot be taken from a terminal', async () => {
    const { code, err } = await run(binary, ['--role=keeper'], { env: daemon.env });
    assert.equal(code, 2);
    assert.match(err, /for the parent alone/);
  });

  await t.test('SIGHUP replaces gate and nobody else', async () => {
    const before = daemon.children();
    process.kill(daemon.program.pid, 'SIGHUP');
    const after = await waitFor(() => {
      const now = daemon.children();
      return now.gate && now.gate !== before.gate && now;
    }, { what: 'a new gate' });
    await daemon.ready();
    for (const role of ['core', 'keeper', 'courier']) assert.equal(after[role], before[role], role);
  });

  await t.test('what kills the parent ends all children, and it starts again at once', async () => {
    const children = Object.values(daemon.children());
    process.kill(daemon.program.pid, 'SIGKILL');
    await daemon.program.ended;
    await waitFor(() => children.every((pid) => !existsSync(`/proc/${pid}`)), { what: 'their end', ms: 3000 });
    await daemon.start();
  });

  await t.test('SIGTERM ends everything in order', async () => {
    const children = Object.values(daemon.children());
    process.kill(daemon.program.pid, 'SIGTERM');
    const { code } = await daemon.program.ended;
    assert.equal(code, 0);
    assert.ok(children.every((pid) => !existsSync(`/proc/${pid}`)));
  });
});
