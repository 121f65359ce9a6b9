import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** How a program ended, with all that it printed. */
export interface Finished {
  /** Exit status; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Written to standard input, which is closed after it. */
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the program with SIGKILL after this many milliseconds. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** Runs a program to its end. Throws only when it can't be started; look at `code` for how it went. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = launch(argv, options, false);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  // A program may end without reading its input; how it ended is the better story to tell.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);
  const timer = options.timeout ? setTimeout(() => child.kill('SIGKILL'), options.timeout) : undefined;
  try {
    const [code, signal] = await once(child, 'close');
    return { code, signal, ...output };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a program to its end and gives what it printed. Throws, quoting its complaint, unless it exits with 0. */
export async function runChecked(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await run(argv, options);
  if (code === 0) return stdout;
  const how = signal ? `was ended by ${signal}` : `failed with exit status ${code}`;
  throw new Error(`${argv.join(' ')} ${how}: ${(stderr || stdout).trim() || 'it printed nothing'}`);
}

/** A program that goes on running beside us. */
export interface Child {
  readonly pid: number;
  /** Resolves when the program has ended and its output is complete; never rejects. */
  readonly exited: Promise<Finished>;
  /** What it has printed so far, standard output and standard error as they came. */
  output(): string;
  /**
   * Resolves with the first match of `pattern` in the output, printed already or still to come. Rejects, quoting the
   * last lines, when the program ends without printing it or after `timeout` milliseconds.
   */
  waitFor(pattern: RegExp, timeout?: number): Promise<RegExpMatchArray>;
  /** Sends a signal to the program and to those it has started, if it still runs. */
  kill(signal: NodeJS.Signals): void;
  /** Sends SIGTERM, then SIGKILL after `grace` milliseconds; resolves when the program has ended. */
  stop(grace?: number): Promise<Finished>;
}

/**
 * setpriv(1) of util-linux: the kernel ends what it starts as soon as this process is gone, however it went. It forgets about
 * a program that changes its user, as dnsmasq does; such a one is ended with its namespace when the next run cleans up.
 */
const TIED_TO_US = ['setpriv', '--pdeathsig', 'KILL'];

/**
 * Starts a program and leaves it running, in a process group of its own: a Ctrl-C on the terminal reaches only us, so that
 * we decide what ends when. Rejects when there is no such program. Once it runs it's ended together with this process, even
 * if this one is killed.
 */
export async function start(argv: readonly string[], options: RunOptions = {}): Promise<Child> {
  // setpriv would tell of it only when it has run.
  const [program = ''] = argv;
  if (!isProgram(program)) throw new Error(`spawn ${program} ENOENT: there is no such program`);
  const child = launch([...TIED_TO_US, ...argv], options, true);
  await once(child, 'spawn');
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);

  const output = { all: '', stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      output.all += text;
      for (const watcher of watchers) watcher();
    });
  }
  let closed = false;
  const kill = (signal: NodeJS.Signals) => {
    if (closed || child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // The whole group has ended in the meantime.
    }
  };
  const killAtExit = () => kill('SIGKILL');
  process.once('exit', killAtExit);
  const exited = new Promise<Finished>((resolve) => {
    child.once('close', (code, signal) => {
      closed = true;
      process.removeListener('exit', killAtExit);
      resolve({ code, signal, stdout: output.stdout, stderr: output.stderr });
    });
  });
  const lastLines = () => output.all.trimEnd().split('\n').slice(-15).join('\n');

  return {
    pid: child.pid ?? 0,
    exited,
    output: () => output.all,
    kill,
    waitFor(pattern, timeout = 10_000) {
      return new Promise((resolve, reject) => {
        const settle = (finish: () => void) => {
          clearTimeout(timer);
          watchers.delete(look);
          finish();
        };
        const look = () => {
          const match = output.all.match(pattern);
          if (match) settle(() => resolve(match));
        };
        const giveUp = (why: string) =>
          settle(() =>
            reject(new Error(`${argv.join(' ')} ${why} without printing ${pattern}:\n${lastLines()}`)),
          );
        const timer = setTimeout(() => giveUp(`ran for ${timeout} ms`), timeout);
        watchers.add(look);
        look();
        void exited.then(() => giveUp('ended'));
      });
    },
    async stop(grace = 5000) {
      kill('SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), grace);
      const finished = await exited;
      clearTimeout(timer);
      return finished;
    },
  };
}

/** True when a program can be run by this name: a path, or a file in a folder of PATH. */
export function isProgram(name: string): boolean {
  const folders = name.includes('/') ? [''] : (process.env.PATH ?? '').split(':').filter(Boolean);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function launch(argv: readonly string[], options: RunOptions, detached: boolean): ChildProcess {
  const [command = '', ...args] = argv;
  return spawn(command, args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached,
    env: { ...process.env, ...options.env },
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
}
