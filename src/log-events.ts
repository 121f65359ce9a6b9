import type { Logger } from 'pino';
import type { DhcpEvent } from './dhcp/events.ts';
import { describeRole } from './dhcp/other-servers.ts';
import type { HttpEvent } from './http/events.ts';
import type { KubernetesEvent } from './kubernetes/events.ts';
import { isStage } from './machines/timeline.ts';
import type { AddedEntry } from './machines/timelines.ts';
import { formatIpv4 } from './net/ipv4.ts';
import type { Mac } from './net/mac.ts';
import type { NotifyEvent } from './notify/events.ts';
import type { SyslogEvent } from './syslog/events.ts';
import type { TftpEvent } from './tftp/events.ts';

/** A trouble that goes on is said again after this many milliseconds, not with every packet. */
const REPEAT = 60_000;

/** Per logger and trouble, when it was last said. */
const said = new WeakMap<Logger, Map<string, number>>();

function sayOnce(logger: Logger, trouble: string, say: () => void): void {
  const times = said.get(logger) ?? new Map<string, number>();
  said.set(logger, times);
  const now = performance.now();
  if (now - (times.get(trouble) ?? Number.NEGATIVE_INFINITY) < REPEAT) return;
  times.set(trouble, now);
  say();
}

/** Logs what needs a person's attention; the stages of a boot are logged where they are recognised. */
export function logDhcp(logger: Logger, event: DhcpEvent): void {
  if (event.type === 'dropped') {
    logger.debug({ source: event.source, reason: event.reason }, 'DHCP packet dropped');
    return;
  }
  if (event.type === 'overheard') {
    const fields = { mac: event.mac, address: formatIpv4(event.address), server: formatIpv4(event.server) };
    logger.debug(fields, 'DHCP of another server overheard');
    return;
  }
  if (event.type === 'role') {
    logger.warn({ network: event.network, role: event.role }, `${event.network}: ${describeRole(event)}`);
    return;
  }
  if (event.type === 'conflict') {
    const address = formatIpv4(event.address);
    const { mac } = event.client;
    logger.warn(
      { mac, address },
      `${address} is used by somebody else and put aside; ${mac} is offered another`,
    );
    return;
  }
  const { client, request, detail } = event;
  if (event.type === 'answered') {
    if (event.reply !== 'NAK' && !logger.isLevelEnabled('debug')) return;
    const fields = { mac: client.mac, request, reply: event.reply, address: formatIpv4(event.address) };
    if (event.reply === 'NAK') logger.info(fields, `${client.mac} ${request} refused: ${detail}`);
    else logger.debug(fields, 'DHCP answered');
    return;
  }
  const fields = { mac: client.mac, request, reason: event.reason };
  switch (event.reason) {
    case 'pool-exhausted':
      sayOnce(logger, event.reason, () =>
        logger.error(
          fields,
          `no address left for ${client.mac}: make dhcp.range larger or dhcp.lease shorter`,
        ),
      );
      break;
    case 'store-failed':
    case 'send-failed':
      sayOnce(logger, event.reason, () =>
        logger.error(fields, `${client.mac} ${request} not answered: ${detail}`),
      );
      break;
    default:
      if (request === 'DECLINE') {
        logger.warn(
          fields,
          `${client.mac} found its address in use by somebody else; it is put aside for a while`,
        );
      } else {
        logger.debug(fields, 'DHCP not answered');
      }
  }
}

/** A machine that can't be given a loader; all that nobody knows count as one, since anybody can send packets of many. */
export function logNoLoader(
  logger: Logger,
  {
    mac,
    hostname,
    reason,
    isKnown,
  }: { readonly mac: Mac; readonly hostname: string; readonly reason: string; readonly isKnown: boolean },
): void {
  sayOnce(logger, `no loader for ${isKnown ? mac : 'a machine that nobody knows'}`, () =>
    logger.warn({ mac }, `${hostname} ${mac} can't be given a loader: ${reason}`),
  );
}

export function logTftp(logger: Logger, event: TftpEvent): void {
  switch (event.type) {
    case 'failed': {
      const { client, file, reason, detail, bytes } = event;
      const say = () =>
        logger.warn(
          { client: client.address, file, reason },
          `TFTP to ${client.address} broke off: ${file}: ${detail}`,
        );
      // Anybody can ask in another's name for a file that nobody then takes.
      if (reason === 'timeout' && bytes === 0) sayOnce(logger, 'TFTP without an ACK', say);
      else say();
      break;
    }
    case 'refused': {
      const { client, file, reason, detail } = event;
      logger.info(
        { client: client.address, file, reason },
        `TFTP refused to ${client.address}: ${file}: ${detail}`,
      );
      break;
    }
    case 'crashed':
      logger.error(event.detail);
      break;
    case 'dropped':
      if (event.detail === undefined) logger.debug(event, 'TFTP');
      else logTftpShortage(logger, event, event.detail);
      break;
    default:
      logger.debug(event, 'TFTP');
  }
}

/** Thousands may ask in vain before there is room again, and all of them will be back. */
function logTftpShortage(
  logger: Logger,
  { client, reason }: Extract<TftpEvent, { type: 'dropped' }>,
  detail: string,
): void {
  sayOnce(logger, `TFTP ${reason}`, () =>
    logger.warn(
      { client: client.address, reason },
      `TFTP to ${client.address} has to wait: ${detail}; clients like it ask again by themselves`,
    ),
  );
}

export function logHttp(logger: Logger, event: HttpEvent): void {
  if (event.type === 'refused') {
    if (event.isRepeated) return;
    logger.info(
      { client: event.address, route: event.route, status: event.status },
      `HTTP ${event.status} to ${event.address}: ${event.reason}`,
    );
  } else if (event.type === 'asset' && !event.complete) {
    logger.warn(
      { client: event.address, path: event.path, bytes: event.bytes },
      `download of ${event.path} broke off`,
    );
  } else if (event.type !== 'asset-progress') {
    logger.debug(event, 'HTTP');
  }
}

/** Logs an entry of a machine's timeline. What machines say themselves isn't logged: it may be anything. */
export function logEntry(logger: Logger, { mac, hostname, kind, detail }: AddedEntry): void {
  if (kind === 'stuck') logger.warn({ mac, kind }, `${hostname} ${mac} is stuck: ${detail}`);
  else if (isStage(kind)) logger.info({ mac, stage: kind }, `${hostname} ${mac} ${detail}`);
  else if (kind !== 'message') logger.debug({ mac, kind }, `${hostname} ${mac} ${detail}`);
}

export function logSyslog(logger: Logger, event: SyslogEvent): void {
  if (event.type === 'limited') logger.info({ mac: event.mac }, `syslog: ${event.mac} ${event.detail}`);
  else logger.debug(event, 'syslog');
}

/** One line when a webhook stops working, and one when it works again: there may be a message for every machine. */
export function logNotify(logger: Logger, event: NotifyEvent): void {
  const { hook } = event;
  switch (event.type) {
    case 'delivered':
      if (event.failures > 0) logger.info({ hook }, `webhook ${hook} works again`);
      else logger.debug(event, 'webhook');
      break;
    case 'failed':
      if (event.failures > 1) logger.debug(event, 'webhook');
      else logger.warn({ hook }, `webhook ${hook} does not work: ${event.reason}; trying again for an hour`);
      break;
    case 'given-up': {
      const why = event.reason === 'overflow' ? 'too many wait' : 'they are older than an hour';
      if (event.first) logger.error({ hook }, `webhook ${hook} will not get all its messages: ${why}`);
      else logger.debug(event, 'webhook');
      break;
    }
    case 'gap':
      logger.warn(
        { hook },
        `webhook ${hook} may not have been told of everything that happened before this start`,
      );
  }
}

export function logKubernetes(logger: Logger, event: KubernetesEvent): void {
  switch (event.type) {
    case 'trouble':
      logger.error(`${event.doing} does not work: ${event.reason}; trying again`);
      break;
    case 'recovered':
      logger.info(`${event.doing} works again`);
      break;
    case 'csr':
      logCsr(logger, event);
      break;
    default:
      logger.debug(event, 'Kubernetes');
  }
}

function logCsr(logger: Logger, { csr, verdict, nodeName, reason }: CsrEvent): void {
  const fields = { csr, nodeName };
  if (verdict === 'approve') logger.info(fields, `certificate signing request ${csr} approved: ${reason}`);
  else if (verdict === 'deny') logger.warn(fields, `certificate signing request ${csr} denied: ${reason}`);
  else if (nodeName)
    logger.warn(fields, `certificate signing request ${csr} left to an administrator: ${reason}`);
  else logger.debug(fields, `certificate signing request ${csr} left alone: ${reason}`);
}

type CsrEvent = Extract<KubernetesEvent, { type: 'csr' }>;
