import type { NetworkBooter } from '../boot/firmware.ts';
import { recognise } from '../boot/firmware.ts';
import type { DhcpEvent } from '../dhcp/events.ts';
import type { HttpEvent } from '../http/events.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { TftpEvent } from '../tftp/events.ts';
import type { Identity } from './identity.ts';
import type { Stage } from './machine.ts';
import type { MachineRegistry } from './registry.ts';
import { formatBytes, formatDuration } from './units.ts';

/** A stage that a machine has just reached, for the log. */
export interface StageReached {
  readonly mac: Mac;
  readonly hostname: string;
  readonly stage: Stage;
  readonly detail: string;
}

export interface TrackerOptions {
  readonly registry: MachineRegistry;
  readonly identify: (mac: Mac) => Identity;
  readonly isLoader: (file: string) => boolean;
  readonly onStage: (reached: StageReached) => void;
}

/**
 * Follows each machine's boot: turns what the servers report into stages in the registry.
 * One per network, since a datagram or request belongs to the network it came in on.
 */
export class BootTracker {
  readonly #network: string;
  readonly #options: TrackerOptions;

  constructor(network: string, options: TrackerOptions) {
    this.#network = network;
    this.#options = options;
  }

  dhcp(event: DhcpEvent, now: number): void {
    if (event.type !== 'answered' || event.reply === 'NAK') return;
    const { client, reply, address } = event;
    const { mac, uuid } = client;
    const { registry } = this.#options;
    const booter = recognise(client);
    const leased = reply === 'ACK' || reply === 'BOOTREPLY';
    registry.see(mac, this.#network, now, {
      ...(leased && address !== 0 && { address }),
      ...(booter?.kind === 'firmware' && { firmware: booter.name }),
      ...(uuid !== undefined && { inventory: { uuid } }),
    });
    if (!booter) return;
    if (reply === 'OFFER') {
      if (this.#beginsBoot(mac, booter)) registry.beginBoot(mac);
      this.#reach(mac, 'discover', `${booter.name} asks for an address`, now);
      this.#reach(mac, 'offer', `${booter.name} is offered ${formatIpv4(address)}`, now);
    } else if (leased) {
      this.#reach(mac, 'ack', `${booter.name} has ${formatIpv4(address)}`, now);
    }
  }

  tftp(event: TftpEvent, now: number): void {
    if (event.type !== 'done' || !this.#options.isLoader(event.file)) return;
    this.#loader(
      event.client.address,
      `TFTP (${event.file} ${transfer(event.bytes, event.milliseconds)})`,
      now,
    );
  }

  http(event: HttpEvent, now: number): void {
    switch (event.type) {
      case 'script':
        this.#reach(event.mac as Mac, 'script', this.#describeScript(event.mac as Mac, event.answer), now);
        break;
      case 'asset':
        if (event.complete) this.#asset(event, now);
        break;
      case 'document':
        // Of cloud-init's files, the one that the others only lead to.
        if (event.file === undefined || event.file === 'user-data') {
          this.#reach(event.mac as Mac, 'document', `${event.format} ${formatBytes(event.bytes)}`, now);
        }
        break;
      case 'phone-home':
        this.#report(event, now);
        break;
      case 'refused':
        break;
    }
  }

  /** The machine's node has come so far in the cluster. */
  node(mac: Mac, stage: 'registered' | 'ready', now: number): void {
    const began = this.#options.registry.get(mac)?.boot[0]?.at;
    const took = began === undefined ? '' : ` after ${formatDuration(now - began)}`;
    this.#reach(mac, stage, stage === 'ready' ? `is Ready${took}` : `has registered${took}`, now);
  }

  /** Firmware starts a boot; so does an iPXE that wasn't just loaded, as in a network card's ROM. */
  #beginsBoot(mac: Mac, booter: NetworkBooter): boolean {
    const stage = this.#options.registry.get(mac)?.boot.at(-1)?.stage;
    if (stage === 'discover' || stage === 'offer') return false;
    return booter.kind === 'firmware' || (stage !== 'loader' && stage !== 'ack');
  }

  #loader(from: string, how: string, now: number): void {
    const machine = this.#machineAt(from);
    if (machine)
      this.#reach(machine.mac, 'loader', `${machine.firmware ?? 'firmware'} → iPXE by ${how}`, now);
  }

  #describeScript(mac: Mac, answer: Extract<HttpEvent, { type: 'script' }>['answer']): string {
    if (answer === 'hold') return 'iPXE waits for approval';
    const identity = this.#options.identify(mac);
    const profile = identity.admission === 'boot' ? identity.profile.name : '';
    return answer === 'boot'
      ? `iPXE → script: boots profile ${profile}`
      : 'iPXE → script: boots from its disk';
  }

  #asset(event: Extract<HttpEvent, { type: 'asset' }>, now: number): void {
    const file = event.path.split('/').at(-1) ?? '';
    const size = transfer(event.bytes, event.milliseconds);
    if (event.path.startsWith('/firmware/')) {
      this.#loader(event.address, `HTTP (${file} ${size})`, now);
      return;
    }
    const machine = this.#machineAt(event.address);
    const identity = machine && this.#options.identify(machine.mac);
    if (identity?.admission !== 'boot' || identity.profile.boot.kind !== 'image') return;
    const { image, kernel, initrds } = identity.profile.boot;
    if (event.path === `/assets/${image}/${kernel}`) {
      this.#reach(identity.mac, 'kernel', `kernel ${file} (${size})`, now);
    } else if (initrds.some((initrd) => event.path === `/assets/${image}/${initrd}`)) {
      this.#reach(identity.mac, 'initrd', `initrd ${file} (${size})`, now);
    }
  }

  #report({ mac, stage, detail }: Extract<HttpEvent, { type: 'phone-home' }>, now: number): void {
    if (stage === 'up') this.#reach(mac as Mac, 'up', detail ? `is up: ${detail}` : 'is up', now);
    else this.#reach(mac as Mac, 'report', `reports ${stage}${detail && `: ${detail}`}`, now);
  }

  #machineAt(from: string) {
    return this.#options.registry.at(parseIpv4(from) as Ipv4);
  }

  #reach(mac: Mac, stage: Stage, detail: string, now: number): void {
    const { registry, identify, onStage } = this.#options;
    if (!registry.record(mac, stage, detail, now)) return;
    onStage({ mac, hostname: identify(mac).hostname, stage, detail });
  }
}

function transfer(bytes: number, milliseconds: number): string {
  return `${formatBytes(bytes)}, ${formatDuration(milliseconds)}`;
}
