import { useEffect } from 'preact/hooks';
import type { Row } from '../model/rows.ts';
import { useConsole } from '../state/console.ts';

export interface RackKeysOptions {
  readonly rows: readonly Row[];
  /** The hardware address of the machine that the keys are about. */
  readonly selected: { readonly current: string | undefined };
  readonly search: { readonly current: HTMLInputElement | null };
  /** Called with the row that shall be selected. */
  readonly onSelect: (index: number) => void;
}

/** The keys of the rack: / to search, j and k or the arrows to move, a to approve. Enter is the link's own. */
export function useRackKeys({ rows, selected, search, onSelect }: RackKeysOptions): void {
  const { dialog, session } = useConsole();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
      const inSearch = event.target === search.current;
      if (isTyping(event.target) && !(inSearch && event.key === 'ArrowDown')) return;
      const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
      if (event.key === '/') search.current?.select();
      else if (step !== undefined) move(step, inSearch);
      else if (event.key === 'a') approve();
      else return;
      event.preventDefault();
    };

    function move(step: number, fromSearch: boolean) {
      const machines = rows.flatMap((row, index) => (row.kind === 'heading' ? [] : [index]));
      const at = fromSearch ? -1 : machines.findIndex((index) => rows[index]?.key === selected.current);
      const next = at === -1 ? 0 : Math.min(machines.length - 1, Math.max(0, at + step));
      const index = machines[next];
      if (index !== undefined) onSelect(index);
    }

    function approve() {
      const row = rows.find(({ key }) => key === selected.current);
      if (row?.kind === 'waiting' && session.may('operator')) {
        dialog.value = { action: 'approve', mac: row.machine.mac };
      }
    }

    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [rows, onSelect]);
}

/** True for what takes letters. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('input, textarea, select');
}
