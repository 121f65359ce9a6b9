import type { Namespace } from '../src/lab/namespace.ts';
import type { Child } from '../src/lab/process.ts';

/** Where a server is started: its end of the cable, and folders for it. */
export interface Site {
  /** The namespace that holds the server's end of the cable. */
  readonly namespace: Namespace;
  /** The server's interface, which has `address` with the prefix length 16. */
  readonly device: string;
  readonly address: string;
  /** Addresses it may lease, in the same network. */
  readonly range: { readonly first: string; readonly last: string };
  /** The folder of the files to serve; every user may read it. */
  readonly files: string;
  /** An empty folder for the server's own files, new at every start. */
  readonly scratch: string;
  /** The clients' end of the cable, from where a server can be asked whether it is ready. */
  readonly clients: Namespace;
  /** Aborted when the whole run is to end. */
  readonly signal: AbortSignal;
}

/** A server that can be measured: rackseed, or one of its peers. */
export interface Contender {
  readonly name: string;
  /** Starts the server; resolves when it answers. Throws, quoting the server, when it doesn't. */
  start(site: Site): Promise<Child>;
}

/** One thing that is measured. */
export interface Metric {
  readonly name: string;
  /** Figures after the point when printed. */
  readonly digits: number;
}

/** What one turn of one contender has to work with. */
export interface Trial {
  /** Where the load comes from. */
  readonly clients: Namespace;
  /** The server's address and process id. */
  readonly address: string;
  readonly pid: number;
  /** What this contender reached in its turn before, first metric; undefined in the first turn. */
  readonly previous: number | undefined;
  readonly quick: boolean;
  readonly signal: AbortSignal;
}

/** One load, measured with every contender. */
export interface Scenario {
  readonly title: string;
  /** More is better for the first one, which ratios are made of. */
  readonly metrics: readonly [Metric, ...Metric[]];
  /** Puts the load on a running server. Gives one value for each metric. */
  measure(trial: Trial): Promise<readonly number[]>;
}

/** A comparison of rackseed with its peers, or rackseed alone where there are none. */
export interface Benchmark {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** Rackseed is the first. */
  readonly contenders: readonly [Contender, ...Contender[]];
  /** By the peer's name: how many times as fast rackseed is to be. A peer that isn't here is shown for comparison. */
  readonly goals: ReadonlyMap<string, number>;
  readonly scenarios: readonly Scenario[];
  /** What has to be said about the figures, printed below them. */
  readonly note?: string;
  /** The files to serve, by name; sizes in bytes. */
  files(quick: boolean): ReadonlyMap<string, number>;
  /** The programs it runs, with the Debian package of each. */
  readonly programs: ReadonlyMap<string, string>;
}
