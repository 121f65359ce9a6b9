import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { dump } from 'js-yaml';
import { ApiClient } from '../../src/api-client/client.ts';
import { localEndpoint } from '../../src/api-client/endpoint.ts';
import { startService } from '../../src/lab/service.ts';
import type { Namespace } from './netns.ts';
import type { Child } from './process.ts';
import { PROGRAM } from './program.ts';

/** Parts of rackseed.yaml that differ from the usual test network. */
export interface ServiceSettings {
  /** Address and prefix of the server, 192.168.0.254/24 unless given. */
  readonly address?: string;
  readonly interface?: string;
  /** Added to `networks[0].dhcp`. */
  readonly dhcp?: Readonly<Record<string, unknown>>;
  /** Added to `networks[0]`. */
  readonly network?: Readonly<Record<string, unknown>>;
  /** Added at the top level. */
  readonly top?: Readonly<Record<string, unknown>>;
  readonly machines?: readonly Readonly<Record<string, unknown>>[];
  readonly profile?: Readonly<Record<string, unknown>>;
  /** Added to the command line. */
  readonly options?: readonly string[];
}

/** A running service, as a user would start it, in a namespace of its own. */
export interface TestService {
  readonly directory: string;
  child: Child;
  /** Its admin API. */
  readonly api: ApiClient;
  /** Parsed answer of the admin app. */
  get<Answer>(path: string): Promise<Answer>;
  /** The value of a metric, all label sets added up unless `labels` (text that must occur) narrows it. */
  metric(name: string, labels?: string): Promise<number>;
  /** Starts the service again after it ended. */
  restart(): Promise<void>;
}

/**
 * Writes down what a service needs, for the length of a test, and gives the folder: its configuration is in config/, its
 * admin socket is to be admin.sock. The network is called kubernetes1, unknown machines boot.
 */
export async function configurationFor(t: ExecutionContext, settings: ServiceSettings = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const config = join(directory, 'config');
  await mkdir(join(directory, 'assets/lab'), { recursive: true });
  await mkdir(join(directory, 'firmware'));
  await mkdir(join(config, 'profiles'), { recursive: true });
  await mkdir(join(config, 'machines'));
  const network = {
    name: 'kubernetes1',
    interface: settings.interface ?? 'rack0',
    address: settings.address ?? '192.168.0.254/24',
    dhcp: {
      mode: 'authoritative',
      range: '192.168.0.1-192.168.0.100',
      router: '192.168.0.254',
      domain: 'kubernetes.local',
      ...settings.dhcp,
    },
    ...settings.network,
  };
  const rackseed = {
    networks: [network],
    unknown_machines: 'boot',
    default_profile: 'worker',
    assets: { directory: join(directory, 'assets') },
    firmware: { directory: join(directory, 'firmware') },
    admin: { listen: `unix:${join(directory, 'admin.sock')}` },
    store: { lmdb: join(directory, 'store') },
    ...settings.top,
  };
  const profile = settings.profile ?? {
    boot: { image: 'lab' },
    cloud_config: { hostname: '{{ machine.hostname }}' },
  };
  await writeFile(join(config, 'rackseed.yaml'), dump(rackseed));
  await writeFile(join(config, 'profiles/worker.yaml'), dump(profile));
  await writeFile(join(config, 'machines/machines.yaml'), dump({ machines: settings.machines ?? [] }));
  return directory;
}

/** Starts the service for the length of a test, with the configuration of `configurationFor`. */
export async function serviceFor(
  t: ExecutionContext,
  namespace: Namespace,
  settings: ServiceSettings = {},
): Promise<TestService> {
  const directory = await configurationFor(t, settings);
  const socketPath = join(directory, 'admin.sock');
  const config = join(directory, 'config');
  const start = () => startService(namespace, config, socketPath, PROGRAM, settings.options);
  const service: TestService = {
    directory,
    child: await start(),
    api: new ApiClient(localEndpoint({ path: socketPath })),
    get: async <Answer>(path: string) => JSON.parse(await ask(socketPath, path)) as Answer,
    async metric(name, labels = '') {
      const lines = (await ask(socketPath, '/metrics')).split('\n');
      const values = lines.filter((line) => /^\w+/.exec(line)?.[0] === name && line.includes(labels));
      return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
    async restart() {
      await service.child.exited;
      service.child = await start();
    },
  };
  t.teardown(() => service.child.stop());
  return service;
}

/** The command that serves what a test's service served, as it is typed. */
export function serveCommand({ directory }: Pick<TestService, 'directory'>): string[] {
  return [...PROGRAM, 'serve', '--config', join(directory, 'config')];
}

function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path }, async (response) => {
      let body = '';
      for await (const chunk of response.setEncoding('utf8')) body += chunk;
      if (response.statusCode === 200) resolve(body);
      else reject(new Error(`${path}: ${response.statusCode} ${body}`));
    });
    asked.on('error', reject);
    asked.end();
  });
}
