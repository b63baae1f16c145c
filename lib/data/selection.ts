import { nearest } from '../options/nearest.ts';
import { integerText } from '../tasks/labels.ts';
import { listed } from '../text/show.ts';
import { dataError, type Row } from './rows.ts';

/** A value that a field is compared with; null is that of a row without the field. */
export type FieldValue = string | number | boolean | null;

/** What a field has to be: a value, one of some, none of some, or a number in a range. */
export type Condition =
  | FieldValue
  | readonly FieldValue[]
  | { readonly not: FieldValue | readonly FieldValue[] }
  | { readonly min?: number; readonly max?: number };

/** What is made of the rows of data files before a task reads them. */
export interface SelectionSpec {
  /** Columns by the names of the fields that they are for the task. */
  columns?: Readonly<Record<string, string>>;
  /** Labels of the task by those of the data; null leaves the row out. */
  labels?: Readonly<Record<string, FieldValue>>;
  /** Conditions by field, all of which a row has to meet. */
  filter?: Readonly<Record<string, Condition>>;
}

/** Rows as the data have them, and as the task reads them. */
export interface Selection {
  /** Gives a row with its fields under the names of the task's. */
  rename(row: Row): Row;
  /** Gives a row with its fields and its label renamed; undefined: it is left out. */
  select(row: Row): Row | undefined;
  /**
   * Checks, once the rows of a source were selected, that what was asked of them could be.
   *
   * @throws ERR_ZEST_DATA for a column, or a field of the filter, that no row has, and where no row is left
   */
  check(source: string): void;
}

/** A value as text: numbers and whole numbers of data frames alike, 1 and "1" and "1.0". */
const textOf = (value: unknown): string | null =>
  value === undefined || value === null ? null : integerText(String(value).trim());

const isObject = (condition: Condition): condition is Exclude<Condition, FieldValue | readonly FieldValue[]> =>
  typeof condition === 'object' && condition !== null && !Array.isArray(condition);

const meets = (value: unknown, condition: Condition): boolean => {
  if (isObject(condition)) {
    if ('not' in condition) return !meets(value, condition.not);
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = condition;
    const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value ?? Number.NaN);
    return number >= min && number <= max;
  }
  const text = textOf(value);
  return [condition].flat().some((each) => textOf(each) === text);
};

/** Several labels of a row: a list, or a text with one of these between them. */
const SEPARATORS = /[,;|]/;
const labelsIn = (value: unknown): unknown[] | undefined =>
  Array.isArray(value)
    ? value
    : typeof value === 'string' && SEPARATORS.test(value)
      ? value.split(SEPARATORS)
      : undefined;

/**
 * Makes the selection of rows for a task whose answer is in `labelField`, one label or, with `several`, a set of them.
 * Filters see the names of the data and those of the task. A row that lacks a column lacks its field, also where it has
 * a column of the field's name; with `orOwn` that column is the field then.
 */
export const selection = (
  { columns = {}, labels, filter = {} }: SelectionSpec,
  labelField: string,
  { several = false, orOwn = false }: { several?: boolean; orOwn?: boolean } = {},
): Selection => {
  const mapped = Object.entries(columns);
  const conditions = Object.entries(filter);
  const known = labels && new Map(Object.entries(labels).map(([label, value]) => [textOf(label), value]));
  const unseen = new Set(conditions.map(([field]) => field));
  const unseenColumns = new Map(mapped.map(([field, column]) => [column, field]));
  let shown: readonly string[] = [];
  let seen = 0;
  let kept = 0;
  const rename = (row: Row): Row => {
    const isThere = ([, column]: [string, string]) => Object.hasOwn(row.fields, column);
    if (mapped.length === 0) return row;
    const fields: Record<string, unknown> = { ...row.fields };
    for (const each of mapped) if (!orOwn || isThere(each)) delete fields[each[0]];
    const own = mapped.filter(isThere).map(([field, column]) => [field, row.fields[column]]);
    return { ...row, fields: { ...fields, ...Object.fromEntries(own) } };
  };
  return {
    rename,
    select(read) {
      const row = rename(read);
      const { fields } = row;
      if (seen++ === 0) shown = Object.keys(read.fields);
      for (const field of unseen) if (Object.hasOwn(fields, field)) unseen.delete(field);
      for (const column of unseenColumns.keys()) if (Object.hasOwn(read.fields, column)) unseenColumns.delete(column);
      if (!conditions.every(([field, condition]) => meets(fields[field], condition))) return undefined;
      const given = fields[labelField];
      const whole = known?.get(textOf(given));
      const parts = several && whole === undefined ? labelsIn(given) : undefined;
      const mapped = parts?.map((label) => known?.get(textOf(label)));
      if (whole === null || mapped?.includes(null)) return undefined;
      kept++;
      const value = parts && known ? parts.map((label, i) => mapped?.[i] ?? label) : whole;
      return value === undefined ? row : { ...row, fields: { ...fields, [labelField]: value } };
    },
    check(source) {
      const [absent] = [
        ...[...unseenColumns].map(([column, field]) => ['column', column, `columns.${field}`] as const),
        ...[...unseen].map((field) => ['field', field, 'filter'] as const),
      ];
      if (seen > 0 && absent !== undefined) {
        const [kind, name, key] = absent;
        const meant = nearest(name, shown);
        throw dataError(
          source,
          `has no ${kind} ${JSON.stringify(name)}, which data.${key} names; expected one of ${listed(shown)}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
        );
      }
      if (seen > 0 && kept === 0) {
        throw dataError(source, `has ${seen} rows, of which data.filter and data.labels leave none`);
      }
    },
  };
};

/** The columns that fields are in: their own names, unless the columns are told of by field. */
export const columnsOf = (
  fields: readonly string[],
  columns: readonly string[] | Readonly<Record<string, string>> | undefined,
): string[] => {
  const named = Array.isArray(columns) ? undefined : (columns as Readonly<Record<string, string>> | undefined);
  return fields.map((field) => named?.[field] ?? field);
};
