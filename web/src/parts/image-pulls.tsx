import { useEffect, useState } from 'preact/hooks';
import { formatBytes } from '../../../src/machines/units.ts';
import type { ImagePull } from '../model/api.ts';
import { useConsole } from '../state/console.ts';
import { Dialog } from './dialog.tsx';
import { Ago } from './time.tsx';
import { useFetched } from './use-fetched.ts';

/** How often a pull that goes on is asked for, and how often it's looked whether somebody has begun one, milliseconds. */
const WATCHING = 1000;
const RESTING = 15_000;

/** What can be pulled without knowing more. */
const SUGGESTIONS = [
  'flatcar@stable',
  'flatcar@beta',
  'flatcar@lts',
  'fedora-coreos@stable',
  'kubernetes@stable',
  'ipxe',
];

/** Pulls of images: those that go on, what came of the last ones, and a button that begins one. */
export function ImagePulls({ onPulled }: { readonly onPulled: () => void }) {
  const { session } = useConsole();
  const [pace, setPace] = useState(RESTING);
  const [open, setOpen] = useState(false);
  const pulls = useFetched<{ pulls: ImagePull[] }>('/v1/images/pulls', 0, pace);
  const list = pulls.value?.pulls ?? [];
  const running = list.filter(({ state }) => state === 'running').length;
  useEffect(() => setPace(running > 0 ? WATCHING : RESTING), [running]);
  // One that has ended has changed what is there.
  useEffect(onPulled, [running]);
  const mayPull = session.may('operator');

  return (
    <section aria-labelledby="pulls-title">
      <div class="toolbar">
        <h1 id="pulls-title">Images</h1>
        {mayPull && (
          <button type="button" class="button" onClick={() => setOpen(true)}>
            Pull image
          </button>
        )}
      </div>
      {pulls.problem && <p class="problem">{pulls.problem}</p>}
      <div class="cards">
        {list.map((pull) => (
          <PullCard key={pull.id} pull={pull} mayStop={mayPull} onStopped={pulls.reload} />
        ))}
      </div>
      {open && <PullDialog onClose={() => setOpen(false)} onBegun={pulls.reload} />}
    </section>
  );
}

const BADGES = { running: 'state-booting', done: 'state-ready', failed: 'state-stuck' } as const;

interface PullCardProps {
  readonly pull: ImagePull;
  readonly mayStop: boolean;
  readonly onStopped: () => void;
}

function PullCard({ pull, mayStop, onStopped }: PullCardProps) {
  const { session } = useConsole();
  const { id, wanted, state, by, began, image, files, problem, followed } = pull;
  const stop = () => session.api.delete(`/v1/images/pulls/${id}`).then(onStopped, onStopped);
  return (
    <section class="card" aria-label={`Pull of ${wanted}`}>
      <h2 class="mono">
        {wanted} <span class={`badge ${BADGES[state]}`}>{state}</span>
      </h2>
      <p class="muted">
        {image && image !== wanted ? `${image}, ` : ''}by {by} <Ago at={began} />
        {followed && <span>; {followed} leads to it</span>}
      </p>
      {state === 'running' && (
        <ul class="files">
          {files.map(({ name, bytes, size }) => (
            <li key={name}>
              <span class="mono">{name}</span>
              <progress value={bytes} max={size ?? Math.max(bytes, 1)} aria-label={`Progress of ${name}`} />
              <span class="muted">
                {formatBytes(bytes)}
                {size !== undefined && ` of ${formatBytes(size)}`}
              </span>
            </li>
          ))}
        </ul>
      )}
      {problem && <p class="problem">{problem}</p>}
      {state === 'running' && mayStop && (
        <button type="button" class="button small" aria-label={`Stop ${wanted}`} onClick={() => void stop()}>
          Stop
        </button>
      )}
    </section>
  );
}

function PullDialog({ onClose, onBegun }: { readonly onClose: () => void; readonly onBegun: () => void }) {
  const { session } = useConsole();
  const [image, setImage] = useState('flatcar@stable');
  const [arm, setArm] = useState(false);
  const [follow, setFollow] = useState(false);
  const [extension, setExtension] = useState(false);
  const isKubernetes = image.trim().startsWith('kubernetes');

  async function begin() {
    const arch = arm ? 'arm64' : 'amd64';
    const sysext = isKubernetes && extension;
    await session.api.post<ImagePull>('/v1/images/pulls', { image: image.trim(), arch, follow, sysext });
    onBegun();
  }

  return (
    <Dialog title="Pull image" submit="Pull" onSubmit={begin} onClose={onClose}>
      <label class="field">
        <span>Image</span>
        <input
          type="text"
          required
          autocomplete="off"
          list="images-to-pull"
          value={image}
          onInput={(event) => setImage(event.currentTarget.value)}
        />
        <small>After the @, a channel or a version: flatcar@4593.2.5, kubernetes@v1.36.</small>
      </label>
      <datalist id="images-to-pull">
        {SUGGESTIONS.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <fieldset class="roles">
        <legend>How</legend>
        <label>
          <input type="checkbox" checked={arm} onChange={() => setArm(!arm)} />
          <span>
            arm64 <span class="muted">for machines with such a processor</span>
          </span>
        </label>
        <label>
          <input type="checkbox" checked={follow} onChange={() => setFollow(!follow)} />
          <span>
            current <span class="muted">leads to it from now on, for profiles that boot that</span>
          </span>
        </label>
        {isKubernetes && (
          <label>
            <input type="checkbox" checked={extension} onChange={() => setExtension(!extension)} />
            <span>
              sysext <span class="muted">Flatcar's system extension instead of the programs</span>
            </span>
          </label>
        )}
      </fieldset>
    </Dialog>
  );
}
