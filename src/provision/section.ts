import type { DropIn, NodeFile, NodeUnit, UnitCommand } from './node.ts';

/** What a section of a profile expands to. */
export interface Section {
  readonly files: readonly NodeFile[];
  readonly units: readonly NodeUnit[];
}

/** What is particular about a unit of a section. */
export interface SectionUnit {
  readonly name: string;
  readonly content?: string;
  readonly dropIns?: readonly DropIn[];
  readonly command?: UnitCommand;
  readonly origin: string;
}

/** A unit of a section; one with an `[Install]` part is enabled, for systems that read it before they start units. */
export function sectionUnit(unit: SectionUnit): NodeUnit {
  const enable = unit.content?.includes('[Install]') ?? false;
  return { dropIns: [], mask: false, runtime: false, enable, ...unit };
}

/**
 * Several sections as one. A file that two of them write is the same in both; a unit that two of them name gets what
 * both say about it and stands where the later one has it.
 */
export function combineSections(sections: readonly Section[]): Section {
  return sections.reduce(
    (before, section) => ({
      files: [...before.files, ...section.files.filter(({ path }) => !hasFile(before, path))],
      units: [
        ...before.units.filter(({ name }) => !section.units.some((unit) => unit.name === name)),
        ...section.units.map((unit) => combineUnits(before, unit)),
      ],
    }),
    { files: [], units: [] },
  );
}

function hasFile({ files }: Section, path: string): boolean {
  return files.some((file) => file.path === path);
}

function combineUnits(before: Section, unit: NodeUnit): NodeUnit {
  const other = before.units.find(({ name }) => name === unit.name);
  if (!other) return unit;
  return { ...other, ...unit, dropIns: [...other.dropIns, ...unit.dropIns] };
}
