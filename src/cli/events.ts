import { type Command, InvalidArgumentError } from 'commander';
import type { ApiClient } from '../api-client/client.ts';
import type { ServerEvent } from '../api-client/event-stream.ts';
import { followEvents } from '../api-client/follow.ts';
import type { ShownEvent } from '../api-client/types.ts';
import { didYouMean } from '../config/similar.ts';
import type { Output } from './check.ts';
import { addApiCommand, connect, type JsonOption } from './connection.ts';
import { formatJson, printable } from './printable.ts';
import { shortTime } from './times.ts';
import { UsageError } from './usage.ts';

/** The events that have a number and are kept for a while. */
const TYPES = ['boot', 'state', 'change', 'notice'] as const;
type EventType = (typeof TYPES)[number];

interface EventsOptions extends JsonOption {
  readonly follow?: boolean;
  readonly types?: readonly EventType[];
  /** The last event that is known already. */
  readonly since?: number;
  /** Ends the following; without one it goes on until the process ends. */
  readonly signal?: AbortSignal;
}

/** Adds `events` to the command line. */
export function addEventsCommand(program: Command): void {
  addApiCommand(program, 'events', 'tell what happens, one line each, or what happened after an event')
    .option('--follow', 'what happens from now on, until Ctrl-C')
    .option('--since <id>', 'first what happened after this event; --json tells the numbers', parseId)
    .option('--types <types>', `only these, parted by commas: ${TYPES.join(', ')}`, parseTypes)
    .addHelpText(
      'after',
      `
A lost connection is made anew, and goes on after the last event that came.

Examples:
  rackseed events --follow --types state,notice
  rackseed events --follow --json | jq -r 'select(.state == "stuck") | .detail'
  rackseed events --since 4711               what happened since then?`,
    )
    .action(async (options: EventsOptions, command: Command) => {
      if (!options.follow && options.since === undefined) {
        throw new UsageError(
          'say --follow for what happens, or --since ID for what happened after that event',
        );
      }
      await eventsCommand(await connect(command), options, process.stdout, process.stderr);
    });
}

function parseId(text: string): number {
  const id = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(id)) return id;
  throw new InvalidArgumentError('It must be the number of an event.');
}

function parseTypes(text: string): readonly EventType[] {
  return text.split(',').map((word) => {
    const type = TYPES.find((known) => known === word);
    if (type) return type;
    throw new InvalidArgumentError(
      `There is no type ${word}${didYouMean(word, TYPES) || `: types are ${TYPES.join(', ')}.`}`,
    );
  });
}

/** `rackseed events`: a line for each event to `output`; how the connection fares goes to `notes`. */
export async function eventsCommand(
  client: ApiClient,
  { follow = false, types = TYPES, since, json, signal }: EventsOptions,
  output: Output,
  notes: Output,
): Promise<void> {
  const say = (text: string) => notes.write(`rackseed: ${printable(text)}\n`);
  const tell = (event: ServerEvent) => {
    if (event.event === 'reset')
      say(`events up to ${event.data.lastId} are missing here: they are no longer kept`);
    else if (types.some((type) => type === event.event))
      output.write(json ? jsonLine(event) : `${eventLine(event)}\n`);
  };
  if (!follow) {
    for await (const event of keptEvents(client, since ?? 0)) tell(event);
    return;
  }
  for await (const item of followEvents(client, {
    types,
    signal,
    ...(since !== undefined && { lastId: since }),
  })) {
    if (item.kind === 'event') tell(item);
    else if (item.kind === 'lost') say(`${item.reason}; trying again`);
    else if (item.again) say('connected again, and going on after the last event that came');
  }
}

/** The events of the last batch come at once: after so long without one there are no more, milliseconds. */
const QUIET = 1000;

/** What happened after the event `since`, up to now. */
async function* keptEvents(client: ApiClient, since: number): AsyncGenerator<ServerEvent, void, undefined> {
  const until = await lastEvent(client);
  if (since >= until) return;
  const quiet = new AbortController();
  const events = await client.events({ lastId: since, signal: quiet.signal });
  // After the service was started again, the last number may be one that no event has.
  const timer = setTimeout(() => quiet.abort(), QUIET);
  try {
    for await (const event of events) {
      timer.refresh();
      yield event;
      if (event.event === 'reset' || (event.id ?? 0) >= until) return;
    }
  } catch (error) {
    if (!quiet.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The number of the last event there was; 0 when there was none. */
async function lastEvent(client: ApiClient): Promise<number> {
  for await (const { event, data } of await client.events()) {
    if (event === 'hello' && typeof data.lastId === 'number') return data.lastId;
  }
  throw new Error(`the service at ${client.place} doesn't tell which event was the last`);
}

function jsonLine({ event, data, id }: ServerEvent): string {
  return formatJson({ id, type: event, ...data }, 'line');
}

/** `2026-11-21 08:44:10Z  52:54:00:00:00:01  worker-01  kernel  vmlinuz (10 MB, 1.0 s)` */
export function eventLine({ event, data }: Pick<ServerEvent, 'event' | 'data'>): string {
  const { at, mac = '-', hostname = '-', ...rest } = data as Partial<ShownEvent>;
  const [what, detail] = describe(event, rest);
  return printable([shortTime(at ?? ''), mac.padEnd(17), hostname, what, detail].join('  ').trimEnd());
}

function describe(type: string, event: Partial<ShownEvent>): [what: string, detail: string] {
  const { kind, state, before, action, by, severity, detail = '' } = event;
  switch (type) {
    case 'boot':
      return [kind ?? type, detail];
    case 'state':
      return [before === undefined ? `${state}` : `${before} → ${state}`, detail];
    case 'change':
      return [action ?? type, `by ${by}${detail === '' ? '' : `: ${detail}`}`];
    default:
      return [severity ?? type, detail];
  }
}
