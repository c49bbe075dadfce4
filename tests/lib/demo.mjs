// SPDX-License-Identifier: Apache-2.0
// `valetkey demo` as the README starts it, on ports of its own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Daemon } from './daemon.mjs';
import { Program, atEnd, binary, folder, freePort, waitFor } from './process.mjs';
import { Sandbox } from './sandbox.mjs';

export async function startDemo(t) {
  const dir = folder(t);
  const data = join(dir, 'demo');
  const [port, sandboxPort] = [await freePort(), await freePort()];
  const env = { XDG_CONFIG_HOME: join(dir, 'config'), HOME: dir };
  const url = `http://localhost:${port}/`;
  const program = new Program(binary, ['demo', '--data', data, '--listen', `127.0.0.1:${port}`,
    '--sandbox-listen', `127.0.0.1:${sandboxPort}`], { env, cwd: dir });
  atEnd(t, () => program.stop());
  const daemon = new Daemon({ dir, data, url, env });
  daemon.program = program;
  await daemon.ready();
  daemon.token = readFileSync(join(data, 'operator', 'admin.token'), 'utf8').trim();
  const sandbox = new Sandbox(`http://127.0.0.1:${sandboxPort}`);
  await waitFor(() => sandbox.observed(), { what: 'the sandbox' });
  await program.says(/Ctrl-C ends it/);
  return { daemon, sandbox, program };
}
