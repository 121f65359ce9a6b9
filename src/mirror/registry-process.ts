import { spawn } from 'node:child_process';
import type { ProxyEnvironment } from './environment.ts';
import { lastWords } from './words.ts';

/** What is kept of what a process says, characters. */
const KEPT = 16 * 1024;
/** How long it may take to end when it is told to, milliseconds. */
const PATIENCE = 5_000;

/** A docker-registry that runs. */
export interface RegistryProcess {
  /** Resolves when it has ended, with the reason for people; never rejects. */
  readonly ended: Promise<string>;
  /** Ends it. Resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts docker-registry with a configuration file. It ends with this process, however that ends. Of this process's
 * environment it gets only where programs are and whom to trust, since it takes other variables for settings.
 */
export function startRegistry(
  program: string,
  config: string,
  environment: ProxyEnvironment,
): RegistryProcess {
  const { PATH, SSL_CERT_FILE, SSL_CERT_DIR } = process.env;
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', program, 'serve', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH,
      ...(SSL_CERT_FILE && { SSL_CERT_FILE }),
      ...(SSL_CERT_DIR && { SSL_CERT_DIR }),
      ...environment,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT);
    });
  }
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      const how = signal ? `it was ended by ${signal}` : `it ended with exit status ${code}`;
      const words = lastWords(output);
      resolve(words === undefined ? how : `${how}: ${words}`);
    });
  });
  return {
    ended,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      await ended;
      clearTimeout(timer);
    },
  };
}
