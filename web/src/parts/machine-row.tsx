import type { Machine } from '../model/api.ts';
import { hashOf } from '../model/route.ts';
import type { Row } from '../model/rows.ts';
import { useConsole } from '../state/console.ts';
import { hardwareOf } from './action-dialog.tsx';
import type { ActionName } from './actions.ts';
import { StageBar, StateBadge } from './state.tsx';
import { Since } from './time.tsx';

interface RowProps {
  readonly row: Row;
  /** Its place in the whole list, from 1; the table's header is 1. */
  readonly index: number;
  readonly selected: boolean;
}

/** One row of the rack's table. */
export function MachineRow({ row, index, selected }: RowProps) {
  if (row.kind === 'heading') {
    return (
      <tr class="row-heading" aria-rowindex={index}>
        <th scope="rowgroup" colSpan={7}>
          {row.title} <span class="count">{row.count}</span>
        </th>
      </tr>
    );
  }
  const Cells = { waiting: WaitingCells, stuck: StuckCells, others: OtherCells }[row.kind];
  return (
    <tr
      class={`row-${row.kind}`}
      aria-rowindex={index}
      data-mac={row.key}
      data-selected={selected || undefined}
    >
      <th scope="row" class="cell-name">
        <a href={hashOf({ page: 'machine', mac: row.machine.mac })}>{row.machine.hostname}</a>
      </th>
      <td class="cell-mac mono">{row.machine.mac}</td>
      <td class="cell-state">
        <StateBadge state={row.machine.state} />
      </td>
      <Cells machine={row.machine} />
    </tr>
  );
}

interface CellProps {
  readonly machine: Machine;
}

function OtherCells({ machine }: CellProps) {
  return (
    <>
      <td class="cell-stage">
        <StageBar machine={machine} />
      </td>
      <td class="cell-profile">{machine.profile ?? <span class="faint">–</span>}</td>
      <td class="cell-address mono">{machine.address ?? <span class="faint">–</span>}</td>
      <td class="cell-since">
        <Since at={machine.since} />
      </td>
    </>
  );
}

function StuckCells({ machine }: CellProps) {
  const { stuck } = machine;
  return (
    <>
      <td class="cell-cause" colSpan={3} title={stuck?.cause}>
        {stuck && (
          <span class="clamp">
            <b>after {stuck.stage}</b> {stuck.cause}
          </span>
        )}
      </td>
      <td class="cell-since">
        <Since at={stuck?.since ?? machine.since} />
      </td>
    </>
  );
}

function WaitingCells({ machine }: CellProps) {
  const { session } = useConsole();
  const what = [hardwareOf(machine), attachmentOf(machine)].filter(Boolean).join(' · ');
  return (
    <>
      <td class="cell-what" colSpan={2}>
        <span class="clamp" title={what}>
          {what || <span class="faint">{machine.firmware ?? 'nothing is known of it yet'}</span>}
        </span>
      </td>
      <td class="cell-buttons">
        {session.may('operator') && (
          <>
            <ActionButton action="approve" machine={machine} primary />
            <ActionButton action="refuse" machine={machine} />
          </>
        )}
      </td>
      <td class="cell-since">
        <Since at={machine.since} />
      </td>
    </>
  );
}

/** Where a machine is plugged in, as its switch says. */
export function attachmentOf({ attachment }: Machine): string {
  return [attachment?.remote, attachment?.circuit].filter(Boolean).join(', ');
}

interface ActionButtonProps extends CellProps {
  readonly action: ActionName & ('approve' | 'refuse');
  readonly primary?: boolean;
}

function ActionButton({ action, machine, primary }: ActionButtonProps) {
  const { dialog } = useConsole();
  const word = action === 'approve' ? 'Approve' : 'Refuse';
  return (
    <button
      type="button"
      class={`button small ${primary ? 'primary' : ''}`}
      aria-label={`${word} ${machine.hostname}`}
      onClick={() => {
        dialog.value = { action, mac: machine.mac };
      }}
    >
      {word}
    </button>
  );
}
