import type { Settings } from '../model/api.ts';
import { TokensPart } from '../parts/tokens.tsx';
import { useFetched } from '../parts/use-fetched.ts';
import { useConsole } from '../state/console.ts';

/** What an answer is made of. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The configuration as the service has read it; and for administrators, who may use the API. */
export function SettingsPage() {
  const { session } = useConsole();
  const settings = useFetched<Settings>('/v1/settings', 0, 15_000);
  return (
    <>
      <h1>Settings</h1>
      {settings.problem && <p class="problem">{settings.problem}</p>}
      {settings.value && <AsRead settings={settings.value} />}
      {session.may('admin') && <TokensPart />}
    </>
  );
}

function AsRead({ settings }: { readonly settings: Settings }) {
  const { version, directory, ...rest } = settings;
  return (
    <section aria-labelledby="read-title">
      <h2 id="read-title">As read</h2>
      <p class="muted">
        rackseed {version}, from <code>{directory}</code>. Edit the files there: a change is picked up without
        a restart. Keys aren’t shown.
      </p>
      <div class="settings">
        <Entries value={rest} />
      </div>
    </section>
  );
}

/** Any JSON value as nested lists of names and values. */
function Value({ value }: { readonly value: Json | undefined }) {
  if (value === undefined || value === null) return <span class="faint">none</span>;
  if (typeof value !== 'object') return <span class="mono">{String(value)}</span>;
  if (!Array.isArray(value)) return <Entries value={value as Readonly<Record<string, Json>>} />;
  const items = value as readonly Json[];
  if (items.length === 0) return <span class="faint">none</span>;
  if (items.every((item) => typeof item !== 'object')) return <span class="mono">{items.join(', ')}</span>;
  return (
    <ol>
      {items.map((item, index) => (
        <li key={index}>
          <Value value={item} />
        </li>
      ))}
    </ol>
  );
}

function Entries({ value }: { readonly value: Readonly<Record<string, Json>> }) {
  return (
    <dl>
      {Object.entries(value).map(([name, inner]) => (
        <div key={name}>
          <dt>{words(name)}</dt>
          <dd>
            <Value value={inner} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** `unknownMachines` as it's written in the files: `unknown_machines`. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
