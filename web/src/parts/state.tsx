import { formatBytes } from '../../../src/machines/units.ts';
import { type Machine, type MachineState, STAGES } from '../model/api.ts';

const WORDS: Readonly<Record<MachineState, string>> = {
  discovered: 'waiting',
  approved: 'approved',
  booting: 'booting',
  running: 'running',
  registered: 'registered',
  ready: 'ready',
  stuck: 'stuck',
  refused: 'refused',
  retired: 'retired',
};

/** What people call a state. */
export function stateWord(state: MachineState): string {
  return WORDS[state];
}

export function StateBadge({ state }: { readonly state: MachineState }) {
  return <span class={`badge state-${state}`}>{stateWord(state)}</span>;
}

/** How far a boot has come: the file on its way, or the stage it reached. */
export function StageBar({ machine }: { readonly machine: Machine }) {
  const { progress, stage, state } = machine;
  if (progress && progress.size > 0) {
    const percent = Math.floor((100 * progress.bytes) / progress.size);
    const amount = `${formatBytes(progress.bytes)} of ${formatBytes(progress.size)}`;
    return (
      <span class="stage-bar" title={`${progress.file}: ${amount}`}>
        <progress aria-label={progress.file} value={progress.bytes} max={progress.size} />
        <span class="stage-word">{stage ?? fileName(progress.file)}</span>
        <span class="stage-percent">{percent} %</span>
      </span>
    );
  }
  if (!stage) return <span class="faint">–</span>;
  const moving = state === 'booting' || state === 'stuck';
  return (
    <span class={`stage-bar ${moving ? '' : 'still'}`}>
      {moving && (
        <progress aria-label="Stages of the boot" value={STAGES.indexOf(stage) + 1} max={STAGES.length} />
      )}
      <span class="stage-word">{stage}</span>
    </span>
  );
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
