import { sendUnixDatagram } from './libc.ts';

/** What systemd is told about the service, as sd_notify(3) has it. */
export interface ServiceManager {
  /** Everything is up, or the configuration was read again; `status` is a line for `systemctl status`. */
  ready(status: string): void;
  /** The configuration is being read again; `ready` ends it. */
  reloading(): void;
  stopping(): void;
  /** Ends the signs of life. */
  stop(): void;
}

export interface ServiceManagerOptions {
  /** Where systemd says how it wants to be told: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. */
  readonly environment: NodeJS.ProcessEnv;
  readonly pid: number;
  /** Called once, when systemd can't be told. */
  readonly onError: (error: Error) => void;
}

/**
 * The way to tell systemd how the service is. A sign of life is sent twice in each of the watchdog's periods, by a timer
 * of the main loop: when the loop is stuck the signs stay away, and systemd starts the service anew. Does nothing when
 * somebody else started the process.
 */
export function openServiceManager({ environment, pid, onError }: ServiceManagerOptions): ServiceManager {
  const path = environment.NOTIFY_SOCKET;
  let timer: NodeJS.Timeout | undefined;
  let failed = false;
  const tell = (...lines: readonly string[]) => {
    if (!path || failed) return;
    try {
      sendUnixDatagram(path, Buffer.from(lines.join('\n')));
    } catch (error) {
      failed = true;
      onError(error as Error);
    }
  };
  return {
    ready(status) {
      tell('READY=1', `STATUS=${status}`);
      const period = watchdogPeriod(environment, pid);
      if (period !== undefined) timer ??= setInterval(() => tell('WATCHDOG=1'), period / 2);
    },
    reloading: () => tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => tell('STOPPING=1'),
    stop: () => clearInterval(timer),
  };
}

/** Milliseconds within which systemd wants a sign of life of this process; undefined when it wants none. */
function watchdogPeriod(environment: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID } = environment;
  if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== pid) return undefined;
  const microseconds = Number(WATCHDOG_USEC ?? 0);
  return microseconds > 0 ? microseconds / 1000 : undefined;
}
