import { useState } from 'preact/hooks';
import { type Change, EVENT_TYPES, type EventType, type JournalEvent } from '../model/api.ts';
import { hashOf } from '../model/route.ts';
import { Empty } from '../parts/shell.tsx';
import { StateBadge } from '../parts/state.tsx';
import { Ago, Clock } from '../parts/time.tsx';
import { useFetched } from '../parts/use-fetched.ts';
import { useConsole } from '../state/console.ts';

/** So many events are drawn. */
const SHOWN = 300;

/** What happens, as it happens; and what people have changed. */
export function EventsPage() {
  const [audit, setAudit] = useState(false);
  return (
    <>
      <div class="toolbar">
        <h1>Events</h1>
        <fieldset class="chips">
          <legend class="hidden">Show</legend>
          <button type="button" class="chip" aria-pressed={!audit} onClick={() => setAudit(false)}>
            live
          </button>
          <button type="button" class="chip" aria-pressed={audit} onClick={() => setAudit(true)}>
            changes by people
          </button>
        </fieldset>
      </div>
      {audit ? <Changes /> : <LiveEvents />}
    </>
  );
}

function LiveEvents() {
  const { journal } = useConsole();
  const [types, setTypes] = useState<ReadonlySet<EventType>>(new Set(EVENT_TYPES));
  const [text, setText] = useState('');
  const [paused, setPaused] = useState<readonly JournalEvent[]>();
  const live = journal.events.value;
  const events = paused ?? live;
  const newest = paused?.[0]?.id ?? 0;
  const missed = paused ? live.filter(({ id }) => id > newest).length : 0;
  const wanted = text.toLowerCase();
  const found = events.filter((event) => types.has(event.type) && textOf(event).includes(wanted));

  return (
    <>
      <div class="toolbar">
        <input
          type="search"
          class="search"
          aria-label="Search the events"
          placeholder="Search machine or text…"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <fieldset class="chips">
          <legend class="hidden">Kinds of events</legend>
          {EVENT_TYPES.map((type) => (
            <button
              key={type}
              type="button"
              class="chip"
              aria-pressed={types.has(type)}
              onClick={() => setTypes((before) => toggled(before, type))}
            >
              {type}
            </button>
          ))}
        </fieldset>
        <button
          type="button"
          class="button"
          aria-pressed={paused !== undefined}
          onClick={() => setPaused(paused ? undefined : live)}
        >
          {paused ? `Go on${missed > 0 ? ` (${missed} new)` : ''}` : 'Pause'}
        </button>
      </div>
      {found.length > 0 && (
        <table class="plain events">
          <caption class="hidden">Events, the newest first</caption>
          <thead class="hidden">
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Machine</th>
              <th scope="col">What</th>
              <th scope="col">Detail</th>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, SHOWN).map((event) => (
              <EventRow key={event.id} event={event} />
            ))}
          </tbody>
        </table>
      )}
      {found.length > SHOWN && (
        <p class="muted">
          The newest {SHOWN} of {found.length}. Search to see others.
        </p>
      )}
      {found.length === 0 && <NoEvents any={events.length > 0} />}
    </>
  );
}

function EventRow({ event }: { readonly event: JournalEvent }) {
  return (
    <tr class={event.severity ? `severity-${event.severity}` : undefined}>
      <td class="event-clock">
        <Clock at={event.at} />
      </td>
      <td class="event-machine">
        {event.mac ? (
          <a href={hashOf({ page: 'machine', mac: event.mac })}>{event.hostname ?? event.mac}</a>
        ) : (
          <span class="muted">rackseed</span>
        )}
      </td>
      <td class="event-what">
        {event.state ? <StateBadge state={event.state} /> : <span class="kind">{whatOf(event)}</span>}
      </td>
      <td class="event-detail">
        {event.detail} {event.by && <span class="muted">by {event.by}</span>}
      </td>
    </tr>
  );
}

function whatOf(event: JournalEvent): string {
  return event.kind ?? event.action ?? event.severity ?? event.type;
}

function textOf(event: JournalEvent): string {
  return `${event.hostname} ${event.mac} ${whatOf(event)} ${event.state} ${event.detail} ${event.by}`.toLowerCase();
}

function toggled(before: ReadonlySet<EventType>, type: EventType): ReadonlySet<EventType> {
  const after = new Set(before);
  if (!after.delete(type)) after.add(type);
  return after;
}

function NoEvents({ any }: { readonly any: boolean }) {
  if (any) {
    return (
      <Empty title="No event matches">
        <p>Other words or other kinds may.</p>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing has happened yet">
      <p>Switch a machine on: each of its steps is told here while it happens.</p>
    </Empty>
  );
}

function Changes() {
  const changes = useFetched<{ changes: Change[] }>('/v1/changes', 0, 10_000);
  if (changes.problem) return <p class="problem">{changes.problem}</p>;
  if (!changes.value) return <p class="loading">Fetching the changes…</p>;
  if (changes.value.changes.length === 0) {
    return (
      <Empty title="Nobody has changed anything">
        <p>Approvals, names, labels and tokens are written down here, with who and when.</p>
      </Empty>
    );
  }
  return (
    <table class="plain">
      <caption class="hidden">Changes, the newest first</caption>
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Who</th>
          <th scope="col">What</th>
          <th scope="col">Machine</th>
          <th scope="col" class="wide">
            Detail
          </th>
        </tr>
      </thead>
      <tbody>
        {changes.value.changes.slice(0, SHOWN).map((change) => (
          <tr key={change.id}>
            <td>
              <Ago at={change.at} />
            </td>
            <td>{change.by}</td>
            <td>{change.action}</td>
            <td>
              {change.mac && (
                <a href={hashOf({ page: 'machine', mac: change.mac })}>{change.hostname ?? change.mac}</a>
              )}
            </td>
            <td class="wide">{change.detail}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
