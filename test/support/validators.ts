import { type ExecFileOptions, execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const CACHE = fileURLToPath(new URL('../../.cache/tools', import.meta.url));

/** ignition-validate and cloud-init, with what cloud-init imports. */
const PACKAGES = [
  'cloud-init',
  'ignition',
  'python3-attr',
  'python3-certifi',
  'python3-chardet',
  'python3-configobj',
  'python3-idna',
  'python3-jinja2',
  'python3-json-pointer',
  'python3-jsonpatch',
  'python3-jsonschema',
  'python3-markupsafe',
  'python3-netifaces',
  'python3-oauthlib',
  'python3-pyrsistent',
  'python3-requests',
  'python3-serial',
  'python3-six',
  'python3-urllib3',
  'python3-yaml',
];

/** Debian's own, which the compiled modules of its packages are made for. */
const PYTHON = '/usr/bin/python3';

/**
 * What Ignition's own validator has to say about a configuration: errors and warnings, a line each; empty when it is
 * content.
 */
export async function validateIgnition(json: string): Promise<string> {
  const root = await tools();
  return withFile('config.ign', json, async (file) => {
    const { output } = await outcome(join(root, 'usr/bin/ignition-validate'), [file]);
    return output;
  });
}

/** What cloud-init's own schema has to say about user-data; empty when it is content. */
export async function validateCloudInit(userData: string): Promise<string> {
  return withFile('user-data', userData, async (file) => {
    const { ok, output } = await cloudInit(['schema', '--config-file', file]);
    return ok && output.startsWith('Valid cloud-config') ? '' : output || 'it gives no reason';
  });
}

/** The systemd-networkd files that cloud-init makes of a network-config, one after the other. Throws when it can't. */
export async function convertNetworkConfig(networkConfig: string): Promise<string> {
  return withFile('network-config', networkConfig, async (file, folder) => {
    const options = ['--network-data', file, '--kind', 'yaml', '--directory', folder, '--distro', 'debian'];
    const { ok, output } = await cloudInit(['devel', 'net-convert', ...options, '--output-kind', 'networkd']);
    if (!ok) throw new Error(output);
    const written = join(folder, 'etc/systemd/network/10-cloud-init-boot.network');
    return readFile(written, 'utf8');
  });
}

/**
 * Runs a Python program that can import cloud-init's own modules: `data` is what it is given, and what it leaves in
 * `answer` is the result. Both must be JSON.
 */
export async function askCloudInit(program: string, data: unknown): Promise<unknown> {
  const whole = `import json,sys\ndata = json.load(open(sys.argv[1]))\n${program}\nprint(json.dumps(answer))`;
  return withFile('data.json', JSON.stringify(data), async (file) => {
    const { ok, output } = await python(['-c', whole, file]);
    if (!ok) throw new Error(output);
    return JSON.parse(output) as unknown;
  });
}

/**
 * The folder with the unpacked packages, which are downloaded the first time. They are never installed: cloud-init would
 * take this host for a new machine when it boots next.
 */
export function tools(): Promise<string> {
  unpacked ??= unpack();
  return unpacked;
}

let unpacked: Promise<string> | undefined;

/** Several test processes may want them at once: the first does the work. The folder appears when it is complete. */
const UNPACK = `set -e
[ ! -e validators ] || exit 0
rm -rf validators.new validators.packages
mkdir validators.new validators.packages
(cd validators.packages && apt-get -q download "$@")
for package in validators.packages/*.deb; do dpkg-deb -x "$package" validators.new; done
rm -r validators.packages
mv validators.new validators`;

async function unpack(): Promise<string> {
  const root = join(CACHE, 'validators');
  if (existsSync(root)) return root;
  await mkdir(CACHE, { recursive: true });
  const argv = ['validators.lock', 'sh', '-c', UNPACK, 'sh', ...PACKAGES];
  const { ok, output } = await outcome('flock', argv, { cwd: CACHE });
  if (!ok) throw new Error(`can't get the validators with apt-get download:\n${output}`);
  return root;
}

function cloudInit(args: readonly string[]): Promise<{ ok: boolean; output: string }> {
  return python(['-m', 'cloudinit.cmd.main', ...args]);
}

async function python(args: readonly string[]): Promise<{ ok: boolean; output: string }> {
  const packages = join(await tools(), 'usr/lib/python3/dist-packages');
  return outcome(PYTHON, args, { env: { ...process.env, PYTHONPATH: packages, PYTHONUTF8: '1' } });
}

/** Runs a program to its end: whether it ended well, and all that it wrote. */
async function outcome(
  file: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<{ ok: boolean; output: string }> {
  try {
    const { stdout, stderr } = await run(file, args, { ...options, encoding: 'utf8' });
    return { ok: true, output: `${stdout}${stderr}`.trim() };
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      message,
    } = error as { stdout?: string; stderr?: string; message: string };
    return { ok: false, output: `${stdout}${stderr}`.trim() || message };
  }
}

async function withFile<Result>(
  name: string,
  text: string,
  use: (file: string, folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-validate-'));
  try {
    const file = join(folder, name);
    await writeFile(file, text);
    return await use(file, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
