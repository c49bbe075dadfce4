// SPDX-License-Identifier: Apache-2.0
// A sandbox, a daemon that may reach it, one connected user with a vault: where most tests begin.
import { connect } from './consent.mjs';
import { makeVault, startDaemon } from './daemon.mjs';
import { notesFile, startSandbox } from './sandbox.mjs';

export async function stage(t, {
  rotation = 'strict', lifetime = 3600, service = 'notes', user = 'ada', connected = true, config, dir, errors, allow = [], sandbox: wish = {},
} = {}) {
  const sandbox = await startSandbox(t);
  await sandbox.control({ service: 'notes', rotation, lifetime_s: lifetime, ...wish });
  const daemon = await startDaemon(t, { allow: [sandbox.host, ...allow], config, dir });
  await daemon.addService(notesFile(sandbox.origin, { id: service, rotation, errors }), { id: service });
  const vault = await makeVault(daemon, { user, services: { [service]: null } });
  const stage = { sandbox, daemon, vault, service, user };
  if (connected) stage.connection = await connect(daemon, { user, service, account: user });
  stage.ask = (more, options) => daemon.exchange(vault.token, service, more, options);
  stage.state = async () => daemon.api('GET', `/connections/${stage.connection.id}`);
  return stage;
}
