import { dump } from 'js-yaml';
import type { ProfileKubernetes } from '../config/config.ts';
import type { Path } from '../config/problem.ts';
import type { JoinMaterial } from './join.ts';
import { CA_FILE, kubeletConfig } from './kubelet-config.ts';
import { remember, rememberFor } from './memory.ts';
import type { NodeFile, NodeUnit } from './node.ts';
import { PHONE_HOME, phoneHomeUrl, type Script, scriptFile } from './scripts.ts';
import { type Section, sectionUnit } from './section.ts';
import type { Variables } from './variables.ts';

const ORIGIN = 'kubernetes';
const DOWNLOAD: Script = { file: 'download-kubernetes.sh', path: '/opt/bin/rackseed-download-kubernetes' };
const REPORT: Script = { file: 'report-kubelet.sh', path: '/opt/bin/rackseed-report-kubelet' };
const KUBEADM: Script = { file: 'kubeadm.sh', path: '/opt/bin/rackseed-kubeadm' };

const KUBELET_UNIT = 'kubelet.service';
const DOWNLOAD_UNIT = 'rackseed-download-kubernetes.service';

const CONFIG_FILE = '/etc/kubernetes/kubelet.yaml';
const KUBECONFIG = '/etc/kubernetes/kubeconfig';
const BOOTSTRAP_KUBECONFIG = '/etc/kubernetes/bootstrap-kubeconfig';
const KUBEADM_CONFIG = '/etc/kubernetes/kubeadm.yaml';

/** The kubelet's default. */
const HEALTHZ_PORT = 10248;
/** How long the kubelet may take until it is healthy, seconds: a control plane pulls its images first. */
const PATIENCE = { worker: 300, controller: 900 } as const;

/**
 * What `kubernetes` stands for: the kubelet with its configuration and credentials, the download of its programs where
 * the image has none, and reports to the provisioning server. The placeholders of `kubernetes` are filled. Without
 * `join` the files that hold credentials are left out.
 *
 * A worker's kubelet registers the node itself. A controller's waits for kubeadm, which configures it; kubeadm is run with
 * /etc/kubernetes/kubeadm.yaml, a file of the profile's own.
 */
export function expandKubernetes(
  kubernetes: ProfileKubernetes,
  variables: Variables,
  join?: JoinMaterial,
): Section {
  const role = kubernetes.role === 'worker' ? worker(kubernetes, join) : controller(kubernetes);
  const healthz = `http://127.0.0.1:${kubernetes.config.healthzPort ?? HEALTHZ_PORT}/healthz`;
  const download = downloadUnit(kubernetes, variables.server.url);
  return {
    files: [
      ...role.files,
      ...(download ? [scriptFile(DOWNLOAD, ORIGIN)] : []),
      scriptFile(REPORT, ORIGIN),
      scriptFile(PHONE_HOME, ORIGIN),
    ],
    units: [
      ...(download ? [download] : []),
      kubeletUnit(kubernetes, role, variables.machine.hostname),
      ...role.units,
      reportUnit(phoneHomeUrl(variables), healthz, PATIENCE[kubernetes.role]),
    ],
  };
}

/** What is wrong with a `kubernetes` section as a whole; paths start in it. */
export function checkKubernetes({
  role,
  config,
  taints,
}: ProfileKubernetes): { path: Path; message: string }[] {
  if (role !== 'controller') return [];
  const message = `belongs into ${KUBEADM_CONFIG}: kubeadm configures a controller's kubelet`;
  return [
    ...(Object.keys(config).length > 0 ? [{ path: ['config'], message }] : []),
    ...(taints.length > 0 ? [{ path: ['taints'], message }] : []),
  ];
}

/** What is different from role to role. */
interface Role {
  readonly files: readonly NodeFile[];
  /** Beside the kubelet's. */
  readonly units: readonly NodeUnit[];
  /** The kubelet's arguments. */
  readonly arguments: readonly string[];
  /** Files of environment variables that these use. */
  readonly environment: readonly string[];
}

const configText = remember((json) => dump(JSON.parse(json), { lineWidth: -1, noRefs: true }));

/** `cluster` is what the configuration says of it, as JSON. */
const configFile = rememberFor((kubernetes: ProfileKubernetes, cluster: string | undefined): NodeFile => {
  const config = kubeletConfig(kubernetes, cluster === undefined ? undefined : JSON.parse(cluster));
  const content = Buffer.from(configText(JSON.stringify(config)));
  return { path: CONFIG_FILE, content, origin: ORIGIN, secret: false };
});

function clusterOf({ kind, clusterDns, clusterDomain }: JoinMaterial): string {
  return JSON.stringify({ kind, clusterDns, clusterDomain });
}

const caFile = remember((caPem): NodeFile => {
  return { path: CA_FILE, content: Buffer.from(caPem), origin: ORIGIN, secret: false };
});

function kubeconfigFile({ kind, kubeconfig }: JoinMaterial): NodeFile {
  return {
    path: kind === 'bootstrap-kubeconfig' ? BOOTSTRAP_KUBECONFIG : KUBECONFIG,
    content: Buffer.from(kubeconfig),
    permissions: '0600',
    origin: ORIGIN,
    secret: true,
  };
}

function worker(kubernetes: ProfileKubernetes, join: JoinMaterial | undefined): Role {
  const bootstrap = join?.kind === 'bootstrap-kubeconfig';
  return {
    files: [
      configFile(kubernetes, join && clusterOf(join)),
      ...(join ? [caFile(join.caPem), kubeconfigFile(join)] : []),
    ],
    units: [],
    arguments: [
      `--config=${CONFIG_FILE}`,
      // With a token, the kubelet writes its kubeconfig itself.
      ...(bootstrap
        ? [`--bootstrap-kubeconfig=${BOOTSTRAP_KUBECONFIG}`, '--kubeconfig=/var/lib/kubelet/kubeconfig']
        : [`--kubeconfig=${KUBECONFIG}`]),
    ],
    environment: [],
  };
}

/** The files, arguments and variables that kubeadm expects of a kubelet.service. */
function controller(kubernetes: ProfileKubernetes): Role {
  return {
    files: [scriptFile(KUBEADM, ORIGIN)],
    units: [kubeadmUnit(downloadsOf(kubernetes) !== undefined)],
    arguments: [
      '--config=/var/lib/kubelet/config.yaml',
      '--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf',
      '--kubeconfig=/etc/kubernetes/kubelet.conf',
      '$KUBELET_KUBEADM_ARGS',
    ],
    environment: ['/var/lib/kubelet/kubeadm-flags.env'],
  };
}

/** A folder below assets/kubernetes/ and what to download from it; undefined when the image has all. */
interface Downloads {
  readonly version: string;
  readonly files: readonly string[];
}

function downloadsOf({ kubelet, role }: ProfileKubernetes): Downloads | undefined {
  switch (kubelet.source) {
    case 'image':
      return undefined;
    case 'sysext':
      return { version: kubelet.version, files: ['kubernetes.raw'] };
    case 'assets': {
      const more = role === 'controller' ? ['kubeadm', 'kubectl'] : [];
      return { version: kubelet.version, files: ['kubelet', ...more, 'cni-plugins.tgz'] };
    }
  }
}

/**
 * Downloads in a unit of its own, so that a failure is told as what it is. It ends in less than three minutes, because
 * coreos-cloudinit waits for it, then tries again until the server is there, and starts the kubelet, which systemd gave up.
 * Undefined when there is nothing to download.
 */
const downloadUnit = rememberFor((kubernetes: ProfileKubernetes, serverUrl: string) => {
  const downloads = downloadsOf(kubernetes);
  if (!downloads) return undefined;
  const { version, files } = downloads;
  const folder = `${serverUrl}/assets/kubernetes`;
  const content = `[Unit]
Description=Download Kubernetes ${version}
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=170
ExecStart=${DOWNLOAD.path} ${folder}/${version} ${files.join(' ')}
ExecStartPost=/usr/bin/systemctl start --no-block ${KUBELET_UNIT}
Restart=on-failure
RestartSec=30
`;
  return sectionUnit({ name: DOWNLOAD_UNIT, content, origin: ORIGIN });
});

const REQUIRE_DOWNLOAD = `Requires=${DOWNLOAD_UNIT}
After=${DOWNLOAD_UNIT}
`;

/** Flags are those that kubelets 1.30 to 1.36 have and can't be given in the configuration file. */
function kubeletUnit(kubernetes: ProfileKubernetes, role: Role, nodeName: string): NodeUnit {
  const { source } = kubernetes.kubelet;
  const labels = Object.entries(kubernetes.labels).map(([key, value]) => `${key}=${value}`);
  const command = [
    // Where an image or an extension has it, is its own affair.
    source === 'assets' ? '/opt/bin/kubelet' : 'kubelet',
    ...role.arguments,
    `--hostname-override=${nodeName}`,
    ...(labels.length > 0 ? [`--node-labels=${labels.join(',')}`] : []),
    '$KUBELET_EXTRA_ARGS',
  ];
  const environment = [...role.environment, '/etc/default/kubelet'].map(
    (file) => `EnvironmentFile=-${file}\n`,
  );
  const content = `[Unit]
Description=Kubernetes kubelet
Wants=containerd.service
After=containerd.service
${source === 'image' ? '' : REQUIRE_DOWNLOAD}StartLimitIntervalSec=0

[Service]
${environment.join('')}ExecStartPre=/usr/bin/mkdir -p /etc/kubernetes/manifests
ExecStart=${command.join(' \\\n  ')}
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
`;
  return sectionUnit({
    name: KUBELET_UNIT,
    content,
    // The packages' drop-in of this name would put other arguments in the place of these.
    dropIns:
      source === 'assets'
        ? []
        : [{ name: '10-kubeadm.conf', content: '# The arguments are in kubelet.service.\n' }],
    // An image's own may run already, with other arguments.
    command: source === 'image' ? 'restart' : 'start',
    origin: ORIGIN,
  });
}

/** Takes minutes, so that nothing must wait for it: to systemd it is up as soon as it has begun. */
function kubeadmUnit(downloaded: boolean): NodeUnit {
  const content = `[Unit]
Description=Make this machine a control-plane node
Wants=containerd.service
After=containerd.service ${KUBELET_UNIT}
${downloaded ? REQUIRE_DOWNLOAD : ''}ConditionPathExists=${KUBEADM_CONFIG}
ConditionPathExists=!/etc/kubernetes/kubelet.conf

[Service]
Type=simple
RemainAfterExit=yes
Environment=PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=${KUBEADM.path} ${KUBEADM_CONFIG}

[Install]
WantedBy=multi-user.target
`;
  return sectionUnit({ name: 'rackseed-kubeadm.service', content, command: 'start', origin: ORIGIN });
}

function reportUnit(url: string, healthz: string, patience: number): NodeUnit {
  const content = `[Unit]
Description=Tell the provisioning server about the kubelet
After=${KUBELET_UNIT}

[Service]
Type=simple
ExecStart=${REPORT.path} ${url} ${healthz} ${patience}

[Install]
WantedBy=multi-user.target
`;
  return sectionUnit({ name: 'rackseed-report-kubelet.service', content, command: 'start', origin: ORIGIN });
}
