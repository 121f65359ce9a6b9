import { access } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A prompt on a serial console, and what to type then; a line break is added. */
export type Line = readonly [prompt: RegExp, command: string];

/** How long QEMU takes at most to make its sockets, milliseconds. */
const SOCKET_TIMEOUT = 10_000;

/**
 * Sits at a serial console (the unix socket that QEMU makes) and types each command when its prompt has shown. Leaves when all
 * is typed, or when the machine is switched off.
 */
export async function typeAt(console: string, lines: readonly Line[]): Promise<void> {
  await appears(console);
  const socket = createConnection(console).setEncoding('latin1');
  // The machine may be switched off while somebody types.
  socket.on('error', () => {});
  // Each character is typed when the one before it has shown: a serial port loses what comes faster than it is read.
  const keys = lines.flatMap(([prompt, command]) => [
    ...[...`${command}\n`].map((key, index, all): readonly [RegExp, string] => [
      index === 0 ? prompt : literal(all[index - 1] ?? ''),
      key,
    ]),
  ]);
  let unread = '';
  let next = keys.shift();
  for await (const text of socket) {
    unread += text;
    if (!next?.[0].test(unread)) continue;
    unread = '';
    socket.write(next[1]);
    next = keys.shift();
    if (!next) break;
  }
}

function literal(character: string): RegExp {
  return new RegExp(character.replace(/[^\w]/g, '\\$&'));
}

async function appears(path: string): Promise<void> {
  const deadline = Date.now() + SOCKET_TIMEOUT;
  const isThere = () =>
    access(path).then(
      () => true,
      () => false,
    );
  while (!(await isThere()) && Date.now() < deadline) await pause(20);
}
