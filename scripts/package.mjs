#!/usr/bin/env node
// Builds dist-package/rackseed_VERSION_ARCH.deb from this checkout: `npm run package`. Needs what setup.mjs prepares for it.
// The package holds the compiled program with the npm packages it was tested with, the configuration that ships as conffiles,
// and the service's unit. The sockets of networks are units that `rackseed install` writes from the configuration.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

// Compiled by setup.mjs just before.
const { packagedUnit } = await import('../dist/install/plan.js');

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'dist-package');
const tree = join(out, 'tree');
/** As the tools that build Debian packages are told. */
const { DEBFULLNAME = 'rackseed', DEBEMAIL = 'rackseed@users.noreply.github.com' } = process.env;
const MAINTAINER = `${DEBFULLNAME} <${DEBEMAIL}>`;
const LIBRARY = '/usr/lib/rackseed';
const CONFIG = '/etc/rackseed';

/** What npm packages hold for other systems (musl, Android, macOS, the Bare runtime), and for those who develop them. */
const UNWANTED =
  /musl|\/node_modules\/.*\.sh$|\.bare$|\/prebuilds\/|\/node_modules\/\.bin(?:\/|$)|\/\.(?:eslintrc|github|nycrc|editorconfig|travis|npmignore|jshintrc|prettierrc)/;

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const architecture = run('dpkg', '--print-architecture').trim();
/** The time of the last commit, so that the same commit makes the same package. */
const date = new Date(Number(run('git', '-C', root, 'log', '-1', '--format=%ct')) * 1000);

rmSync(out, { recursive: true, force: true });
say('copying the program');
copyProgram();
say('leaving out npm packages that only development needs');
pruneNodeModules();
say('writing units, configuration and manual page');
writeSystemFiles();
writeDocumentation();
writeControl();
say('packing');
const file = join(out, `rackseed_${manifest.version}_${architecture}.deb`);
const env = { ...process.env, SOURCE_DATE_EPOCH: String(date.getTime() / 1000) };
execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z6', '--build', tree, file], { env });
rmSync(tree, { recursive: true });
process.stdout.write(`${relative(process.cwd(), file)}\n`);

// --- the program ---

function copyProgram() {
  const isWanted = (path) => !path.endsWith('.map') && !path.endsWith('/.built');
  for (const name of ['dist', 'ipxe', 'node-files', 'package.json', 'package-lock.json', 'node_modules']) {
    cpSync(join(root, name), at(LIBRARY, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: isWanted,
    });
  }
  // Binaries of iPXE that somebody put into the checkout are theirs.
  rmSync(at(LIBRARY, 'ipxe/firmware'), { recursive: true, force: true });
  cpSync(join(root, 'config'), at(LIBRARY, 'config'), { recursive: true });
  // What the service may do in a cluster; /usr/share/doc may be left out of a system.
  for (const name of ['rbac.yaml', 'serviceaccount.yaml'])
    put(join(LIBRARY, 'docs', name), read(`docs/${name}`));
  mkdirSync(at('/usr/bin'), { recursive: true });
  chmodSync(at(LIBRARY, 'dist/main.js'), 0o755);
  symlinkSync('../lib/rackseed/dist/main.js', at('/usr/bin/rackseed'));
}

function pruneNodeModules() {
  const library = at(LIBRARY);
  execFileSync('npm', ['prune', '--omit=dev', '--offline', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: library,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  rmSync(join(library, 'package-lock.json'));
  rmSync(join(library, 'node_modules/.package-lock.json'), { force: true });
  for (const entry of readdirSync(library, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (UNWANTED.test(`/${relative(library, path)}`)) rmSync(path, { recursive: true, force: true });
    else if (entry.isDirectory() && existsSync(path)) chmodSync(path, 0o755);
    else if (entry.isFile()) tidy(path);
  }
}

/** Sets a file's mode, and takes debugging symbols out of binaries, which Debian keeps apart. */
function tidy(path) {
  if (!existsSync(path)) return; // It went with its folder.
  const isBinary = path.endsWith('.node');
  if (isBinary) execFileSync('strip', ['--strip-unneeded', path]);
  const isProgram = path === at(LIBRARY, 'dist/main.js');
  chmodSync(path, isProgram ? 0o755 : 0o644);
}

// --- the system ---

function writeSystemFiles() {
  cpSync(join(root, 'config'), at(CONFIG), { recursive: true });
  const settings = at(CONFIG, 'rackseed.yaml');
  // In a checkout, images lie beside the configuration.
  const text = readFileSync(settings, 'utf8').replace(
    'directory: ../assets',
    'directory: /var/lib/rackseed/assets',
  );
  writeFileSync(settings, text);
  put('/usr/lib/sysusers.d/rackseed.conf', read('packaging/rackseed.sysusers'));
  put('/usr/lib/tmpfiles.d/rackseed.conf', read('packaging/rackseed.tmpfiles'));
  put('/usr/lib/systemd/system/rackseed.service', packagedUnit());
}

function writeDocumentation() {
  const stamp = date
    .toUTCString()
    .replace('GMT', '+0000')
    .replace(/^(\w+), 0/, '$1,  ');
  const changelog = `rackseed (${manifest.version}) stable; urgency=medium

  * See the history of the project.

 -- ${MAINTAINER}  ${stamp}
`;
  put('/usr/share/doc/rackseed/changelog.gz', gzipSync(changelog, { level: 9 }));
  const licence = read('LICENSE')
    .split('\n')
    .map((line) => ` ${line || '.'}`)
    .join('\n');
  const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: rackseed

Files: *
Copyright: the authors of rackseed
License: MIT

Files: usr/lib/rackseed/node_modules/*
Copyright: their authors, as each package says in its own folder
License: MIT

License: MIT
${licence}
`;
  put('/usr/share/doc/rackseed/copyright', copyright);
  cpSync(join(root, 'docs'), at('/usr/share/doc/rackseed'), { recursive: true });
  cpSync(join(root, 'ops'), at('/usr/share/doc/rackseed/examples'), { recursive: true });
  put('/usr/share/man/man8/rackseed.8.gz', gzipSync(manualPage(), { level: 9 }));
  put('/usr/share/lintian/overrides/rackseed', read('packaging/lintian-overrides'));
}

/** What `rackseed --help` says, as a manual page. */
function manualPage() {
  const help = run(process.execPath, join(root, 'dist/main.js'), '--help');
  const escaped = help
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^([.'])/gm, '\\&$1');
  return `.TH RACKSEED 8 "${date.toISOString().slice(0, 10)}" "rackseed ${manifest.version}" "System Administration"
.SH NAME
rackseed \\- network boot of bare\\-metal machines
.SH SYNOPSIS
.B rackseed
.I command
.RI [ options ]
.SH DESCRIPTION
.nf
${escaped}
.fi
.SH FILES
.TP
.I ${CONFIG}/rackseed.yaml
the networks that are served; profiles/ and machines/ beside it
.TP
.I /var/lib/rackseed
leases, machines and images
`;
}

function writeControl() {
  const installed = Math.ceil(Number(run('du', '-sk', '--apparent-size', tree).split('\t')[0]));
  put(
    '/DEBIAN/control',
    `Package: rackseed
Version: ${manifest.version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${installed}
Depends: nodejs (>= 20.19), ipxe, iproute2, libc6, libstdc++6, libgcc-s1, systemd, passwd
Suggests: docker-registry, ipxe-qemu, ovmf, qemu-system-x86
Section: net
Priority: optional
Description: network boot of bare-metal machines
 DHCP, TFTP and HTTP server in one service: it chainloads iPXE, serves CoreOS
 images and writes a cloud-config for every MAC address, so that a diskless
 machine becomes a node of a Kubernetes cluster when it is switched on.
`,
  );
  const conffiles = filesBelow(at(CONFIG)).map((path) => `/${relative(tree, path)}`);
  put('/DEBIAN/conffiles', `${conffiles.sort().join('\n')}\n`);
  for (const name of ['postinst', 'prerm', 'postrm']) {
    put(`/DEBIAN/${name}`, read(`packaging/${name}`));
    chmodSync(at('/DEBIAN', name), 0o755);
  }
  const sums = filesBelow(at('/usr')).map((path) => {
    const sum = createHash('md5').update(readFileSync(path)).digest('hex');
    return `${sum}  ${relative(tree, path)}\n`;
  });
  put('/DEBIAN/md5sums', sums.join(''));
}

// --- helpers ---

function at(...path) {
  return join(tree, ...path);
}

function read(name) {
  return readFileSync(join(root, name), 'utf8');
}

function put(path, content) {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function run(program, ...args) {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}

function say(text) {
  process.stdout.write(`package: ${text}\n`);
}
