import type { Path } from '../config/problem.ts';

/** The versions of Ignition's configuration that are written here, oldest first. Images of today read all of them. */
export const IGNITION_VERSIONS = ['3.0.0', '3.1.0', '3.2.0', '3.3.0'] as const;

export type IgnitionVersion = (typeof IGNITION_VERSIONS)[number];

/** What is written unless somebody asks for less. */
export const DEFAULT_IGNITION_VERSION: IgnitionVersion = '3.3.0';

/** A key of a configuration that only a newer version than 3.0.0 knows. */
export interface NewerKey {
  readonly path: Path;
  readonly since: IgnitionVersion;
}

type Shape =
  | { readonly type: 'text' | 'number' | 'flag'; readonly since: IgnitionVersion }
  | { readonly type: 'list'; readonly of: Shape }
  | {
      readonly type: 'table';
      readonly keys: Readonly<Record<string, Shape>>;
      readonly required: readonly string[];
    };

const text = (since: IgnitionVersion = '3.0.0'): Shape => ({ type: 'text', since });
const number = (since: IgnitionVersion = '3.0.0'): Shape => ({ type: 'number', since });
const flag = (since: IgnitionVersion = '3.0.0'): Shape => ({ type: 'flag', since });
const list = (of: Shape): Shape => ({ type: 'list', of });
const table = (keys: Readonly<Record<string, Shape>>, ...required: string[]): Shape => ({
  type: 'table',
  keys,
  required,
});

/** Something to fetch: `compression` of a file is as old as files, of the other resources it came with 3.1.0. */
const resource = (compression: IgnitionVersion, since: IgnitionVersion = '3.0.0'): Shape =>
  table({
    source: text(since),
    compression: text(compression),
    httpHeaders: list(table({ name: text('3.1.0'), value: text('3.1.0') }, 'name')),
    verification: table({ hash: text(since) }),
  });

const owned = {
  path: text(),
  overwrite: flag(),
  user: table({ id: number(), name: text() }),
  group: table({ id: number(), name: text() }),
};

/** The configuration specification 3.3.0: https://coreos.github.io/ignition/configuration-v3_3/ */
const CONFIG: Shape = table({
  ignition: table({
    version: text(),
    config: table({ merge: list(resource('3.1.0')), replace: resource('3.1.0') }),
    timeouts: table({ httpResponseHeaders: number(), httpTotal: number() }),
    security: table({ tls: table({ certificateAuthorities: list(resource('3.1.0')) }) }),
    proxy: table({ httpProxy: text('3.1.0'), httpsProxy: text('3.1.0'), noProxy: list(text('3.1.0')) }),
  }),
  passwd: table({
    users: list(
      table(
        {
          name: text(),
          passwordHash: text(),
          sshAuthorizedKeys: list(text()),
          uid: number(),
          gecos: text(),
          homeDir: text(),
          noCreateHome: flag(),
          primaryGroup: text(),
          groups: list(text()),
          noUserGroup: flag(),
          noLogInit: flag(),
          shell: text(),
          system: flag(),
          shouldExist: flag('3.2.0'),
        },
        'name',
      ),
    ),
    groups: list(
      table(
        {
          name: text(),
          gid: number(),
          passwordHash: text(),
          system: flag(),
          shouldExist: flag('3.2.0'),
        },
        'name',
      ),
    ),
  }),
  storage: table({
    disks: list(
      table(
        {
          device: text(),
          wipeTable: flag(),
          partitions: list(
            table({
              label: text(),
              number: number(),
              sizeMiB: number(),
              startMiB: number(),
              typeGuid: text(),
              guid: text(),
              wipePartitionEntry: flag(),
              shouldExist: flag(),
              resize: flag('3.2.0'),
            }),
          ),
        },
        'device',
      ),
    ),
    raid: list(
      table(
        { name: text(), level: text(), devices: list(text()), spares: number(), options: list(text()) },
        'name',
      ),
    ),
    luks: list(
      table(
        {
          name: text('3.2.0'),
          device: text('3.2.0'),
          keyFile: resource('3.2.0', '3.2.0'),
          label: text('3.2.0'),
          uuid: text('3.2.0'),
          options: list(text('3.2.0')),
          wipeVolume: flag('3.2.0'),
          clevis: table({
            tang: list(table({ url: text('3.2.0'), thumbprint: text('3.2.0') })),
            tpm2: flag('3.2.0'),
            threshold: number('3.2.0'),
            custom: table({ pin: text('3.2.0'), config: text('3.2.0'), needsNetwork: flag('3.2.0') }),
          }),
        },
        'name',
      ),
    ),
    filesystems: list(
      table(
        {
          device: text(),
          format: text(),
          path: text(),
          wipeFilesystem: flag(),
          label: text(),
          uuid: text(),
          options: list(text()),
          mountOptions: list(text('3.1.0')),
        },
        'device',
      ),
    ),
    files: list(
      table(
        { ...owned, mode: number(), contents: resource('3.0.0'), append: list(resource('3.0.0')) },
        'path',
      ),
    ),
    directories: list(table({ ...owned, mode: number() }, 'path')),
    links: list(table({ ...owned, target: text(), hard: flag() }, 'path')),
  }),
  systemd: table({
    units: list(
      table(
        {
          name: text(),
          enabled: flag(),
          mask: flag(),
          contents: text(),
          dropins: list(table({ name: text(), contents: text() }, 'name')),
        },
        'name',
      ),
    ),
  }),
});

/**
 * What of a configuration, or a fragment of one, Ignition 3.3.0 doesn't know, or knows with another type. It would leave
 * out the first without a word and refuse the whole for the second. Paths start at the configuration.
 */
export function checkIgnitionConfig(config: unknown): { path: Path; message: string }[] {
  return faults(config, CONFIG, []);
}

function faults(value: unknown, shape: Shape, path: Path): { path: Path; message: string }[] {
  switch (shape.type) {
    case 'text':
      return typeof value === 'string' ? [] : [{ path, message: 'must be text' }];
    case 'number':
      return Number.isInteger(value) ? [] : [{ path, message: 'must be a whole number' }];
    case 'flag':
      return typeof value === 'boolean' ? [] : [{ path, message: 'must be true or false' }];
    case 'list':
      if (!Array.isArray(value)) return [{ path, message: 'must be a list' }];
      return value.flatMap((item, index) => faults(item, shape.of, [...path, index]));
    case 'table': {
      if (!isTable(value)) return [{ path, message: 'must be a mapping' }];
      const missing = shape.required
        .filter((key) => value[key] === undefined)
        .map((key) => ({ path, message: `${key} is missing` }));
      const inside = Object.entries(value).flatMap(([key, child]) => {
        const known = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined;
        if (known) return faults(child, known, [...path, key]);
        const names = Object.keys(shape.keys).join(', ');
        return [{ path: [...path, key], message: `Ignition 3.3.0 knows no ${key} here, only ${names}` }];
      });
      return [...missing, ...inside];
    }
  }
}

/** The key of a valid configuration that asks for the newest version; undefined when 3.0.0 is enough for all of it. */
export function newestKey(config: unknown): NewerKey | undefined {
  return newerKeys(config, CONFIG, []).reduce<NewerKey | undefined>(
    (newest, key) => (newest && newest.since >= key.since ? newest : key),
    undefined,
  );
}

function newerKeys(value: unknown, shape: Shape, path: Path): NewerKey[] {
  if (shape.type === 'table') {
    return Object.entries(isTable(value) ? value : {}).flatMap(([key, child]) => {
      const known = shape.keys[key];
      return known ? newerKeys(child, known, [...path, key]) : [];
    });
  }
  if (shape.type === 'list') {
    return (Array.isArray(value) ? value : []).flatMap((item, index) =>
      newerKeys(item, shape.of, [...path, index]),
    );
  }
  const since = sinceOfValue(path.at(-1), value) ?? shape.since;
  return since === '3.0.0' ? [] : [{ path, since }];
}

/** Values that came later than their key. */
function sinceOfValue(key: string | number | undefined, value: unknown): IgnitionVersion | undefined {
  if (key === 'format' && value === 'none') return '3.3.0';
  if (key === 'source' && String(value).startsWith('gs://')) return '3.2.0';
  if (key === 'hash' && String(value).startsWith('sha256-')) return '3.1.0';
  return undefined;
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
