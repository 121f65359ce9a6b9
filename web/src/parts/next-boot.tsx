import type { Machine, NextBoot } from '../model/api.ts';
import { useFetched } from './use-fetched.ts';

/** The script and the document that a machine would get if it booted now. */
export function NextBootPart({ machine }: { readonly machine: Machine }) {
  return (
    <section class="next" aria-labelledby="next-title">
      <h2 id="next-title">What it would get next</h2>
      {machine.admission === 'boot' ? (
        <ScriptAndDocument machine={machine} />
      ) : (
        <p class="muted">Nothing, since it may not boot: {machine.reason}.</p>
      )}
    </section>
  );
}

function ScriptAndDocument({ machine }: { readonly machine: Machine }) {
  const { mac, revision, state, profile, hostname, bootOnce, address } = machine;
  // What it gets hangs on these.
  const version = [revision, state, profile, hostname, bootOnce, address].join(' ');
  const { value, problem } = useFetched<NextBoot>(`/v1/machines/${mac}/next`, version);
  if (problem) return <p class="muted">{problem}</p>;
  if (!value) return null;
  return (
    <div class="next-columns">
      <Code title="iPXE script" text={value.script} />
      {value.document ? (
        <Code title={value.document.format} text={value.document.text} note="Keys are left out." />
      ) : (
        <p class="muted">No document goes with it.</p>
      )}
    </div>
  );
}

interface CodeProps {
  readonly title: string;
  readonly text: string;
  readonly note?: string;
}

function Code({ title, text, note }: CodeProps) {
  return (
    <figure>
      <figcaption>
        {title} {note && <span class="muted">{note}</span>}
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key */}
      <section class="scroll" aria-label={title} tabIndex={0}>
        <pre>{text}</pre>
      </section>
    </figure>
  );
}
