import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { packageRoot } from '../../src/lab/package-root.ts';
import type { Finished } from './process.ts';
import { sandboxFor } from './sandbox.ts';

/** A host on which deploy/master.sh runs for real, with doubles of all that would download, install or start something. */
export interface MasterHost {
  /** Runs the script with the package given. */
  master(...options: readonly string[]): Promise<Finished>;
  /** Runs it as it lies in a checkout at /opt/rackseed, without a package. */
  checkout(...options: readonly string[]): Promise<Finished>;
  /** Runs a bash script there. */
  run(script: string): Promise<Finished>;
  /** What the doubles were asked to change, a line each, in order. */
  changes(): Promise<readonly string[]>;
  /** A file below /etc of that host; undefined when there is none. */
  etc(path: string): Promise<string | undefined>;
  /** Sets or takes away a condition that the doubles know: `offline`, `swap`, `images-fail`, and
   * `real-check`, with which the configuration is checked by rackseed itself. */
  set(condition: string, text: string | undefined): Promise<void>;
}

/** How the host is, unless it is as the script likes it. */
export interface HostSettings {
  /** Commands of ip(8) that give it its cards; else eth0 leads to the internet, and enp0s8 to the rack. */
  readonly cards?: readonly string[];
  /** Megabytes. */
  readonly memory?: number;
  readonly processors?: number;
  /** The version of Node.js that apt-get would install. */
  readonly nodejs?: string;
}

const CARDS = [
  'link add eth0 type bridge',
  'link add enp0s8 type bridge',
  'link set eth0 up',
  'link set enp0s8 up',
  'address add 10.0.2.15/24 dev eth0',
  'address add 192.168.0.254/24 dev enp0s8',
  'route add default via 10.0.2.2',
];

/** flannel's manifest, as far as the script looks at it. */
const FLANNEL = `kind: ConfigMap
data:
  net-conf.json: |
    {
      "Network": "10.244.0.0/16"
    }
---
kind: DaemonSet
spec:
      containers:
      - name: kube-flannel
        args:
        - --ip-masq
        - --kube-subnet-mgr
`;

/** Makes such a host, which is gone when the test ends. What one run of the script does, the next one finds. */
export async function masterHostFor(t: ExecutionContext, settings: HostSettings = {}): Promise<MasterHost> {
  const { cards = CARDS, memory = 4000, processors = 2, nodejs = '20.19.2+dfsg-1' } = settings;
  const sandbox = await sandboxFor(t, doubles(processors, nodejs));
  const { folder } = sandbox;
  const state = join(folder, 'state');
  await mkdir(join(state, 'installed'), { recursive: true });
  for (const name of ['active', 'home', 'var', 'work', 'bin', 'bin-work']) await mkdir(join(state, name));
  await writeFile(join(state, 'changes'), '');
  await writeFile(join(state, 'flannel.yml'), FLANNEL);
  await writeFile(join(state, 'meminfo'), `MemTotal:       ${memory * 1000} kB\n`);
  await writeFile(join(folder, 'rackseed.deb'), '');
  const before = `
    set -e
    mount --bind ${state}/meminfo /proc/meminfo
    mount -t overlay overlay -o lowerdir=/var/lib,upperdir=${state}/var,workdir=${state}/work /var/lib
    mount -t overlay overlay -o lowerdir=/usr/local/bin,upperdir=${state}/bin,workdir=${state}/bin-work /usr/local/bin
    mkdir -p /run/systemd/system
    mount --bind /dev /dev
    mount -o remount,bind,ro /dev
    ${cards.map((command) => `ip ${command}`).join('\n')}
    set +e
    export HOME=${state}/home STATE=${state} REPOSITORY=${packageRoot}`;
  const at = (path: string) => join(folder, 'own/etc', path);
  const run = (script: string) => sandbox.run(`${before}\n${script}`);
  return {
    run,
    master(...options) {
      const argv = [
        'deploy/master.sh',
        '--package',
        `${folder}/rackseed.deb`,
        '--dns',
        '9.9.9.9',
        ...options,
      ];
      return run(`cd ${packageRoot} && ${argv.join(' ')}`);
    },
    changes: async () => (await readFile(join(state, 'changes'), 'utf8')).trim().split('\n'),
    async checkout(...options) {
      await sandbox.run(
        `mkdir -p /opt/rackseed && cd ${packageRoot} && cp -r deploy config docs /opt/rackseed`,
      );
      return run(`/opt/rackseed/deploy/master.sh --dns 9.9.9.9 ${options.join(' ')}`);
    },
    etc: async (path) => (existsSync(at(path)) ? readFile(at(path), 'utf8') : undefined),
    set: (condition, text) =>
      sandbox.run(`rm -f ${state}/${condition}`).then(async () => {
        if (text !== undefined) await writeFile(join(state, condition), text);
      }),
  };
}

/** Doubles of programs: each tells what it was asked to change, and remembers it below $STATE. */
function doubles(processors: number, nodejs: string): Readonly<Record<string, string>> {
  const changes = 'echo "$(basename "$0") $*" >>"$STATE/changes"\n';
  return {
    nproc: `echo ${processors}`,
    'dpkg-query': `
      [ -e "$STATE/installed/\${@: -1}" ] || exit 1
      case "$*" in *Version*) echo -n 0.1.0 ;; *) echo -n installed ;; esac`,
    'dpkg-deb': 'echo 0.1.0',
    'apt-cache': `echo '  Candidate: ${nodejs}'`,
    'apt-mark': changes,
    'apt-get': `${changes}
      [ "$1" = install ] || exit 0
      shift
      while [ $# -gt 0 ]; do
        case $1 in
        -o) shift ;;
        -*) ;;
        *.deb)
          touch "$STATE/installed/rackseed"
          mkdir -p /etc/rackseed /var/lib/rackseed/assets
          cp -r "$REPOSITORY/config/." /etc/rackseed
          sed -i 's#directory: ../assets#directory: /var/lib/rackseed/assets#' /etc/rackseed/rackseed.yaml
          echo 'rackseed:x:987:987::/:/usr/sbin/nologin' >>/etc/passwd
          echo 'rackseed:x:987:' >>/etc/group ;;
        *) touch "$STATE/installed/$1" ;;
        esac
        shift
      done`,
    npm: `${changes}
      mkdir -p "$2/dist"; touch "$2/dist/main.js"`,
    swapon: 'cat "$STATE/swap" 2>/dev/null; true',
    swapoff: `${changes} rm "$STATE/swap"`,
    modprobe: changes,
    sysctl: `
      if [ "$1" = -n ]; then cat "$STATE/sysctl" 2>/dev/null; else ${changes} printf '1\\n1\\n' >"$STATE/sysctl"; fi`,
    containerd: `printf '%s\\n' 'bin_dir = "/usr/lib/cni"' 'SystemdCgroup = false'`,
    systemctl: `
      [ "$1" != is-active ] || exec test -e "$STATE/active/\${3%.service}"
      ${changes}
      [ "$1" != restart ] || touch "$STATE/active/\${2%.service}"`,
    curl: `
      [ ! -e "$STATE/offline" ] || { echo 'curl: (6) Could not resolve host' >&2; exit 6; }
      while [ "$1" != --output ]; do shift; done
      case $3 in *flannel*) cat "$STATE/flannel.yml" ;; *) echo "$3" ;; esac >"$2"`,
    kubeadm: `
      [ -e "$STATE/installed/kubeadm" ] || exit 127
      [ "$1" != version ] || { echo v1.36.4; exit; }
      ${changes}
      mkdir -p /etc/kubernetes/pki
      echo 'the CA' >/etc/kubernetes/pki/ca.crt
      echo 'the administrator' >/etc/kubernetes/admin.conf`,
    kubectl: `
      shift 2
      case "$*" in
      'get --raw /readyz' | *'get daemonset kube-proxy') ;;
      *'get daemonset kube-flannel-ds -o yaml') cat "$STATE/flannel.yaml.applied" 2>/dev/null ;;
      apply*) echo "kubectl apply $(basename "$3")" >>"$STATE/changes"; cp "$3" "$STATE/$(basename "$3").applied" ;;
      wait*) [ -e "$STATE/flannel.yaml.applied" ] ;;
      *) echo "kubectl $*: not known to this double" >&2; exit 1 ;;
      esac`,
    runuser: 'shift 3; exec "$@"',
    rackseed: `
      case "$*" in
      check*) [ -e "$STATE/real-check" ] || exit 0; exec node --import "$REPOSITORY/node_modules/tsx/dist/esm/index.mjs" "$REPOSITORY/src/main.ts" "$@" ;;
      'install --kubeadm --dry-run') echo "ok    all" ; exit ;;
      esac
      ${changes}
      case "$*" in
      'images key'*) mkdir -p /etc/rackseed/keys; touch /etc/rackseed/keys/key.asc ;;
      'images pull'*)
        [ ! -e "$STATE/images-fail" ] || { echo 'flatcar@stable was not pulled: the disk is full'; exit 1; }
        mkdir -p /var/lib/rackseed/assets/flatcar/current /var/lib/rackseed/assets/kubernetes/v1.36.4 ;;
      install) apt-get install the.deb ;;
      'install --kubeadm') touch "$STATE/active/rackseed" ;;
      esac`,
  };
}
