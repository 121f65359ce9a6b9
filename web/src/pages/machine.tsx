import { useEffect, useState } from 'preact/hooks';
import type { Boot, Machine } from '../model/api.ts';
import { describeAction, offeredActions } from '../parts/actions.ts';
import { BackIcon } from '../parts/icons.tsx';
import { MachineFacts } from '../parts/machine-facts.tsx';
import { NextBootPart } from '../parts/next-boot.tsx';
import { Empty } from '../parts/shell.tsx';
import { StageBar, StateBadge } from '../parts/state.tsx';
import { Since } from '../parts/time.tsx';
import { BootStory, StageTrack } from '../parts/timeline.tsx';
import { useFetched } from '../parts/use-fetched.ts';
import { coalesce } from '../state/coalesce.ts';
import { useConsole } from '../state/console.ts';

/** Everything about one machine. */
export function MachinePage({ mac }: { readonly mac: string }) {
  const { rack } = useConsole();
  const machine = rack.find(mac);
  if (!machine && !rack.loaded.value) return <p class="loading">Fetching the machine…</p>;
  if (!machine) {
    return (
      <Empty title={`No machine ${mac}`}>
        <p>It was never seen, or it has been forgotten. It appears again with its next DHCP packet.</p>
        <p>
          <a class="button" href="#/">
            To the rack
          </a>
        </p>
      </Empty>
    );
  }
  return <KnownMachine key={machine.mac} machine={machine} />;
}

function KnownMachine({ machine }: { readonly machine: Machine }) {
  const boots = useBoots(machine);
  const [current, ...earlier] = boots.value?.boots ?? [];
  return (
    <>
      <div class="machine-head">
        <a class="back" href="#/" aria-label="Back to the rack">
          <BackIcon />
        </a>
        <h1>{machine.hostname}</h1>
        <StateBadge state={machine.state} />
        <span class="muted">
          for <Since at={machine.since} />
        </span>
        <span class="mono muted">{machine.mac}</span>
      </div>
      <StuckNotice machine={machine} />
      <Actions machine={machine} />
      <div class="machine-columns">
        <div class="machine-main">
          <section aria-labelledby="boot-title">
            <h2 id="boot-title">{current ? `Boot ${current.number}` : 'Boots'}</h2>
            {machine.progress && (
              <p class="machine-progress">
                <StageBar machine={machine} />
              </p>
            )}
            {current && <StageTrack boot={current} state={machine.state} />}
            {current && <BootStory boot={current} />}
            {boots.value && !current && (
              <p class="muted">
                It has not booted since the service knows it. Switch it on, and its story is told here.
              </p>
            )}
            {boots.problem && <p class="problem">{boots.problem}</p>}
          </section>
          {earlier.length > 0 && (
            <section aria-labelledby="earlier-title">
              <h2 id="earlier-title">Earlier boots</h2>
              {earlier.map((boot) => (
                <EarlierBoot key={boot.number} boot={boot} />
              ))}
            </section>
          )}
        </div>
        <MachineFacts machine={machine} />
      </div>
      <NextBootPart machine={machine} />
    </>
  );
}

/** Its boots, fetched again when something happens to it, twice a second at most. */
function useBoots({ mac, cards }: Machine) {
  const { journal } = useConsole();
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const fetchSoon = coalesce(() => setVersion((before) => before + 1), 500);
    return journal.subscribe((event) => {
      if (event.mac !== undefined && (event.mac === mac || cards.includes(event.mac))) fetchSoon();
    });
  }, [mac, cards.join()]);
  return useFetched<{ boots: Boot[] }>(`/v1/machines/${mac}/boots`, version);
}

function StuckNotice({ machine: { stuck } }: { readonly machine: Machine }) {
  if (!stuck) return null;
  return (
    <div class="notice stuck" role="status">
      <strong>
        Nothing has moved since {stuck.stage}, for <Since at={stuck.since} />.
      </strong>
      <p>{stuck.cause}</p>
    </div>
  );
}

function Actions({ machine }: { readonly machine: Machine }) {
  const { dialog, session } = useConsole();
  if (!session.may('operator')) {
    return session.me.value ? <p class="muted">This role may look, and change nothing.</p> : null;
  }
  return (
    <fieldset class="actions">
      <legend class="hidden">Actions</legend>
      {offeredActions(machine).map((action) => {
        const { label, danger } = describeAction(action);
        return (
          <button
            key={action}
            type="button"
            class={`button ${action === 'approve' ? 'primary' : ''} ${danger ? 'danger-text' : ''}`}
            onClick={() => {
              dialog.value = { action, mac: machine.mac };
            }}
          >
            {label}
          </button>
        );
      })}
    </fieldset>
  );
}

function EarlierBoot({ boot }: { readonly boot: Boot }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="earlier" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Boot {boot.number}
        <BootSummary boot={boot} />
      </summary>
      {open && <BootStory boot={boot} />}
    </details>
  );
}

function BootSummary({ boot }: { readonly boot: Boot }) {
  const last = boot.entries.at(-1);
  return (
    <span class="muted">
      {' '}
      <time dateTime={boot.began} title={boot.began}>
        {new Date(boot.began).toLocaleString()}
      </time>
      {last && `, ended with ${last.kind}: ${last.detail}`}
    </span>
  );
}
