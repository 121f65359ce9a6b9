#!/usr/bin/env node
// Makes a fresh clone ready for one of the npm scripts: `node scripts/setup.mjs build|start|lab|test|matrix|bench|package|package-test`.
// It installs npm packages and Debian packages that are missing and builds dist/, and is done at once when all is there.
// Plain Node without dependencies, because it runs before anything is installed.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = [20, 19];

const IPXE = ['ipxe'];
// `a|b` is content with either and installs the first.
const LAB = [
  ...IPXE,
  'busybox-static|busybox',
  'cpio',
  'e2fsprogs',
  'iproute2',
  'ipxe-qemu',
  'kmod',
  'ovmf',
  'python3-minimal',
  'python3-yaml',
  'qemu-system-x86',
  'util-linux',
  'zstd',
];
const TEST = [
  ...LAB,
  'atftp',
  'chromium',
  'containerd',
  'curl',
  'dhcpcd-base',
  'dnsmasq-base',
  'docker-registry',
  'faketime',
  'fonts-dejavu-core',
  'grub-common',
  'iptables',
  'isc-dhcp-client',
  'isc-dhcp-relay',
  'kea-admin',
  'kea-dhcp4-server',
  'nftables',
  'nmap',
  'openssl',
  'prometheus',
  'python3',
  'shellcheck',
  'systemd',
  'tcpdump',
  'tftp-hpa',
  'tshark',
  'udhcpc',
  'vagrant',
];
const MATRIX = [...TEST, 'qemu-efi-aarch64', 'qemu-system-arm', 'u-boot-qemu'];
const BENCH = [...TEST, 'nginx-light', 'tftpd-hpa', 'wrk'];
const PACKAGE = ['binutils', 'dpkg', 'git'];
const PACKAGE_TEST = [...TEST, ...PACKAGE, 'debootstrap', 'lintian', 'systemd-container'];
const PACKAGES = {
  build: [],
  start: IPXE,
  lab: LAB,
  test: TEST,
  matrix: MATRIX,
  bench: BENCH,
  package: PACKAGE,
  'package-test': PACKAGE_TEST,
};

/** Services of those packages. They are used as programs; nothing shall run, now or after the next boot. */
const SERVICES = [
  'containerd',
  'docker-registry',
  'isc-dhcp-relay',
  'kea-dhcp4-server',
  'nginx',
  'prometheus',
  'tftpd-hpa',
];

/** A copy of the lock file that npm leaves when it has finished. */
const NPM_STAMP = 'node_modules/.package-lock.json';

/** Written when dist/ was built. */
const STAMP = 'dist/.built';

const root = fileURLToPath(new URL('..', import.meta.url));
const mode = process.argv[2] ?? '';

class SetupError extends Error {}

try {
  setUp();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`setup: ${error.message}\n`);
  process.exitCode = 1;
}

function setUp() {
  if (!Object.hasOwn(PACKAGES, mode)) {
    throw new SetupError(`usage: node scripts/setup.mjs ${Object.keys(PACKAGES).join('|')}`);
  }
  checkNode();
  if (isReady()) return;
  // Several may start at once: the first does the work, the others find it done.
  const lock = join(root, '.cache/setup.lock');
  mkdirSync(join(root, '.cache'), { recursive: true });
  if (process.env.RACKSEED_SETUP_LOCKED !== lock && has('flock')) {
    const argv = ['--close', lock, process.execPath, fileURLToPath(import.meta.url), mode];
    const env = { ...process.env, RACKSEED_SETUP_LOCKED: lock };
    process.exitCode = spawnSync('flock', argv, { stdio: 'inherit', env }).status ?? 1;
    return;
  }
  if (!hasNodeModules()) installNodeModules();
  if (!isBuilt()) build();
  const missing = missingPackages();
  if (missing.length > 0) installPackages(missing);
}

function isReady() {
  return hasNodeModules() && isBuilt() && missingPackages().length === 0;
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupError(
    `Node.js ${OLDEST_NODE.join('.')} or later is needed, this is ${process.versions.node}`,
  );
}

// --- npm packages ---

function hasNodeModules() {
  return modified(NPM_STAMP) >= modified('package-lock.json');
}

/**
 * Installs what the lock file says and leaves it alone. `npm ci` would refuse a lock file that lacks optional packages of
 * other platforms, and it does lack those that the registry it was made from doesn't carry.
 */
function installNodeModules() {
  say('installing npm packages');
  const command = ['npm', 'install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  run(command, 'npm packages could not be installed');
  // npm doesn't touch it when there was nothing to do.
  const now = new Date();
  utimesSync(join(root, NPM_STAMP), now, now);
}

// --- dist/ ---

function isBuilt() {
  const files = ['package-lock.json', 'rolldown.config.mjs'];
  const sources = [...files, ...filesBelow('src'), ...filesBelow('web')];
  return modified(STAMP) >= Math.max(...sources.map(modified));
}

function build() {
  say('bundling src/ to dist/');
  const started = new Date();
  run(
    [process.execPath, 'node_modules/rolldown/bin/cli.mjs', '--config', '--log-level', 'warn'],
    'src/ could not be bundled',
    // It lists what it makes; errors come by the other stream.
    'ignore',
  );
  say('building the web page to dist/web/');
  run(
    [process.execPath, 'node_modules/vite/bin/vite.js', 'build', 'web', '--logLevel', 'warn'],
    'the web page could not be built',
  );
  if (existsSync(join(root, 'dist/main.js'))) chmodSync(join(root, 'dist/main.js'), 0o755);
  // What is edited meanwhile is newer than this, and is built next time.
  writeFileSync(join(root, STAMP), '');
  utimesSync(join(root, STAMP), started, started);
}

// --- Debian packages ---

function missingPackages() {
  const wanted = PACKAGES[mode];
  if (wanted.length === 0) return [];
  const names = wanted.flatMap((entry) => entry.split('|'));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const format = '${db:Status-Status} ${Package}\n';
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', format, ...names], { encoding: 'utf8' });
  const installed = new Set();
  for (const line of (stdout ?? '').split('\n')) {
    const [status, name] = line.split(' ');
    if (status === 'installed') installed.add(name);
  }
  return wanted
    .map((entry) => entry.split('|'))
    .filter((alternatives) => !alternatives.some((name) => installed.has(name)))
    .map(([first]) => first);
}

function installPackages(missing) {
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!has('apt-get') || process.getuid?.() !== 0) {
    const why = has('apt-get') ? 'only root can install them' : 'there is no apt-get here';
    throw new SetupError(
      `missing Debian packages: ${missing.join(' ')} (${why}). Install them with:\n  sudo ${command}`,
    );
  }
  say(`installing Debian packages: ${missing.join(' ')}`);
  if (!missing.every(hasCandidate)) updateLists();
  // Lists that are out of date name files that are gone: that is worth a second try.
  if (!aptInstall(missing)) {
    updateLists();
    if (!aptInstall(missing))
      throw new SetupError(`apt-get could not install them. To see why, run:\n  ${command}`);
  }
}

function aptInstall(packages) {
  const withoutServices = SERVICES.flatMap((service) => [
    `--path-exclude=/etc/init.d/${service}`,
    `--path-exclude=/lib/systemd/system/${service}.service`,
    `--path-exclude=/usr/lib/systemd/system/${service}.service`,
  ]);
  const options = ['-q', '-y', '--no-install-recommends', '--no-remove', '-o', 'DPkg::Lock::Timeout=600'];
  const dpkg = withoutServices.flatMap((option) => ['-o', `DPkg::Options::=${option}`]);
  return apt(['install', ...options, ...dpkg, ...packages]);
}

function updateLists() {
  apt(['update', '-q']);
}

/** Runs apt-get; its output is shown only when it fails. */
function apt(argv) {
  const { status, stdout, stderr } = spawnSync('apt-get', argv, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return true;
  process.stderr.write(`${stdout}${stderr}`);
  return false;
}

function hasCandidate(name) {
  const { stdout } = spawnSync('apt-cache', ['policy', name], { encoding: 'utf8' });
  return /Candidate: (?!\(none\))/.test(stdout ?? '');
}

// --- helpers ---

function run(argv, problem, stdout = 'inherit') {
  const [command, ...args] = argv;
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', stdout, 'inherit'] });
  if (status !== 0) throw new SetupError(`${problem} (${[basename(command), ...args].join(' ')})`);
}

/** Milliseconds since the epoch; 0 for a file that isn't there. */
function modified(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function filesBelow(directory) {
  return readdirSync(join(root, directory), { recursive: true }).map((name) => join(directory, name));
}

function has(command) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(join(folder, command)));
}

function say(text) {
  process.stdout.write(`setup: ${text}\n`);
}
