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
  readonly range: AddressRange;
  /** A network behind a router on the clients' end of the cable, which is the relay agent there. */
  readonly remote: RemoteNetwork;
  /** The folder of the files to serve; every user may read it. */
  readonly files: string;
  /** An empty folder for the server's own files, new at every start. */
  readonly scratch: string;
  /** The clients' end of the cable, from where a server can be asked whether it is ready. */
  readonly clients: Namespace;
  /** Aborted when the whole run is to end. */
  readonly signal: AbortSignal;
}

/** Addresses in a row, both ends included. */
export interface AddressRange {
  readonly first: string;
  readonly last: string;
}

/** A network of which every address is at the clients' end of the cable: each machine has a socket of its own there. */
export interface RemoteNetwork {
  /** With its prefix length. */
  readonly subnet: string;
  readonly netmask: string;
  readonly router: string;
  /** Addresses to lease. */
  readonly range: AddressRange;
}

/** A server that runs: of one process or several. */
export interface Server {
  /** Process ids; what these have started counts as theirs. */
  readonly pids: readonly number[];
  /** What it has printed so far. */
  output(): string;
  /** Resolves when all of it has ended. */
  stop(): Promise<void>;
}

/** The processes as one server. */
export function serverOf(...children: readonly Child[]): Server {
  return {
    pids: children.map(({ pid }) => pid),
    output: () => children.map((child) => child.output()).join(''),
    async stop() {
      await Promise.all(children.map((child) => child.stop()));
    },
  };
}

/** A server that can be measured: rackseed, or one of its peers. */
export interface Contender {
  readonly name: string;
  /** Starts the server; resolves when it answers. Throws, quoting the server, when it doesn't. */
  start(site: Site): Promise<Server>;
}

/** One thing that is measured. */
export interface Metric {
  readonly name: string;
  /** Figures after the point when printed. */
  readonly digits: number;
  /** What is better; more, unless given. */
  readonly better?: 'less';
}

/** What a metric is to reach: a number of its own, or a multiple of a peer's. No more than that where less is better. */
export interface Goal {
  /** The metric's name. */
  readonly metric: string;
  readonly value: number;
  /** The peer's name; `value` is a factor then. */
  readonly peer?: string;
}

/** What one turn of one contender has to work with. */
export interface Trial {
  /** Where the load comes from. */
  readonly clients: Namespace;
  readonly address: string;
  readonly server: Server;
  /** Where the server was started. */
  readonly site: Site;
  /** What this contender reached in its turn before, first metric; undefined in the first turn. */
  readonly previous: number | undefined;
  readonly quick: boolean;
  readonly signal: AbortSignal;
}

/** One load, measured with every contender. */
export interface Scenario {
  readonly title: string;
  /** Ratios are made of the first one. */
  readonly metrics: readonly [Metric, ...Metric[]];
  readonly goals?: readonly Goal[];
  /** Puts the load on a running server. Gives one value for each metric. */
  measure(trial: Trial): Promise<readonly number[]>;
}

/** Servers that are set up for the same thing, and the loads they are measured under, one after the other. */
export interface Setting {
  /** Rackseed is the first; it is alone where there is nothing to compare it with. */
  readonly contenders: readonly [Contender, ...Contender[]];
  readonly scenarios: readonly [Scenario, ...Scenario[]];
  /** Turns that each takes unless the command line says otherwise; 3, or 1 in a quick run, unless given. */
  readonly rounds?: number;
  /** Left out of a quick run. */
  readonly long?: boolean;
  /** The files to serve, by path; sizes in bytes. */
  files?(quick: boolean): ReadonlyMap<string, number>;
}

/** A comparison of rackseed with its peers. */
export interface Benchmark {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  readonly settings: readonly Setting[];
  /** What has to be said about the figures, printed below them. */
  readonly note?: string;
  /** The programs it runs, with the Debian package of each. */
  readonly programs: ReadonlyMap<string, string>;
}
