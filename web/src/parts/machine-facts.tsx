import type { ComponentChildren } from 'preact';
import type { Machine } from '../model/api.ts';
import { attachmentOf } from './machine-row.tsx';
import { Ago } from './time.tsx';

/** What is known of a machine: who it is, where it is, and what was decided. */
export function MachineFacts({ machine }: { readonly machine: Machine }) {
  const { inventory, labels } = machine;
  return (
    <aside class="facts" aria-label="About this machine">
      <Facts title="What it boots">
        <Fact name="Profile">{machine.profile}</Fact>
        <Fact name="Because">{machine.reason}</Fact>
        <Fact name="Next boot only">{machine.bootOnce}</Fact>
        <Fact name="Disk">{machine.adoptDisk && 'may be formatted at its next boot'}</Fact>
        <Fact name="Written in">{machine.place}</Fact>
        <Fact name="Decided">
          {machine.decidedBy && (
            <>
              by {machine.decidedBy} {machine.decidedAt && <Ago at={machine.decidedAt} />}
            </>
          )}
        </Fact>
        <Fact name="Labels">
          {Object.entries(labels).map(([key, value]) => (
            <span key={key} class="label mono">
              {key}={value}
            </span>
          ))}
        </Fact>
      </Facts>
      <Facts title="Place">
        <Fact name="Network">{machine.network}</Fact>
        <Fact name="Address" mono>
          {machine.address}
        </Fact>
        <Fact name="Switch port">{attachmentOf(machine)}</Fact>
        <Fact name="Cards" mono>
          {machine.cards.map((card) => (
            <span key={card} class="line">
              {card}
            </span>
          ))}
        </Fact>
        <Fact name="First seen">
          <Ago at={machine.firstSeen} />
        </Fact>
        <Fact name="Last seen">
          <Ago at={machine.lastSeen} />
        </Fact>
      </Facts>
      <Facts title="Hardware">
        <Fact name="Vendor">{inventory.manufacturer}</Fact>
        <Fact name="Product">{inventory.product}</Fact>
        <Fact name="Serial" mono>
          {inventory.serial}
        </Fact>
        <Fact name="Asset" mono>
          {inventory.asset}
        </Fact>
        <Fact name="UUID" mono>
          {inventory.uuid}
        </Fact>
        <Fact name="Firmware">{machine.firmware}</Fact>
        <Fact name="Loader" mono>
          {machine.loader}
        </Fact>
        <Fact name="iPXE">{[inventory.buildarch, inventory.platform].filter(Boolean).join(', ')}</Fact>
      </Facts>
    </aside>
  );
}

function Facts({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section>
      <h2>{title}</h2>
      <dl>{children}</dl>
    </section>
  );
}

interface FactProps {
  readonly name: string;
  readonly mono?: boolean;
  readonly children?: ComponentChildren;
}

/** Nothing at all when nothing is known. */
function Fact({ name, mono, children }: FactProps) {
  const empty = !children || (Array.isArray(children) && children.length === 0);
  if (empty) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd class={mono ? 'mono' : undefined}>{children}</dd>
    </div>
  );
}
