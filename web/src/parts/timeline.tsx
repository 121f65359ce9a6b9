import type { Boot, MachineState } from '../model/api.ts';
import { formatSpan } from '../model/time.ts';
import { bootLength, timelineRows, trackOf } from '../model/timeline.ts';
import { Clock } from './time.tsx';

interface StageTrackProps {
  readonly boot: Boot;
  readonly state: MachineState;
}

/** The twelve stages side by side, with how long after power-on each was reached. */
export function StageTrack({ boot, state }: StageTrackProps) {
  const steps = trackOf(boot);
  const last = steps.findLastIndex(({ offset }) => offset !== undefined);
  return (
    <ol class="track" aria-label="Stages of this boot">
      {steps.map(({ stage, offset }, index) => {
        const look = offset === undefined ? (index < last ? 'skipped' : 'ahead') : 'reached';
        const here = index === last ? (state === 'stuck' ? 'here stuck' : 'here') : '';
        return (
          <li key={stage} class={`${look} ${here}`} aria-current={index === last ? 'step' : undefined}>
            <span class="track-name">{stage}</span>
            <span class="track-time">{offset === undefined ? '' : formatSpan(offset)}</span>
          </li>
        );
      })}
    </ol>
  );
}

/** The story of a boot, line by line. */
export function BootStory({ boot }: { readonly boot: Boot }) {
  return (
    <>
      <table class="story">
        <caption class="hidden">Boot {boot.number}</caption>
        <thead class="hidden">
          <tr>
            <th scope="col">Time</th>
            <th scope="col">After the start</th>
            <th scope="col">What</th>
            <th scope="col">Detail</th>
            <th scope="col">Took</th>
          </tr>
        </thead>
        <tbody>
          {timelineRows(boot).map(({ entry, isStage, offset, took }, index) => (
            <tr key={index} class={`${isStage ? 'stage' : 'note'} kind-${entry.kind}`}>
              <td class="story-clock">
                <Clock at={entry.at} />
              </td>
              <td class="story-offset">+{formatSpan(offset)}</td>
              <td class="story-kind">{entry.kind}</td>
              <td class="story-detail">{entry.detail}</td>
              <td class="story-took">{took === undefined ? '' : formatSpan(took)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="muted story-sum">{formatSpan(bootLength(boot))} from the first packet to the last stage.</p>
    </>
  );
}
