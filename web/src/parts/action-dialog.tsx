import { useEffect, useState } from 'preact/hooks';
import type { Machine, Profile } from '../model/api.ts';
import { ApiProblem } from '../state/api.ts';
import { useConsole } from '../state/console.ts';
import { type ActionName, describeAction, type Values } from './actions.ts';
import { Dialog } from './dialog.tsx';

/** The dialog of the action that is about to be taken, if any. */
export function ActionDialog() {
  const { dialog, rack } = useConsole();
  const open = dialog.value;
  const machine = open && rack.find(open.mac);
  if (!open || !machine) return null;
  return <MachineActionDialog key={`${open.action} ${open.mac}`} action={open.action} machine={machine} />;
}

interface Props {
  readonly action: ActionName;
  readonly machine: Machine;
}

function MachineActionDialog({ action, machine }: Props) {
  const { dialog, notices, rack, router, session } = useConsole();
  const { label, effect, danger, fields, initial, body, done } = describeAction(action);
  const [values, setValues] = useState<Values>(() => ({
    profile: '',
    hostname: '',
    labels: '',
    ...initial(machine),
  }));
  // What somebody else changes while the dialog is open shall not be overwritten unseen.
  const [seen, setSeen] = useState(machine.revision);
  const path = `/v1/machines/${machine.mac}`;

  async function submit() {
    if (action === 'forget') {
      await session.api.delete(path);
      rack.forget(machine.mac);
      notices.show('info', done(machine));
      if (router.route.value.page === 'machine') router.go({ page: 'rack', query: '' });
      return;
    }
    try {
      const changed = await session.api.post<Machine>(`${path}/${action}`, body(values, machine), seen);
      rack.put(changed);
      notices.show('info', done(changed));
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 412) throw error;
      const now = await session.api.get<Machine>(path);
      rack.put(now);
      setSeen(now.revision);
      throw new Error('Somebody else has changed this machine meanwhile. Look at it again, then repeat.');
    }
  }

  return (
    <Dialog
      title={`${label} ${machine.hostname}`}
      submit={label}
      danger={danger ?? false}
      onSubmit={submit}
      onClose={() => {
        dialog.value = undefined;
      }}
    >
      <p class="identity">
        <span class="mono">{machine.mac}</span> {hardwareOf(machine)}
      </p>
      <p>{effect(machine)}</p>
      {fields.map((field) => (
        <Field
          key={field}
          field={field}
          machine={machine}
          value={values[field]}
          onValue={(value) => setValues((before) => ({ ...before, [field]: value }))}
        />
      ))}
    </Dialog>
  );
}

/** Vendor, product and serial number, as far as they are known. */
export function hardwareOf({ inventory }: Machine): string {
  const { manufacturer, product, serial } = inventory;
  return [manufacturer, product, serial && `serial ${serial}`].filter(Boolean).join(' ');
}

interface FieldProps {
  readonly field: keyof Values;
  readonly machine: Machine;
  readonly value: string;
  readonly onValue: (value: string) => void;
}

function Field({ field, machine, value, onValue }: FieldProps) {
  if (field === 'profile') return <ProfileField value={value} onValue={onValue} />;
  const hint =
    field === 'labels'
      ? 'key=value, with spaces between, as in rack=r1 zone=a'
      : 'Empty: the name it is given by itself';
  return (
    <label class="field">
      <span>{field === 'labels' ? 'Labels' : 'Hostname'}</span>
      <input
        type="text"
        class="mono"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        value={value}
        placeholder={field === 'hostname' ? machine.hostname : 'rack=r1'}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <small>{hint}</small>
    </label>
  );
}

function ProfileField({ value, onValue }: Pick<FieldProps, 'value' | 'onValue'>) {
  const { session, notices } = useConsole();
  const [profiles, setProfiles] = useState<readonly Profile[]>([]);
  useEffect(() => {
    session.api
      .get<{ profiles: Profile[] }>('/v1/profiles')
      .then((answer) => setProfiles(answer.profiles), notices.fail);
  }, []);
  const known = profiles.some(({ name }) => name === value);
  return (
    <label class="field">
      <span>Profile</span>
      <select value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        <option value="">as the rules say</option>
        {value && !known && <option value={value}>{value}</option>}
        {profiles.map(({ name, image }) => (
          <option key={name} value={name}>
            {image ? `${name} (${image})` : name}
          </option>
        ))}
      </select>
    </label>
  );
}
