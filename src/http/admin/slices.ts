import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MachineView, Rack } from '../../machines/rack.ts';
import type { Mac } from '../../net/mac.ts';
import { type Page, type PageRequest, type SortKey, startPage } from './paging.ts';

/** How long a list is worked on before others have their turn, milliseconds: machines wait for their answers meanwhile. */
const SLICE = 3;

/**
 * Calls `take` with each item, a few at a time, with a turn of the event loop between. `items` must come to an end whatever
 * happens meanwhile.
 */
export async function eachInSlices<Item>(items: Iterable<Item>, take: (item: Item) => void): Promise<void> {
  let end = performance.now() + SLICE;
  for (const item of items) {
    take(item);
    if (performance.now() < end) continue;
    await nextTurn();
    end = performance.now() + SLICE;
  }
}

/** Every machine that is wanted, once. Looking at twenty thousand takes a tenth of a second, so it is done in slices. */
export async function allMachines(
  rack: Pick<Rack, 'machines'>,
  isWanted: (machine: MachineView) => boolean = () => true,
): Promise<readonly MachineView[]> {
  const found = new Map<Mac, MachineView>();
  await eachInSlices(rack.machines(), (machine) => {
    // It may have come already by another card, and boot with this one now.
    for (const card of machine.cards) found.delete(card);
    if (isWanted(machine)) found.set(machine.mac, machine);
  });
  return [...found.values()];
}

/** A page of a long list (`startPage`). Undefined when the cursor is none that a page gave. */
export async function pageOf<Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => SortKey,
  request: PageRequest,
): Promise<Page<Item> | undefined> {
  const pager = startPage(keyOf, request);
  if (pager) await eachInSlices(items, (item) => pager.add(item));
  return pager?.page();
}
