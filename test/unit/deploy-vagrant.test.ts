import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { loadAll } from 'js-yaml';
import { packageRoot } from '../../src/lab/package-root.ts';
import { run } from '../support/process.ts';
import { type RbacObject, readManifest } from '../support/rbac.ts';

test('Ruby and Vagrant take the Vagrantfile', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-vagrant-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const syntax = await run(['ruby', '-wc', join(packageRoot, 'Vagrantfile')]);
  t.is(syntax.stdout, 'Syntax OK\n', syntax.stderr);
  t.is(syntax.stderr, '');
  const { code, stdout, stderr } = await run(['vagrant', 'validate', '--ignore-provider'], {
    cwd: packageRoot,
    env: {
      HOME: folder,
      VAGRANT_HOME: join(folder, 'home'),
      VAGRANT_DOTFILE_PATH: join(folder, 'dotfiles'),
      VAGRANT_CHECKPOINT_DISABLE: '1',
    },
  });
  t.is(code, 0, stdout + stderr);
  const machines = [...stdout.matchAll(/^==> (\S+): Ignoring provider config/gm)].map(([, name]) => name);
  t.deepEqual(machines, ['master', 'worker-1', 'worker-2', 'worker-3']);
});

test("rackseed's account in a new cluster has the roles of docs/rbac.yaml, and no others", async (t) => {
  const text = await readFile(join(packageRoot, 'docs/serviceaccount.yaml'), 'utf8');
  const objects = loadAll(text) as RbacObject[];
  const bindings = objects.filter(({ kind }) => /Binding$/.test(kind));
  const ours = [{ kind: 'ServiceAccount', name: 'rackseed', namespace: 'kube-system' }];
  for (const { subjects } of bindings) t.deepEqual(subjects as unknown, ours);
  const ofUser = (await readManifest()).filter(({ subjects = [] }) =>
    subjects.some(({ kind, name }) => kind === 'User' && name === 'rackseed'),
  );
  const granted = (list: readonly RbacObject[]) =>
    list.map(({ kind, roleRef, metadata: { namespace } }) => ({ kind, roleRef, namespace }));
  t.deepEqual(granted(bindings), granted(ofUser));
});
