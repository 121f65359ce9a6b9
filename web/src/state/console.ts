import { effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { JournalEvent, Machine } from '../model/api.ts';
import type { ActionName } from '../parts/actions.ts';
import { createJournalStore, type JournalStore } from './journal.ts';
import { createRackStore, type RackStore } from './rack.ts';
import { createRouter, type Router } from './router.ts';
import { createSession, type Session } from './session.ts';
import { type Connection, followStream } from './stream.ts';
import { createTheme, type Theme } from './theme.ts';
import { createNotices, type Notices } from './toasts.ts';

/** An action that is about to be taken, in a dialog. */
export interface OpenDialog {
  readonly action: ActionName;
  readonly mac: string;
}

/** All that the parts of the page share. */
export interface Console {
  readonly session: Session;
  readonly rack: RackStore;
  readonly journal: JournalStore;
  readonly notices: Notices;
  readonly router: Router;
  readonly theme: Signal<Theme>;
  readonly connection: ReadonlySignal<Connection>;
  /** Milliseconds since the epoch, once a second. */
  readonly now: ReadonlySignal<number>;
  readonly dialog: Signal<OpenDialog | undefined>;
}

const BACKLOG = 300;

/** Milliseconds after which what couldn't be fetched is fetched again. */
const RETRY = 3_000;

/** Builds the page's state and begins to follow the server. */
export function createConsole(): Console {
  const session = createSession();
  const rack = createRackStore(session.api);
  const journal = createJournalStore();
  const notices = createNotices();
  const connection = signal<Connection>({ state: 'connecting' });
  const now = signal(Date.now());
  setInterval(() => {
    now.value = Date.now();
  }, 1000);

  function fetchAll() {
    Promise.all([session.identify(), rack.load()]).catch((error) => {
      notices.fail(error);
      if (!session.needsToken.value) setTimeout(fetchAll, RETRY);
    });
  }
  const receive = createReceiver({ rack, journal, notices, onReset: fetchAll });
  function follow() {
    return followStream({
      open: (lastId, abort) =>
        session.api.open('/v1/events', lastId === undefined ? {} : { 'last-event-id': lastId }, abort),
      backlog: BACKLOG,
      onOpen: fetchAll,
      onMessage: receive,
      onConnection: (next) => {
        connection.value = next;
      },
    });
  }
  // Without a token that it wants, the server tells nothing: wait for the sign-in.
  effect(() => {
    if (!session.needsToken.value) return untracked(follow);
  });

  return {
    session,
    rack,
    journal,
    notices,
    router: createRouter(),
    theme: createTheme(),
    connection,
    now,
    dialog: signal<OpenDialog | undefined>(undefined),
  };
}

interface ReceiverOptions extends Pick<Console, 'rack' | 'journal' | 'notices'> {
  /** Called when what was missed can't be told any more. */
  readonly onReset: () => void;
}

/** What is done with the messages of the stream. */
function createReceiver({ rack, journal, notices, onReset }: ReceiverOptions) {
  const loadedAt = Date.now();
  return (event: string, data: unknown) => {
    if (event === 'machine') rack.put(data as Machine);
    else if (event === 'forgotten') rack.forget((data as { mac: string }).mac);
    else if (event === 'reset') onReset();
    else if (event !== 'hello') {
      const entry = data as JournalEvent;
      journal.put(entry);
      if (Date.parse(entry.at) > loadedAt) announce(entry, notices);
    }
  };
}

function announce(event: JournalEvent, notices: Notices) {
  if (event.type === 'notice' && event.severity !== undefined && event.severity !== 'info') {
    notices.show(event.severity, event.detail);
  } else if (event.type === 'state' && event.state === 'discovered') {
    notices.speak(`${event.hostname} waits for approval`);
  } else if (event.type === 'state' && event.state === 'stuck') {
    notices.speak(`${event.hostname} is stuck: ${event.detail}`);
  }
}

/** For the parts of the page. */
export const ConsoleContext = createContext<Console | undefined>(undefined);

export function useConsole(): Console {
  const console = useContext(ConsoleContext);
  if (!console) throw new Error('no console around this part');
  return console;
}
