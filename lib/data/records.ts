import { isObject } from '../text/json.ts';
import { show } from '../text/show.ts';
import { type Line, LONGEST } from './lines.ts';
import { withoutQuoted } from './quoted.ts';
import { dataError, type Row } from './rows.ts';

/** Makes rows of lines that come in order. */
export interface LineParser {
  /** Takes a line; gives the row or the rows that end with it, if any do. */
  add(line: Line): Row | Row[] | undefined;
  /** Ends the input. */
  end(): void;
}

const simple = (add: LineParser['add']): LineParser => ({
  add: (line) => (line.content === '' ? undefined : add(line)),
  end() {},
});

/** One JSON object a line. */
export const jsonLines = (file: string): LineParser =>
  simple(({ line, content }) => {
    if (content.trim() === '') return undefined;
    let fields: unknown;
    try {
      fields = JSON.parse(content);
    } catch (cause) {
      throw dataError(
        `${file}:${line}`,
        `is not JSON: ${(cause as Error).message}; expected one object a line, or one array of objects`,
        cause,
      );
    }
    if (!isObject(fields)) {
      throw dataError(`${file}:${line}`, `is ${show(fields)}; expected a JSON object with a value for each field`);
    }
    return { file, line, fields };
  });

/** A text a line. */
export const textLines = (file: string, fields: readonly string[]): LineParser => {
  const [field, ...others] = fields;
  if (field === undefined || others.length > 0) {
    throw dataError(file, `has one text a line, and the task reads the fields ${fields.join(', ')}`);
  }
  return simple(({ line, content }) => ({ file, line, fields: { [field]: content } }));
};

/** Cells of a line, or of several that a quoted cell goes over. */
interface Cells {
  line: number;
  cells: string[];
}

interface ColumnOptions {
  /** Names of the columns of a file that may be without a header. Default: the first line has them. */
  columns?: readonly string[];
  /** Whether cells beyond the header are left out whatever they hold. */
  extras: boolean;
}

/** Whether names are those of some columns, each once, or of all of them among others. */
const areOf = (columns: readonly string[], names: readonly string[]): boolean => {
  const given = names.filter((name) => name !== '');
  const areSome = new Set(given).size === given.length && given.every((name) => columns.includes(name));
  return given.length > 0 && (areSome || columns.every((name) => given.includes(name)));
};

/** Makes rows of cells, under the names of the columns. A cell that a row does not have is no field of it. */
const underHeader = (file: string, { columns, extras }: ColumnOptions): ((record: Cells) => Row | undefined) => {
  let names: readonly string[] | undefined;
  let hasHeader = false;
  return ({ line, cells }) => {
    if (names === undefined) {
      const first = cells.map((name) => name.trim());
      hasHeader = columns === undefined || areOf(columns, first);
      names = columns === undefined || hasHeader ? first : columns;
      const seen = new Set<string>();
      const repeated = names.find((name) => name !== '' && seen.size === seen.add(name).size);
      if (repeated !== undefined) {
        throw dataError(`${file}:${line}`, `names the column ${JSON.stringify(repeated)} twice`);
      }
      if (hasHeader) return undefined;
    }
    const known = names;
    if (!extras && cells.slice(known.length).some((cell) => cell !== '')) {
      throw dataError(
        `${file}:${line}`,
        `has ${cells.length} columns where ${hasHeader ? `the header has ${known.length}` : `${known.length} have names`}; a text that has the separator in it stands in quotes`,
      );
    }
    // What has no name is an index in the first column, and nothing in others: a separator too many in the header.
    const named = cells.slice(0, known.length).map((cell, i) => [known[i]!, cell] as const);
    return { file, line, fields: Object.fromEntries(named.filter(([name], i) => name !== '' || i === 0)) };
  };
};

/**
 * Cells between tabs, as in GLUE's files: no quoting, a quote is a character like any other; rows may have too many
 * cells.
 */
export const tabbedLines = (file: string, columns?: readonly string[]): LineParser => {
  const row = underHeader(file, { columns, extras: true });
  return simple(({ line, content }) => (content.trim() === '' ? undefined : row({ line, cells: content.split('\t') })));
};

/** Of those that lines have equally often, the first: prose has commas more often than the others. */
const SEPARATORS = ['\t', ';', '|', ','] as const;

/** The line in which Excel may say the separator. */
const SAID = /^sep=(.)$/;

/** How many cells a line has with a separator, outside of quotes. */
const cellCount = (line: string, separator: string): number => withoutQuoted(line).split(separator).length;

/** The choice for which a count is largest, the first of several. */
const most = <T>(choices: readonly T[], countOf: (choice: T) => number): { choice: T; count: number } => {
  const counts = choices.map(countOf);
  const count = Math.max(...counts);
  return { choice: choices[counts.indexOf(count)]!, count };
};

/** The separator that a header has most of. */
const separatorOf = (header: string): string => {
  const { choice, count } = most(SEPARATORS, (separator) => cellCount(header, separator));
  return count === 1 ? ',' : choice;
};

/** Whether a line is the header of a table that has the columns asked for, with others beside them. */
export const isHeaderOf = (columns: readonly string[], line: string): boolean => {
  const cells = line.split(separatorOf(line)).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
  return cells.length > 1 && columns.every((name) => cells.includes(name));
};

/**
 * The separator of a text with the columns that are named, whose first record may be no header: one that gives most records
 * cells for as many, or fewer where rows end early; of equals one that more records have exactly as many with.
 */
const separatorAmong = (text: string, columns: readonly string[]): string => {
  const records = withoutQuoted(text)
    .split('\n')
    .filter((record) => record !== '');
  const many = columns.length;
  const fits = (separator: string): number => {
    const counts = records.map((record) => {
      const cells = record.split(separator);
      while (cells.length > many && cells.at(-1) === '') cells.pop();
      return cells.length;
    });
    const fitting = counts.filter((count) => count > 1 && count <= many).length;
    return fitting + counts.filter((count) => count === many).length / (records.length + 1);
  };
  if (many === 1) return ',';
  const { choice, count } = most(SEPARATORS, fits);
  return count > 0 ? choice : separatorOf(records[0] ?? '');
};

const neverClosed = (place: string): Error =>
  dataError(place, 'a quoted cell that begins here is never closed; a quote in a quoted cell is doubled');

/** Lines that tell the separator where there may be no header. */
const LOOKED = 100;

/**
 * RFC 4180: a quoted cell may hold separators, line ends and doubled quotes; a quote inside an unquoted cell is itself.
 * The header decides on the separator, a comma, semicolon, tab or bar, and whether spaces after it are part of it; or, for
 * named `columns`, those of the lines that are there first.
 */
export const separatedLines = (file: string, columns?: readonly string[], first: readonly Line[] = []): LineParser => {
  const row = underHeader(file, { columns, extras: false });
  const begin = first
    .map(({ content }) => content)
    .filter((content) => !SAID.test(content))
    .slice(0, LOOKED);
  let separator: string | undefined;
  let spaced: boolean | undefined;
  let record: Cells | undefined;
  /** A quoted cell that is not closed yet. */
  let open: { place: string; text: string } | undefined;

  const startRecord = (line: number, content: string): Cells | undefined => {
    if (content === '') return undefined;
    if (separator === undefined) {
      separator = SAID.exec(content)?.[1];
      if (separator !== undefined) return undefined;
      const isHeader = columns === undefined || isHeaderOf(columns, content);
      separator = isHeader
        ? separatorOf(content)
        : separatorAmong((begin.length ? begin : [content]).join('\n'), columns);
    }
    if (spaced === undefined) {
      const [, ...others] = content.split(separator);
      spaced = others.length > 0 && others.every((name) => name.startsWith(' '));
    }
    const blank = content.replaceAll(separator, '').trim() === '';
    return blank && content.includes(separator) ? undefined : { line, cells: [] };
  };

  return {
    add({ line, content, end }) {
      record ??= startRecord(line, content);
      if (record === undefined || separator === undefined) return undefined;
      const { cells } = record;
      for (let at = 0; at <= content.length; ) {
        if (open === undefined) {
          while (spaced && content[at] === ' ') at++;
          if (content[at] !== '"') {
            const found = content.indexOf(separator, at);
            const to = found < 0 ? content.length : found;
            cells.push(content.slice(at, to));
            at = to + 1;
            continue;
          }
          open = { place: `${file}:${line}:${at + 1}`, text: '' };
          at++;
        }
        const quote = content.indexOf('"', at);
        if (open.text.length + content.length > LONGEST) throw neverClosed(open.place);
        if (quote < 0) {
          open.text += content.slice(at) + end;
          return undefined;
        }
        open.text += content.slice(at, quote);
        at = quote + 1;
        if (content[at] === '"') {
          open.text += '"';
          at++;
          continue;
        }
        while (content[at] === ' ') at++;
        if (at < content.length && content[at] !== separator) {
          throw dataError(
            `${file}:${line}:${at + 1}`,
            'has text after the closing quote of a cell; a quote in a quoted cell is doubled',
          );
        }
        cells.push(open.text);
        open = undefined;
        at++;
      }
      const whole = record;
      record = undefined;
      return row(whole);
    },
    end() {
      if (open) throw neverClosed(open.place);
    },
  };
};
