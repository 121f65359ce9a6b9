import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import anyTest, { type ExecutionContext } from 'ava';
import { run, runChecked } from '../support/process.ts';
import { sandboxFor, writeExecutable } from '../support/sandbox.ts';

// The scripts that machines run, against a server on the loopback interface.

const test = process.getuid?.() === 0 ? anyTest : anyTest.skip;

const script = (name: string) => fileURLToPath(new URL(`../../node-files/${name}.sh`, import.meta.url));

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A server for the length of a test; what it was sent is in `bodies`. */
async function serve(t: ExecutionContext, answer: Answer) {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    bodies.push(`${request.method} ${request.url} ${body}`);
    answer(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

const NO_SLEEP = { sleep: 'exit 0' };

test('every script is one that shellcheck finds nothing in', async (t) => {
  if (!(await run(['shellcheck', '--version']).catch(() => undefined)))
    return t.pass('shellcheck is missing');
  const names = [
    'docker-disk',
    'download-kubernetes',
    'fetch-secrets',
    'kubeadm',
    'phone-home',
    'preload',
    'report-kubelet',
    'restart-engines',
  ];
  t.is((await run(['shellcheck', ...names.map(script)])).stdout, '');
});

// --- phone-home ---

test('a stage and its details reach the server as they are', async (t) => {
  const sandbox = await sandboxFor(t);
  const { url, bodies } = await serve(t, (_, response) => response.writeHead(204).end());
  const { code } = await sandbox.run(`bash ${script('phone-home')} ${url}/x disk '/dev/vda & 20% "ü"'`, {
    network: true,
  });
  t.is(code, 0);
  const [body = ''] = bodies;
  t.deepEqual(Object.fromEntries(new URLSearchParams(body.replace('POST /x ', ''))), {
    stage: 'disk',
    detail: '/dev/vda & 20% "ü"',
  });
});

test('a report in a file is told once', async (t) => {
  const sandbox = await sandboxFor(t);
  const { url, bodies } = await serve(t, (_, response) => response.writeHead(204).end());
  const tell = `bash ${script('phone-home')} ${url}/x --from /run/report`;
  const { stdout } = await sandbox.run(
    `printf 'disk\\nall is well\\n' >/run/report; ${tell}; ls /run/report*; ${tell} 2>/dev/null; echo $?`,
    {
      network: true,
    },
  );
  t.is(stdout, '/run/report.sent\n0\n');
  t.deepEqual(bodies, ['POST /x stage=disk&detail=all+is+well']);
});

test('a server that is away for a while is told again; one that stays away stops nothing', async (t) => {
  const sandbox = await sandboxFor(t, NO_SLEEP);
  let refusals = 3;
  const { url, bodies } = await serve(t, (_, response) => {
    refusals -= 1;
    response.writeHead(refusals >= 0 ? 503 : 204).end();
  });
  const tell = (to: string) => sandbox.run(`bash ${script('phone-home')} ${to} up`, { network: true });
  t.is((await tell(url)).code, 0);
  t.is(bodies.length, 4);
  const { code, stderr } = await tell('http://127.0.0.1:9');
  t.is(code, 0);
  t.regex(stderr, /the provisioning server could not be told: up/);
});

// --- download-kubernetes ---

const sha512 = (content: Uint8Array | string) => createHash('sha512').update(content).digest('hex');

/** Serves files, each with its checksum as the projects publish them. */
function assets(
  files: Readonly<Record<string, Uint8Array | string>>,
  checksums: Readonly<Record<string, string>> = {},
): Answer {
  return ({ url = '' }, response) => {
    const name = url.replace('/v1/', '');
    const base = name.replace(/\.sha512$/, '');
    const content = files[base];
    if (content === undefined) return response.writeHead(404).end('not found');
    response.end(name === base ? content : (checksums[base] ?? `${sha512(content)}  ${base}`));
  };
}

test('programs and plugins are downloaded to where they belong', async (t) => {
  const sandbox = await sandboxFor(t);
  await mkdir(join(sandbox.folder, 'plugins'));
  await writeExecutable(join(sandbox.folder, 'plugins/bridge'), '#!/bin/sh\necho bridge\n');
  const archive = join(sandbox.folder, 'cni.tgz');
  await runChecked([
    'tar',
    '--create',
    '--gzip',
    `--file=${archive}`,
    `--directory=${sandbox.folder}/plugins`,
    '.',
  ]);
  const files = { kubelet: '#!/bin/sh\necho kubelet\n', 'cni-plugins.tgz': await readFile(archive) };
  // dl.k8s.io publishes the bare sum.
  const { url } = await serve(t, assets(files, { kubelet: sha512(files.kubelet) }));
  const { code, stdout, stderr } = await sandbox.run(
    `bash ${script('download-kubernetes')} ${url}/v1 kubelet cni-plugins.tgz && /opt/bin/kubelet && /opt/cni/bin/bridge; ls -A /opt/bin`,
    { network: true },
  );
  t.is(stderr, '');
  t.is(stdout, 'kubelet\nbridge\nkubelet\n');
  t.is(code, 0);
});

test('what is not what its checksum says is thrown away', async (t) => {
  const sandbox = await sandboxFor(t);
  const { url } = await serve(t, assets({ kubelet: 'changed' }, { kubelet: sha512('kubelet') }));
  const { stdout, stderr } = await sandbox.run(
    `bash ${script('download-kubernetes')} ${url}/v1 kubelet; echo $?; ls -A /opt/bin`,
    { network: true },
  );
  t.is(stdout, '1\n');
  t.regex(stderr, /\/v1\/kubelet is not what its checksum says/);
});

test('an empty checksum is no checksum', async (t) => {
  const sandbox = await sandboxFor(t);
  const { url } = await serve(t, assets({ kubelet: 'kubelet' }, { kubelet: '' }));
  const { stdout } = await sandbox.run(`bash ${script('download-kubernetes')} ${url}/v1 kubelet; echo $?`, {
    network: true,
  });
  t.is(stdout, '1\n');
});

test('a file that the server does not have is given up at once, and asked for again while it is only busy', async (t) => {
  const sandbox = await sandboxFor(t, NO_SLEEP);
  let busy = 2;
  const serveFiles = assets({ kubelet: 'kubelet' });
  const { url, bodies } = await serve(t, (request, response, body) => {
    busy -= 1;
    if (busy >= 0) response.writeHead(503).end();
    else serveFiles(request, response, body);
  });
  const { stdout } = await sandbox.run(
    `bash ${script('download-kubernetes')} ${url}/v1 kubelet 2>/dev/null; echo $?; bash ${script('download-kubernetes')} ${url}/v1 kubeadm 2>/dev/null; echo $?`,
    { network: true },
  );
  t.is(stdout, '0\n1\n');
  t.deepEqual(
    bodies.map((line) => line.split(' ')[1]),
    ['/v1/kubelet.sha512', '/v1/kubelet.sha512', '/v1/kubelet.sha512', '/v1/kubelet', '/v1/kubeadm.sha512'],
  );
});

test('a system extension is put in place and merged', async (t) => {
  const sandbox = await sandboxFor(t, { 'systemd-sysext': 'echo "systemd-sysext $*"' });
  const { url } = await serve(t, assets({ 'kubernetes.raw': 'squashfs' }));
  const { stdout } = await sandbox.run(
    `bash ${script('download-kubernetes')} ${url}/v1 kubernetes.raw; cat /etc/extensions/kubernetes.raw`,
    { network: true },
  );
  t.is(stdout, 'systemd-sysext refresh\nsquashfs');
});

// --- restart-engines ---

/** Stands in for systemctl: a folder holds, for each active unit, since when; commands are printed. */
const SYSTEMCTL = `
folder=$(dirname "$0")/../units
case $1 in
  is-active) shift; for unit in "$@"; do [[ $unit == --quiet || -e $folder/$unit ]] || exit 3; done ;;
  show) if [[ -e $folder/\${@: -1} ]]; then cat "$folder/\${@: -1}"; else echo 0; fi ;;
  cat) [[ -e $folder/known-$2 ]] ;;
  *) echo "$*" ;;
esac`;

const ENGINES: readonly [
  what: string,
  units: Readonly<Record<string, string>>,
  commands: string[],
  code: number,
][] = [
  [
    'engines that ran before the mounts are stopped and started, containerd first',
    { 'a.mount': '10', 'b.mount': '20', 'containerd.service': '15', 'docker.service': '16' },
    ['stop docker.service', 'stop containerd.service', 'start containerd.service docker.service'],
    0,
  ],
  [
    'an engine that does not run is left alone',
    { 'a.mount': '10', 'b.mount': '20', 'containerd.service': '15' },
    ['stop containerd.service', 'start containerd.service'],
    0,
  ],
  [
    'an engine that began after the mounts is left alone',
    { 'a.mount': '10', 'b.mount': '20', 'containerd.service': '25' },
    [],
    0,
  ],
  [
    'engines are stopped while a folder is missing, those that the image has',
    { 'a.mount': '10', 'containerd.service': '5', 'known-containerd.service': '' },
    ['stop containerd.service'],
    1,
  ],
];

for (const [what, units, commands, code] of ENGINES) {
  test(what, async (t) => {
    const sandbox = await sandboxFor(t, { systemctl: SYSTEMCTL });
    await mkdir(join(sandbox.folder, 'units'));
    for (const [name, since] of Object.entries(units))
      await writeFile(join(sandbox.folder, 'units', name), `${since}\n`);
    const finished = await sandbox.run(`bash ${script('restart-engines')} a.mount b.mount`);
    t.deepEqual(finished.stdout.split('\n').filter(Boolean), commands);
    t.is(finished.code, code);
  });
}

// --- report-kubelet and kubeadm ---

/** Stands in for the script that tells the server: prints what it would tell. */
const TELL = 'install -D /dev/stdin -m 755 /opt/bin/rackseed-phone-home <<<$\'#!/bin/bash\\necho "$2: $3"\'';

test('a kubelet that runs is told, and again when it is healthy', async (t) => {
  const sandbox = await sandboxFor(t, { ...NO_SLEEP, systemctl: 'exit 0' });
  let sick = 2;
  const { url } = await serve(t, (_, response) => {
    sick -= 1;
    response.writeHead(sick >= 0 ? 500 : 200).end();
  });
  const { stdout, code } = await sandbox.run(
    `${TELL}; bash ${script('report-kubelet')} http://server ${url}/healthz 60`,
    {
      network: true,
    },
  );
  t.is(stdout, 'kubelet: running\nup: the kubelet is healthy\n');
  t.is(code, 0);
});

test('a kubelet that does not run, or is not healthy, is told in the end', async (t) => {
  const down = await sandboxFor(t, { ...NO_SLEEP, systemctl: '[[ $1 == show ]] && echo exit-code; exit 3' });
  const report = `${TELL}; bash ${script('report-kubelet')} http://server http://127.0.0.1:9/healthz 0`;
  t.is((await down.run(report)).stdout, 'kubelet: not running: exit-code\n');
  const sick = await sandboxFor(t, { ...NO_SLEEP, systemctl: 'exit 0' });
  const { stdout } = await sick.run(report);
  t.is(
    stdout,
    "kubelet: running\nkubelet: running, but not healthy: http://127.0.0.1:9/healthz doesn't answer\n",
  );
});

for (const [kind, action] of [
  ['InitConfiguration', 'init'],
  ['JoinConfiguration', 'join'],
]) {
  test(`a ${kind} makes kubeadm ${action}`, async (t) => {
    const sandbox = await sandboxFor(t, { kubeadm: 'echo "$*"' });
    const config = join(sandbox.folder, 'kubeadm.yaml');
    await writeFile(
      config,
      `apiVersion: kubeadm.k8s.io/v1beta4\nkind: ${kind}\n---\nkind: ClusterConfiguration\n`,
    );
    const { stdout } = await sandbox.run(`bash ${script('kubeadm')} ${config}`);
    t.is(stdout, `${action} --config=${config}\n`);
  });
}
