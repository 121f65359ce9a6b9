import { lasting, remember, rememberFor } from './memory.ts';
import type { NodeFile, NodeUnit } from './node.ts';
import type { OfferedMirror, OfferedProxy } from './offers.ts';
import { BOOT_CA_FILE } from './secrets.ts';
import { type Section, sectionUnit } from './section.ts';

const MIRROR = 'mirror';
const PROXY = 'proxy';

/** Where containerd looks for what is to be known of a registry, a folder each. */
const CERTS = '/etc/containerd/certs.d';
const CONTAINERD_CONFIG = '/etc/containerd/config.toml';

/** What pulls images, and what asks for other things on the web. */
const ENGINES = ['containerd.service', 'docker.service'];
const WEB_USERS = [...ENGINES, 'kubelet.service'];

/** How container engines are to get images. */
export interface EngineSettings {
  readonly mirror: OfferedMirror | undefined;
  readonly proxy: OfferedProxy | undefined;
  /** Family of the machine's image. */
  readonly family: string;
  /** The profile has a `docker_disk`, whose units start engines again that began before it. */
  readonly hasDisk: boolean;
}

/**
 * The files that tell containerd and Docker of the mirror, and the proxy for them and the kubelet. Both engines ask the
 * registry itself when its mirror doesn't answer. Of registries, Docker can have a mirror of docker.io only.
 */
export function expandEngineSettings({ mirror, proxy, family, hasDisk }: EngineSettings): Section {
  if (!mirror && !proxy) return { files: [], units: [] };
  const files = mirror ? mirrorFiles(mirror, family) : [];
  const units = [
    ...(mirror && family === 'flatcar' ? [FLATCAR_CONTAINERD] : []),
    ...(proxy ? proxyDropIns(proxy) : []),
  ];
  return { files, units: hasDisk ? units : [...units, restartUnit(mirror ? MIRROR : PROXY)] };
}

// --- the mirror ---

function file(path: string, content: string): NodeFile {
  return { path, content: Buffer.from(content), permissions: '0644', origin: MIRROR, secret: false };
}

const mirrorFiles = rememberFor((mirror: OfferedMirror, family: string): readonly NodeFile[] =>
  lasting([caFile(mirror), ...containerdFiles(mirror, family), ...dockerFiles(mirror)]),
);

/** As the machine has it for its keys too. */
function caFile({ ca }: OfferedMirror): NodeFile {
  return file(BOOT_CA_FILE, ca);
}

/** https://github.com/containerd/containerd/blob/main/docs/hosts.md: hosts are asked in their order, `server` at last. */
function containerdFiles({ registries }: OfferedMirror, family: string): NodeFile[] {
  const hosts = registries.map(({ name, url, mirror }) =>
    file(
      `${CERTS}/${name}/hosts.toml`,
      `server = "${url}"

[host."${mirror}"]
  capabilities = ["pull", "resolve"]
  ca = "${BOOT_CA_FILE}"
`,
    ),
  );
  return family === 'flatcar' ? [file(CONTAINERD_CONFIG, FLATCAR_CONFIG), ...hosts] : hosts;
}

/** Flatcar's own settings, which lie in /usr, and the folder of hosts. */
const FLATCAR_CONFIG = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
subreaper = true
oom_score = -999

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
enable_selinux = true

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = true

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "${CERTS}"
`;

/** Its unit takes the file's name from a variable. */
const FLATCAR_CONTAINERD = lasting(
  sectionUnit({
    name: 'containerd.service',
    dropIns: [
      { name: '10-mirror.conf', content: `[Service]\nEnvironment=CONTAINERD_CONFIG=${CONTAINERD_CONFIG}\n` },
    ],
    origin: MIRROR,
  }),
);

function dockerFiles({ ca, registries }: OfferedMirror): NodeFile[] {
  const hub = registries.find(({ name }) => name === 'docker.io');
  if (!hub) return [];
  return [
    file('/etc/docker/daemon.json', `${JSON.stringify({ 'registry-mirrors': [hub.mirror] }, null, 2)}\n`),
    file(`/etc/docker/certs.d/${new URL(hub.mirror).host}/ca.crt`, ca),
  ];
}

// --- the proxy ---

const proxyDropIns = rememberFor((proxy: OfferedProxy): readonly NodeUnit[] =>
  lasting(WEB_USERS.map((name) => proxyDropIn(name, proxy))),
);

function proxyDropIn(name: string, { http, https, no_proxy }: OfferedProxy): NodeUnit {
  const variables = { HTTP_PROXY: http, HTTPS_PROXY: https, NO_PROXY: no_proxy };
  const lines = Object.entries(variables).flatMap(([key, value]) =>
    value === undefined ? [] : `Environment="${key}=${value}"\n`,
  );
  const content = `[Service]\n${lines.join('')}`;
  return sectionUnit({ name, dropIns: [{ name: '10-proxy.conf', content }], origin: PROXY });
}

/**
 * Starts engines again that run already, as an image's do when a cloud-config comes. They come after this unit, which
 * therefore doesn't wait for them.
 */
const restartUnit = remember((origin): NodeUnit => {
  const engines = ENGINES.join(' ');
  const content = `[Unit]
Description=Let container engines take over their settings
Before=${engines} kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-/usr/bin/systemctl try-restart --no-block ${engines}

[Install]
WantedBy=multi-user.target
`;
  return sectionUnit({ name: 'rackseed-engine-settings.service', content, command: 'start', origin });
});
