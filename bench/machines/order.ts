/** The stages of a simulated boot, in order. */
export const STAGES = [
  'DHCP',
  'loader',
  'iPXE DHCP',
  'scripts',
  'kernel',
  'initrd',
  'document',
  'report',
] as const;
export type Stage = (typeof STAGES)[number];

/** What one generator process of a storm is to do. */
export interface StormOrder {
  readonly server: string;
  /** This process's own relay agent address. */
  readonly giaddr: string;
  /** Its machines: the numbers from `first` on. */
  readonly first: number;
  readonly machines: number;
  /** When the first machine is switched on, milliseconds since the epoch. */
  readonly begins: number;
  /** How long switching on takes until the last one, milliseconds. */
  readonly spread: number;
  /** Those that aren't up so long after `begins` have failed, milliseconds. */
  readonly limit: number;
  /** Lengths of the files, bytes. */
  readonly sizes: { readonly loader: number; readonly kernel: number; readonly initrd: number };
}

/** What became of its machines. */
export interface StormReport {
  /** When the last machine was up, milliseconds after `begins`. */
  readonly lastUp: number;
  readonly up: number;
  /** Messages sent again, and requests that had to be repeated. */
  readonly retries: number;
  /** How often machines failed, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** How long each machine took for each stage, milliseconds. */
  readonly stages: Readonly<Record<Stage, readonly number[]>>;
  /** User and system time of the generator. */
  readonly cpuSeconds: number;
}
