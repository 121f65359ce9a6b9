import type { ConfigSource } from '../config/config.ts';
import type { PullEvent, PullResult, pullImage } from './pull.ts';
import type { PullRequest } from './request.ts';
import { createThrottle, type Throttle } from './throttle.ts';
import type { Web } from './web.ts';

/** Pulls that go on at the same time, at most. */
const MAX_RUNNING = 8;
/** Pulls that have ended and are still told of. */
const MAX_ENDED = 20;

/** A pull that goes on in the service, or has ended. */
export interface Pull {
  readonly id: number;
  /** As it was asked for: `flatcar@stable`. */
  readonly wanted: string;
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly began: number;
  readonly ended?: number;
  readonly state: 'running' | 'done' | 'failed';
  /** Once it is known which version that is: `flatcar/4593.2.5`. */
  readonly image?: string;
  readonly files: readonly PulledFile[];
  /** Why it failed. */
  readonly problem?: string;
  readonly result?: PullResult;
}

export interface PulledFile {
  readonly name: string;
  readonly bytes: number;
  readonly size?: number;
  readonly isDone: boolean;
}

/** It can't be begun now. */
export class PullRefusal extends Error {}

/** What pulls need. */
export interface PullsOptions {
  readonly config: ConfigSource;
  /** Told of each that has ended. */
  readonly onEnd: (pull: Pull) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** How an image is pulled. */
  readonly pull?: typeof pullImage;
}

/** The pulls of a service: those that go on, and the last ones that have ended. */
export class Pulls {
  readonly #options: Required<PullsOptions>;
  readonly #pulls = new Map<number, Pull>();
  readonly #running = new Map<number, { readonly stop: AbortController; readonly ended: Promise<void> }>();
  #nextId = 1;
  #throttle: { readonly limit: number | undefined; readonly take: Throttle } | undefined;

  constructor(options: PullsOptions) {
    this.#options = { now: Date.now, pull: loadAndPull, ...options };
  }

  /** All that are known, the newest first. */
  list(): Pull[] {
    return [...this.#pulls.values()].reverse();
  }

  /** Begins to pull; throws a PullRefusal when too many go on already, or the same. */
  start(request: PullRequest, follow: boolean, by: string): Pull {
    const what = `${request.source}@${request.wanted}${request.sysext ? ' as a system extension' : ''}`;
    const wanted = `${what}${request.arch === 'amd64' ? '' : ` for ${request.arch}`}`;
    if (this.#running.size >= MAX_RUNNING) {
      throw new PullRefusal(`${MAX_RUNNING} images are being pulled already; wait until one is done`);
    }
    if (this.list().some((pull) => pull.state === 'running' && pull.wanted === wanted)) {
      throw new PullRefusal(`${wanted} is being pulled already`);
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const pull: Pull = { id, wanted, by, began: this.#options.now(), state: 'running', files: [] };
    this.#pulls.set(id, pull);
    const stop = new AbortController();
    this.#running.set(id, { stop, ended: this.#run(id, request, follow, stop.signal) });
    this.#forgetOld();
    return pull;
  }

  /** Stops a pull; what was downloaded stays for the next time. False when none of that id goes on. */
  stop(id: number): boolean {
    const running = this.#running.get(id);
    running?.stop.abort(new Error('it was stopped; pull it again to go on'));
    return running !== undefined;
  }

  /** Stops all, and resolves when they have ended. */
  async close(): Promise<void> {
    const ending = [...this.#running].map(([id, { ended }]) => {
      this.stop(id);
      return ended;
    });
    await Promise.all(ending);
  }

  async #run(id: number, request: PullRequest, follow: boolean, signal: AbortSignal): Promise<void> {
    const { config, pull, now, onEnd } = this.#options;
    const { assets, images, proxy } = config();
    let web: Web | undefined;
    let ending: Partial<Pull>;
    try {
      const { Web } = await import('./web.ts');
      web = new Web(proxy && { proxy });
      const result = await pull(request, follow, {
        assets: assets.directory,
        settings: images,
        web,
        throttle: this.#throttleFor(images.bandwidth),
        signal,
        observe: (event) => this.#update(id, progressOf(this.#pulls.get(id)?.files ?? [], event)),
      });
      ending = { state: 'done', image: result.image, result };
    } catch (error) {
      ending = { state: 'failed', problem: (error as Error).message };
    } finally {
      await web?.close();
    }
    this.#running.delete(id);
    const ended = this.#update(id, { ...ending, ended: now() });
    if (ended) onEnd(ended);
  }

  #update(id: number, changes: Partial<Pull>): Pull | undefined {
    const pull = this.#pulls.get(id);
    const changed = pull && { ...pull, ...changes };
    if (changed) this.#pulls.set(id, changed);
    return changed;
  }

  /** One for all pulls, as long as the configuration says the same. */
  #throttleFor(limit: number | undefined): Throttle {
    if (!this.#throttle || this.#throttle.limit !== limit) {
      this.#throttle = { limit, take: createThrottle(limit) };
    }
    return this.#throttle.take;
  }

  #forgetOld(): void {
    const ended = [...this.#pulls.values()].filter(({ state }) => state !== 'running');
    for (const { id } of ended.slice(0, Math.max(0, ended.length - MAX_ENDED))) this.#pulls.delete(id);
  }
}

/** What fetches, verifies and unpacks images is as large as the rest of the service, and loaded with the first pull. */
const loadAndPull: typeof pullImage = async (...request) => (await import('./pull.ts')).pullImage(...request);

/** What an event changes of a pull. */
function progressOf(files: readonly PulledFile[], event: PullEvent): Partial<Pull> {
  if (event.type === 'found') {
    const { image, release } = event;
    const known = release.files.map(({ name, size }) => ({
      name,
      bytes: 0,
      isDone: false,
      ...(size !== undefined && { size }),
    }));
    return { image, files: known };
  }
  return {
    files: files.map((file): PulledFile => {
      if (file.name !== event.file) return file;
      if (event.type === 'file') return { ...file, size: file.size ?? file.bytes, isDone: true };
      const { bytes, size } = event;
      return { ...file, bytes, ...(size !== undefined && { size }) };
    }),
  };
}
