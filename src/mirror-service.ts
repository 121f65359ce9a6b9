import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config, ConfigSource, MirrorSettings } from './config/config.ts';
import { keepCertificate } from './http/https-certificate.ts';
import type { Ca, IssuedCertificate } from './kubernetes/ca.ts';
import type { Happening } from './machines/journal.ts';
import { proxyEnvironment } from './mirror/environment.ts';
import { RegistryMirror } from './mirror/registry-mirror.ts';
import { formatIpv4 } from './net/ipv4.ts';
import type { TroubleReport } from './troubles.ts';

/** What the subjects of mirrors' troubles begin with. */
const SUBJECT = 'mirror ';

/** True for the subject of a mirror's trouble: machines boot without it, and pull from the registry itself. */
export function isMirrorTrouble(subject: string): boolean {
  return subject.startsWith(SUBJECT);
}

export interface MirrorParts {
  readonly config: ConfigSource;
  /** The CA by which machines know this server. */
  readonly ca: () => Promise<Ca>;
  /** Its certificate, PEM. */
  readonly bootCa: () => string;
  readonly troubles: TroubleReport;
  readonly publish: (notice: Extract<Happening, { type: 'notice' }>) => void;
  readonly logger: Logger;
}

/** The mirrors of the configuration. */
export interface MirrorService {
  /** Those that are to run. */
  readonly mirrors: readonly RegistryMirror[];
  /** Takes over a changed configuration: if it changes something for mirrors, all are started anew. Never rejects. */
  reconfigure(): Promise<void>;
  /** Ends all. What they have pulled stays. */
  stop(): Promise<void>;
}

/**
 * Starts a mirror for each registry of the configuration. Nothing here waits for a mirror to answer. Rejects when the CA
 * can't be used.
 */
export async function openMirrors(parts: MirrorParts): Promise<MirrorService> {
  let current = await startMirrors(parts);
  let settings = settingsOf(parts.config());
  let turn = Promise.resolve();
  const inTurn = (task: () => Promise<void>) => {
    turn = turn.then(task).catch((error: unknown) => {
      parts.logger.error({ err: error }, 'the mirrors of registries could not be started');
    });
    return turn;
  };
  return {
    get mirrors() {
      return current.mirrors;
    },
    reconfigure: () =>
      inTurn(async () => {
        const next = settingsOf(parts.config());
        if (next === settings) return;
        settings = next;
        await current.stop();
        current = { mirrors: [], stop: async () => {} };
        current = await startMirrors(parts);
      }),
    stop: () => inTurn(() => current.stop()),
  };
}

/** All that mirrors depend on: another text for other settings. */
function settingsOf({ mirror, proxy, networks }: Config): string {
  return JSON.stringify([mirror, proxy, networks.find(({ name }) => name === mirror?.network)?.address]);
}

type Running = Pick<MirrorService, 'mirrors' | 'stop'>;

async function startMirrors({
  config,
  ca,
  bootCa,
  troubles,
  publish,
  logger,
}: MirrorParts): Promise<Running> {
  const { mirror, proxy, networks } = config();
  const network = networks.find(({ name }) => name === mirror?.network);
  if (!mirror || !network) return { mirrors: [], stop: async () => {} };
  let certificate: IssuedCertificate | undefined;
  let mirrors: readonly RegistryMirror[] = [];
  const kept = await keepCertificate({
    ca,
    address: network.address,
    use(issued) {
      certificate = issued;
      for (const one of mirrors) one.renew();
    },
    onError: (error) => logger.error({ err: error }, "the mirrors' certificate could not be renewed"),
  });
  mirrors = mirror.registries.map((registry) => {
    const { name, url } = registry;
    const subject = `${SUBJECT}${name}`;
    return new RegistryMirror({
      registry,
      address: formatIpv4(network.address),
      directory: folderOf(mirror, name),
      size: mirror.size,
      environment: proxyEnvironment(proxy, process.env),
      certificate: () => certificate as IssuedCertificate,
      ca: bootCa,
      onState(state, detail) {
        if (state === 'down') {
          troubles.begin(
            subject,
            `the mirror of ${name} is down: ${detail}. It is tried again; workers pull from ${url} until then`,
          );
        } else {
          troubles.end(subject, `the mirror of ${name} answers again`);
          if (state === 'cached')
            logger.warn(
              `${url} can't be reached: the mirror of ${name} gives what it has, until that changes`,
            );
          else
            logger.info(`the mirror of ${name} answers at ${formatIpv4(network.address)}:${registry.port}`);
        }
      },
      onEmptied(bytes) {
        const detail = `the mirror of ${name} had ${bytes} bytes, more than mirror.size (${mirror.size}), and was emptied`;
        logger.warn(detail);
        publish({ type: 'notice', severity: 'warning', detail });
      },
    });
  });
  for (const one of mirrors) one.start();
  return {
    mirrors,
    async stop() {
      kept.stop();
      await Promise.all(mirrors.map((one) => one.stop()));
      for (const { name } of mirrors)
        troubles.end(`${SUBJECT}${name}`, `the mirror of ${name} was switched off`);
    },
  };
}

/** A registry's name may have a colon and its port. */
function folderOf({ directory }: MirrorSettings, name: string): string {
  return join(directory, name.replace(':', '_'));
}
