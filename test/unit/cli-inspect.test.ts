import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ShownMachine } from '../../src/api-client/types.ts';
import { explainCommand } from '../../src/cli/explain.ts';
import { renderCommand } from '../../src/cli/render.ts';
import { AT, adminApiFor, refusal, shownMachine } from '../support/admin-api-double.ts';
import { RACKSEED } from '../support/config.ts';
import { folderFor } from '../support/openssl.ts';

const MAC = '52:54:00:00:00:01';
const PROFILE = `boot: { image: flatcar/1 }
cloud_config:
  hostname: "{{ machine.hostname }}"
  write_files: [{ path: /etc/rack, content: "PROFILE {{ machine.labels.rack }}" }]
`;
const decided = { decidedBy: 'ci', decidedAt: AT, labels: { rack: 'r7' } } as const;

/** A configuration whose service, a double, knows these machines. */
async function folder(t: ExecutionContext, machines: readonly ShownMachine[]): Promise<string> {
  const root = await folderFor(t);
  const path = join(root, 'admin.sock');
  await adminApiFor(t, { machines, path });
  await mkdir(join(root, 'profiles'));
  await mkdir(join(root, 'machines'));
  await writeFile(
    join(root, 'rackseed.yaml'),
    `${RACKSEED}unknown_machines: hold\nadmin: { listen: "unix:${path}" }\n`,
  );
  for (const name of ['worker', 'storage', 'rescue']) {
    await writeFile(join(root, `profiles/${name}.yaml`), PROFILE.replace('PROFILE', name));
  }
  return root;
}

test('render and explain count what was decided while the service runs', async (t) => {
  const machine = {
    ...shownMachine(1, { profile: 'storage', hostname: 'db-1', reason: 'assigned by ci' }),
    ...decided,
  };
  const root = await folder(t, [machine]);
  t.is(
    await renderCommand(root, MAC, { format: 'cloud-config' }),
    '#cloud-config\nhostname: db-1\nwrite_files:\n  - path: /etc/rack\n    content: storage r7\n',
  );
  t.regex(
    await explainCommand(root, 'db-1'),
    /^machine +db-1 52:54:00:00:00:01\n(?:.*\n)*profile +storage \(assigned by ci\)$/m,
  );
});

test('a name that follows from the profile follows another one', async (t) => {
  const root = await folder(t, [{ ...shownMachine(1, { index: 1 }), ...decided }]);
  t.regex(await renderCommand(root, MAC, { format: 'cloud-config' }), /^hostname: worker-01$/m);
  const other = await renderCommand(root, MAC, { format: 'cloud-config', profile: 'storage' });
  t.regex(other, /^hostname: storage-01$/m);
});

test('a profile for one boot is what the machine would get now', async (t) => {
  const root = await folder(t, [{ ...shownMachine(1, { bootOnce: 'rescue' }), ...decided }]);
  t.regex(await renderCommand(root, MAC, { format: 'cloud-config' }), /content: rescue r7$/m);
});

test('a refused machine gets nothing', async (t) => {
  const { profile: _, ...machine } = shownMachine(1, {
    state: 'refused',
    admission: 'hold',
    reason: 'refused by ci',
  });
  const root = await folder(t, [{ ...machine, ...decided }]);
  await t.throwsAsync(renderCommand(root, MAC, { format: 'cloud-config' }), {
    message: `${MAC} gets no document: refused by ci; --profile shows what it would get`,
  });
});

test('a machine nobody decided about is judged by the configuration', async (t) => {
  const { profile: _, ...machine } = shownMachine(1, { state: 'discovered', admission: 'hold' });
  const root = await folder(t, [machine]);
  t.regex(await renderCommand(root, MAC), /is waiting for approval/);
  await t.throwsAsync(renderCommand(root, 'wroker-01'), {
    message: /no machine is called "wroker-01", did you mean/,
  });
});

test('a service that refuses to tell is not passed over', async (t) => {
  const root = await folder(t, []);
  const path = join(root, 'other.sock');
  await adminApiFor(t, { path, answers: { 'GET /v1/machines': refusal(503, 'the service is starting') } });
  await writeFile(join(root, 'rackseed.yaml'), `${RACKSEED}admin: { listen: "unix:${path}" }\n`);
  await t.throwsAsync(renderCommand(root, MAC), { message: 'the service is starting' });
});
