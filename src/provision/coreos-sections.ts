import type { NodeDescription, NodeFile, NodeUnit } from './node.ts';

/** A section of `coreos:` that coreos-cloudinit turns into environment variables of a unit. */
interface EnvironmentSection {
  readonly unit: string;
  readonly prefix: string;
  /** Keys whose variable isn't simply the key in capitals. */
  readonly renamed?: Readonly<Record<string, string>>;
}

const ENVIRONMENT_SECTIONS: Readonly<Record<string, EnvironmentSection>> = {
  etcd: { unit: 'etcd.service', prefix: 'ETCD_' },
  etcd2: { unit: 'etcd2.service', prefix: 'ETCD_' },
  fleet: { unit: 'fleet.service', prefix: 'FLEET_' },
  flannel: { unit: 'flanneld.service', prefix: 'FLANNELD_', renamed: { interface: 'IFACE' } },
  locksmith: {
    unit: 'locksmithd.service',
    prefix: 'LOCKSMITHD_',
    renamed: { window_start: 'REBOOT_WINDOW_START', window_length: 'REBOOT_WINDOW_LENGTH' },
  },
};

/** The sections of `coreos:` that `expandCoreosSections` knows, `units` aside. */
export const COREOS_SECTIONS: readonly string[] = ['update', 'oem', ...Object.keys(ENVIRONMENT_SECTIONS)];

/** The name coreos-cloudinit gives to its drop-ins. */
const DROP_IN = '20-cloudinit.conf';

/** Where flanneld's options lie; it reads them from /run, which nothing can be written to before the system runs. */
const FLANNEL_OPTIONS = '/etc/flannel/options.env';

/**
 * Replaces the sections of `coreos:` by the files and drop-ins that coreos-cloudinit makes of them, for a system without
 * it. What the profile itself writes to one of these places stays as the profile says. `updateFolder` holds update.conf:
 * `/etc/flatcar` or `/etc/coreos`.
 */
export function expandCoreosSections(node: NodeDescription, updateFolder: string): NodeDescription {
  const { coreos } = node;
  const files: NodeFile[] = [];
  const units: NodeUnit[] = [];
  for (const [name, section] of Object.entries(ENVIRONMENT_SECTIONS)) {
    const variables = variablesOf(coreos[name], section);
    if (variables.length === 0) continue;
    const origin = `coreos.${name}`;
    if (name === 'flannel') files.push(textFile(FLANNEL_OPTIONS, lines(variables), origin));
    const content = name === 'flannel' ? FLANNEL_DROP_IN : environmentDropIn(variables);
    units.push(unitWith(section.unit, origin, { dropIns: [{ name: DROP_IN, content }] }));
  }
  const update = settings(coreos.update);
  if (Object.keys(update).length > 0) {
    const assignments = Object.entries(update).map(([key, value]) => `${key.toUpperCase()}=${value}`);
    files.push(textFile(`${updateFolder}/update.conf`, lines(assignments.sort()), 'coreos.update'));
    // coreos-cloudinit stops and masks it; here it is masked before it can start.
    if (update.reboot_strategy === 'off') {
      units.push(unitWith('locksmithd.service', 'coreos.update', { mask: true }));
    }
  }
  const oem = settings(coreos.oem);
  if (oem.id !== undefined) files.push(textFile('/etc/oem-release', oemRelease(oem), 'coreos.oem'));
  const written = new Set(node.files.map(({ path }) => path));
  return {
    ...node,
    files: [...node.files, ...files.filter(({ path }) => !written.has(path))],
    units: units.reduce(addUnit, node.units),
    coreos: {},
  };
}

/** flanneld's unit makes and reads /run/flannel/options.env before each start. */
const FLANNEL_DROP_IN = `[Service]
ExecStartPre=/usr/bin/mkdir -p /run/flannel
ExecStartPre=/usr/bin/ln -sf ${FLANNEL_OPTIONS} /run/flannel/options.env
`;

/** The values of a section that say something, as text; coreos-cloudinit leaves out empty ones, false and 0. */
function settings(section: unknown): Readonly<Record<string, string>> {
  if (typeof section !== 'object' || section === null) return {};
  const said = Object.entries(section).filter(([, value]) => Boolean(value));
  return Object.fromEntries(said.map(([key, value]) => [key, String(value)]));
}

/** `KEY=value` for each setting. */
function variablesOf(section: unknown, { prefix, renamed = {} }: EnvironmentSection): string[] {
  return Object.entries(settings(section)).map(
    ([key, value]) => `${prefix}${renamed[key] ?? key.toUpperCase()}=${value}`,
  );
}

function environmentDropIn(variables: readonly string[]): string {
  // systemd expands %, and takes \ and " inside quotes for its own.
  const quoted = variables.map((variable) => variable.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%'));
  return `[Service]\n${lines(quoted.map((variable) => `Environment="${variable}"`))}`;
}

function oemRelease({
  id,
  version_id = '',
  name = '',
  home_url = '',
  bug_report_url = '',
}: Record<string, string>) {
  const quoted = Object.entries({ NAME: name, HOME_URL: home_url, BUG_REPORT_URL: bug_report_url });
  return lines([
    `ID=${id}`,
    `VERSION_ID=${version_id}`,
    ...quoted.map(([key, value]) => `${key}=${JSON.stringify(value)}`),
  ]);
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

function textFile(path: string, content: string, origin: string): NodeFile {
  return { path, content: Buffer.from(content), permissions: '0644', origin, secret: false };
}

function unitWith(name: string, origin: string, parts: Partial<NodeUnit>): NodeUnit {
  return { name, dropIns: [], enable: false, mask: false, runtime: false, origin, ...parts };
}

/** Adds to the unit of the same name what it doesn't say itself. */
function addUnit(units: readonly NodeUnit[], added: NodeUnit): readonly NodeUnit[] {
  const unit = units.find(({ name }) => name === added.name);
  if (!unit) return [...units, added];
  const named = new Set(unit.dropIns.map(({ name }) => name));
  const dropIns = [...unit.dropIns, ...added.dropIns.filter(({ name }) => !named.has(name))];
  return units.map((one) => (one === unit ? { ...unit, dropIns, mask: unit.mask || added.mask } : one));
}
