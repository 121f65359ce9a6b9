import type { PullEvent } from '../images/pull.ts';
import { formatBytes, formatDuration } from '../machines/units.ts';
import type { Output } from './check.ts';
import { printable } from './printable.ts';
import { drawInPlace, terminalOf } from './terminal.ts';

/** How far a file is. */
export interface FileProgress {
  readonly image: string;
  readonly file: string;
  /** Bytes that are here. */
  readonly bytes: number;
  /** Bytes in all, once that is known. */
  readonly size: number | undefined;
  /** Bytes that were here when this began, and when that was, milliseconds. */
  readonly first: { readonly bytes: number; readonly at: number };
  readonly isDone: boolean;
}

/** Width of a bar, characters. */
const BAR = 24;
/** Least time between two drawings, milliseconds. */
const REDRAW = 150;
/** Where there is no terminal: least time between two lines about a file, milliseconds. */
const LINE = 10_000;

/** A file's line on a terminal: `[#####-------]  41 %  210 MB of 512 MB  12 MB/s  25 s left  flatcar/4593.2.5 …vmlinuz`. */
export function progressLine({ image, file, bytes, size, first, isDone }: FileProgress, now: number): string {
  const who = printable(`${image}/${file}`);
  if (isDone) return `[${'#'.repeat(BAR)}] 100 %  ${formatBytes(bytes)}  ${who}`;
  const rate = now > first.at ? ((bytes - first.bytes) / (now - first.at)) * 1000 : 0;
  const speed = rate > 0 ? `  ${formatBytes(rate)}/s` : '';
  if (size === undefined) return `[${' '.repeat(BAR)}]        ${formatBytes(bytes)}${speed}  ${who}`;
  const share = size === 0 ? 1 : bytes / size;
  const full = Math.floor(share * BAR);
  const left = rate > 0 && bytes < size ? `  ${formatDuration(((size - bytes) / rate) * 1000)} left` : '';
  const percent = String(Math.floor(share * 100)).padStart(3);
  const amount = `${formatBytes(bytes)} of ${formatBytes(size)}`;
  return `[${'#'.repeat(full)}${'-'.repeat(BAR - full)}] ${percent} %  ${amount}${speed}${left}  ${who}`;
}

/** Shows what is told about pulls. */
export interface PullView {
  /** @param request what is pulled, as somebody asked for it: `flatcar@stable` */
  observe(request: string, event: PullEvent): void;
  /** Says a line that stays. */
  say(line: string): void;
  /** Shows the last state. */
  end(): void;
}

/** Bars on a terminal, drawn in place; elsewhere lines, a few for every file. */
export function createPullView(output: Output, now: () => number = () => performance.now()): PullView {
  const files = new Map<string, FileProgress>();
  const images = new Map<string, string>();
  const terminal = terminalOf(output);
  const draw = terminal && drawInPlace(terminal);
  let drawn = Number.NEGATIVE_INFINITY;
  const lines = new Map<string, number>();
  const redraw = () => draw?.([...files.values()].map((file) => progressLine(file, now())));
  const say = (line: string) => {
    // What was drawn so far is drawn below it again.
    draw?.([]);
    output.write(`${printable(line)}\n`);
    redraw();
  };

  return {
    say,
    end: redraw,
    observe(request, event) {
      if (event.type === 'found') {
        images.set(request, event.image);
        say(`${request} is ${event.image}`);
        return;
      }
      const image = images.get(request) ?? request;
      const key = `${image}/${event.file}`;
      const known = files.get(key);
      if (event.type === 'file') {
        // One that was complete from an earlier attempt was never on its way.
        const { bytes = 0, first = { bytes: 0, at: now() } } = known ?? {};
        files.set(key, { image, file: event.file, bytes, size: bytes, first, isDone: true });
        if (draw) redraw();
        else say(`${key}: complete${known ? `, ${formatBytes(bytes)}` : ''}`);
        return;
      }
      const { file, bytes, size } = event;
      const at = now();
      const isAnew = known === undefined || bytes < known.bytes;
      files.set(key, {
        image,
        file,
        bytes,
        size,
        first: isAnew ? { bytes, at } : known.first,
        isDone: false,
      });
      if (draw) {
        if (at - drawn < REDRAW) return;
        drawn = at;
        redraw();
        return;
      }
      if (!isAnew && at - (lines.get(key) ?? at) < LINE) return;
      lines.set(key, at);
      const whole = size === undefined ? '' : ` of ${formatBytes(size)}`;
      say(`${key}: ${formatBytes(bytes)}${whole}`);
    },
  };
}
