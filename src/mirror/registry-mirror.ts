import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { MirroredRegistry } from '../config/config.ts';
import type { IssuedCertificate } from '../kubernetes/ca.ts';
import { backOff } from '../kubernetes/retry.ts';
import type { ProxyEnvironment } from './environment.ts';
import { answers, isReachable } from './probe.ts';
import { findProgram, INSTALL, PROGRAM } from './program.ts';
import { registryConfig } from './registry-config.ts';
import { type RegistryProcess, startRegistry } from './registry-process.ts';
import { folderSize } from './storage.ts';

/**
 * How a mirror is. `up`: it answers, and pulls what it doesn't have. `cached`: it answers with what it has, since its registry
 * couldn't be reached when it was started. `down`: it doesn't answer, and is started again.
 */
export type MirrorState = 'starting' | 'up' | 'cached' | 'down';

/** How often a mirror is looked at, milliseconds: until it answers for the first time, and afterwards. */
const FIRST_CHECKS = 250;
const CHECKS = 10_000;
/** How long it may take to answer, milliseconds, and how many checks in a row it may fail. */
const START_TIME = 20_000;
const MISSES = 3;
/** How often it is looked whether a registry can be reached again, and how much a mirror keeps, milliseconds. */
const UPSTREAM_CHECKS = 30_000;
const SIZE_CHECKS = 3_600_000;
/** One that ran so long, milliseconds, has not failed at its start. */
const STEADY = 60_000;

/** What a mirror is made from. */
export interface RegistryMirrorOptions {
  readonly registry: MirroredRegistry;
  /** The address at which it answers. */
  readonly address: string;
  /** A folder of its own, absolute; it need not be there. */
  readonly directory: string;
  /** Most that it keeps, bytes. */
  readonly size: number;
  readonly environment: ProxyEnvironment;
  /** With which it proves that it answers at its address. */
  readonly certificate: () => IssuedCertificate;
  /** The CA of that certificate, PEM. */
  readonly ca: () => string;
  /** Told of each state that it enters. `detail` says for people why it is down. */
  readonly onState: (state: MirrorState, detail: string) => void;
  /** Told when it had too much, bytes, and was emptied. */
  readonly onEmptied: (bytes: number) => void;
}

/** Why a process is over. */
type End =
  | { readonly why: 'failed'; readonly detail: string }
  | { readonly why: 'renewed' | 'reachable' | 'full' | 'stopped' };

/**
 * The mirror of one registry: a docker-registry in a process of its own, which is looked after and started again when it ends
 * or doesn't answer. It doesn't start without its registry; then it is started to give what it has, until the registry can be
 * reached.
 */
export class RegistryMirror {
  readonly #options: RegistryMirrorOptions;
  #state: MirrorState = 'starting';
  #restarts = 0;
  #bytes = 0;
  #stopped = false;
  /** Ends the wait of the moment. */
  #wake = new AbortController();
  #renew = false;
  #running: Promise<void> | undefined;

  constructor(options: RegistryMirrorOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.registry.name;
  }

  get state(): MirrorState {
    return this.#state;
  }

  /** How often its process ended by itself or was given up. */
  get restarts(): number {
    return this.#restarts;
  }

  /** What it kept when that was last looked at, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Takes a new certificate into use. */
  renew(): void {
    this.#renew = true;
    this.#wake.abort();
  }

  /** Ends the process. What was pulled stays. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopped) {
      const began = performance.now();
      const end = await this.#runOnce().catch(
        (error: Error): End => ({ why: 'failed', detail: error.message }),
      );
      if (end.why !== 'failed') continue;
      failures = performance.now() - began > STEADY ? 1 : failures + 1;
      this.#restarts += 1;
      this.#enter('down', end.detail);
      await this.#pause(backOff(failures));
    }
  }

  async #runOnce(): Promise<End> {
    const { registry, environment } = this.#options;
    const program = await findProgram(PROGRAM, process.env.PATH);
    if (program === undefined) return { why: 'failed', detail: `${PROGRAM} is not installed; ${INSTALL}` };
    this.#renew = false;
    const isOnline = await isReachable(registry.url, environment);
    if (this.#stopped) return { why: 'stopped' };
    const child = startRegistry(program, await this.#prepare(isOnline), environment);
    let end: End;
    try {
      end = await this.#watch(child, isOnline);
    } finally {
      await child.stop();
    }
    if (end.why === 'full') await this.#empty();
    return end;
  }

  async #watch(child: RegistryProcess, isOnline: boolean): Promise<End> {
    const { registry, environment, address, ca, size } = this.#options;
    const began = performance.now();
    let upstreamChecked = began;
    let sizeChecked = Number.NEGATIVE_INFINITY;
    let answered = false;
    let misses = 0;
    let ended: string | undefined;
    void child.ended.then((words) => {
      ended = words;
      this.#wake.abort();
    });
    for (;;) {
      await this.#pause(answered ? CHECKS : FIRST_CHECKS);
      if (this.#stopped) return { why: 'stopped' };
      if (ended !== undefined) return { why: 'failed', detail: ended };
      if (this.#renew) return { why: 'renewed' };
      const now = performance.now();
      if (await answers(address, registry.port, ca())) {
        answered = true;
        misses = 0;
        this.#enter(isOnline ? 'up' : 'cached', '');
      } else {
        misses += 1;
        const isLate = answered ? misses >= MISSES : now - began > START_TIME;
        if (isLate) return { why: 'failed', detail: 'it does not answer' };
      }
      if (!isOnline && now - upstreamChecked > UPSTREAM_CHECKS) {
        upstreamChecked = now;
        if (await isReachable(registry.url, environment)) return { why: 'reachable' };
      }
      if (answered && now - sizeChecked > SIZE_CHECKS) {
        sizeChecked = now;
        this.#bytes = await folderSize(this.#storage);
        if (this.#bytes > size) return { why: 'full' };
      }
    }
  }

  get #storage(): string {
    return join(this.#options.directory, 'storage');
  }

  /** Writes down what the process reads, for nobody else's eyes, and gives the file. */
  async #prepare(isOnline: boolean): Promise<string> {
    const { registry, directory, address, certificate } = this.#options;
    const { url, login } = registry;
    const path = (name: string) => join(directory, name);
    await mkdir(this.#storage, { recursive: true, mode: 0o700 });
    const password = isOnline && login ? (await readFile(login.passwordFile, 'utf8')).trim() : '';
    const { certificatePem, keyPem } = certificate();
    const files = {
      'tls.crt': certificatePem,
      'tls.key': keyPem,
      'config.yml': registryConfig({
        listen: `${address}:${registry.port}`,
        storage: this.#storage,
        certificate: path('tls.crt'),
        key: path('tls.key'),
        ...(isOnline && {
          upstream: { url, ...(login && { login: { username: login.username, password } }) },
        }),
      }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(path(name), text, { mode: 0o600 });
    return path('config.yml');
  }

  async #empty(): Promise<void> {
    await rm(this.#storage, { recursive: true, force: true });
    this.#options.onEmptied(this.#bytes);
    this.#bytes = 0;
  }

  #enter(state: MirrorState, detail: string): void {
    if (state === this.#state && state !== 'down') return;
    this.#state = state;
    this.#options.onState(state, detail);
  }

  /** Waits, unless there is something to do before. */
  async #pause(milliseconds: number): Promise<void> {
    await wait(milliseconds, undefined, { signal: this.#wake.signal }).catch(() => {});
    if (!this.#stopped) this.#wake = new AbortController();
  }
}
