import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { MACHINE_STATES, type Machine, type MachineState } from '../model/api.ts';
import { matcher } from '../model/order.ts';
import { type Row, rowHeight, rowsOf } from '../model/rows.ts';
import { MachineRow } from '../parts/machine-row.tsx';
import { Empty } from '../parts/shell.tsx';
import { stateWord } from '../parts/state.tsx';
import { useNarrow } from '../parts/use-narrow.ts';
import { useRackKeys } from '../parts/use-rack-keys.ts';
import { useVisible } from '../parts/use-visible.ts';
import { useConsole } from '../state/console.ts';

interface RackPageProps {
  readonly query: string;
  readonly state?: MachineState;
}

/** All machines, live: who waits, who is stuck, and the others. */
export function RackPage({ query, state }: RackPageProps) {
  const { rack, router } = useConsole();
  const search = useRef<HTMLInputElement>(null);
  const machines = rack.machines.value;
  const rows = useMemo(() => {
    const matches = matcher(query);
    return rowsOf(machines.filter((machine) => (!state || machine.state === state) && matches(machine)));
  }, [machines, query, state]);
  const show = (next: RackPageProps) => router.replace({ page: 'rack', ...next });

  return (
    <>
      <div class="toolbar">
        <h1 class="hidden">Rack</h1>
        <input
          ref={search}
          type="search"
          class="search"
          aria-label="Search the rack"
          placeholder="Search name, address, serial, label…"
          value={query}
          onInput={(event) => show({ query: event.currentTarget.value, ...(state && { state }) })}
        />
        <StateChips
          {...(state && { selected: state })}
          onSelect={(next) => show({ query, ...(next && { state: next }) })}
        />
      </div>
      {rows.length > 0 && <MachineTable rows={rows} search={search} />}
      {rows.length === 0 && rack.loaded.value && (
        <NothingHere machines={machines} onReset={() => show({ query: '' })} />
      )}
      {!rack.loaded.value && <p class="loading">Fetching the machines…</p>}
    </>
  );
}

interface StateChipsProps {
  readonly selected?: MachineState;
  readonly onSelect: (state: MachineState | undefined) => void;
}

function StateChips({ selected, onSelect }: StateChipsProps) {
  const { rack } = useConsole();
  const counts = rack.counts.value;
  const shown = MACHINE_STATES.filter((state) => state === selected || (counts.get(state) ?? 0) > 0);
  const chips = useRef<HTMLFieldSetElement>(null);
  // On a narrow screen they are in one line, and the selected one may be outside.
  useEffect(() => {
    const chip = chips.current?.querySelector('[aria-pressed="true"]');
    chip?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [selected]);
  return (
    <fieldset class="chips" ref={chips}>
      <legend class="hidden">Show the machines that are</legend>
      <button type="button" class="chip" aria-pressed={!selected} onClick={() => onSelect(undefined)}>
        all <b>{rack.machines.value.length}</b>
      </button>
      {shown.map((state) => (
        <button
          key={state}
          type="button"
          class={`chip state-${state}`}
          aria-pressed={state === selected}
          onClick={() => onSelect(state === selected ? undefined : state)}
        >
          {stateWord(state)} <b>{counts.get(state)}</b>
        </button>
      ))}
    </fieldset>
  );
}

const COLUMNS = [
  ['name', 'Hostname'],
  ['mac', 'Hardware address'],
  ['state', 'State'],
  ['stage', 'Boot'],
  ['profile', 'Profile'],
  ['address', 'Address'],
  ['since', 'Since'],
] as const;

interface MachineTableProps {
  readonly rows: readonly Row[];
  readonly search: { readonly current: HTMLInputElement | null };
}

/** Only the rows that show are in the document, so that a thousand machines cost what thirty do. */
function MachineTable({ rows, search }: MachineTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const narrow = useNarrow();
  const heights = useMemo(() => rows.map((row) => rowHeight(row, narrow)), [rows, narrow]);
  const visible = useVisible(body, heights);
  const [selected, setSelected] = useState<string>();
  // Known before the next drawing too: a key that is held down comes faster.
  const current = useRef<string | undefined>(undefined);
  const wantsFocus = useRef(false);
  const select = (key: string | undefined) => {
    current.current = key;
    setSelected(key);
  };

  useRackKeys({
    rows,
    selected: current,
    search,
    onSelect(index) {
      select(rows[index]?.key);
      wantsFocus.current = true;
      visible.reveal(index);
    },
  });
  // The row may be drawn only once the page has scrolled.
  useLayoutEffect(() => {
    if (!wantsFocus.current || selected === undefined) return;
    const link = body.current?.querySelector<HTMLElement>(`[data-mac="${selected}"] a`);
    link?.focus({ preventScroll: true });
    if (link) wantsFocus.current = false;
  });

  return (
    <table class="rack" aria-rowcount={rows.length + 1}>
      <caption class="hidden">Machines</caption>
      <thead>
        <tr aria-rowindex={1}>
          {COLUMNS.map(([key, title]) => (
            <th key={key} scope="col" class={`cell-${key}`}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody
        ref={body}
        style={{ paddingTop: `${visible.above}px`, paddingBottom: `${visible.below}px` }}
        onFocusCapture={(event) => {
          const row = (event.target as Element).closest('tr');
          if (row?.dataset.mac) select(row.dataset.mac);
        }}
      >
        {rows.slice(visible.first, visible.last).map((row, offset) => (
          <MachineRow
            key={row.key}
            row={row}
            index={visible.first + offset + 2}
            selected={row.key === selected}
          />
        ))}
      </tbody>
    </table>
  );
}

interface NothingHereProps {
  readonly machines: readonly Machine[];
  readonly onReset: () => void;
}

function NothingHere({ machines, onReset }: NothingHereProps) {
  if (machines.length > 0) {
    return (
      <Empty title="No machine matches">
        <p>
          <button type="button" class="button" onClick={onReset}>
            Show all {machines.length}
          </button>
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="No machine has been seen yet">
      <p>
        Plug one into the provisioning network, let it boot from the network (PXE or UEFI HTTP Boot) and
        switch it on. It appears here with its first DHCP packet.
      </p>
      <p>
        Nothing comes? <code>rackseed doctor</code> looks for another DHCP server and for what stands in the
        way.
      </p>
    </Empty>
  );
}
