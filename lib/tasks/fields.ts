import { dataError, type Row } from '../data/rows.ts';
import { typeError, ZestError } from '../errors.ts';
import { readArgument } from '../options/reading.ts';
import { isObject } from '../text/json.ts';
import { listed, show } from '../text/show.ts';
import type { ExampleFields } from './task.ts';

/** The value of a field: of its own name, or of one within others by the path there, such as `answers.text`. */
export const fieldValue = (fields: ExampleFields, name: string): unknown =>
  readArgument(name, () => ownValue(fields, name));

const ownValue = (fields: ExampleFields, name: string): unknown => {
  if (Object.hasOwn(fields, name)) return fields[name];
  const dot = name.indexOf('.');
  const inner = dot > 0 && Object.hasOwn(fields, name.slice(0, dot)) ? fields[name.slice(0, dot)] : undefined;
  return isObject(inner) ? ownValue(inner, name.slice(dot + 1)) : undefined;
};

/** Checks that a row is one. */
export const assertRow = (row: Row): void => {
  if (readArgument('row', () => typeof row?.fields === 'object' && row.fields !== null)) return;
  throw typeError('ERR_ZEST_ARGUMENT', `row is ${show(row)}; expected { file, line, fields }`);
};

/** Where a row is from, for errors. */
export const placeOf = (row: Row): string => readArgument('row', () => `${String(row.file)}:${String(row.line)}`);

/**
 * Reads the texts of fields.
 *
 * @param place `file:line`, for errors
 * @throws ERR_ZEST_DATA for a field that is missing or no text, ERR_ZEST_ARGUMENT for what is no object
 */
export const textsOf = (names: readonly string[], fields: ExampleFields, place: string): Record<string, string> => {
  if (typeof fields !== 'object' || fields === null) {
    throw typeError(
      'ERR_ZEST_ARGUMENT',
      `${place} is ${show(fields)}; expected an object with the fields ${listed(names)}`,
    );
  }
  return readArgument(place, () =>
    Object.fromEntries(
      names.map((field) => {
        const text = fieldValue(fields, field);
        if (text === undefined) throw dataError(place, `has no field ${JSON.stringify(field)}`);
        if (typeof text !== 'string') {
          throw dataError(place, `field ${JSON.stringify(field)} is ${show(text)}; expected a string`);
        }
        return [field, text];
      }),
    ),
  );
};

/** Finds a field that is absent, or null. */
export const absentField = (names: readonly string[], fields: ExampleFields): string | undefined =>
  names.find((field) => (fieldValue(fields, field) ?? null) === null);

/**
 * Checks that some row has each field that is read, that of the answer among them where `answer` names one.
 *
 * @throws ERR_ZEST_TEMPLATE, or ERR_ZEST_DATA for that of the answer
 */
export const checkColumns = (
  names: readonly string[],
  rows: readonly Row[],
  answer?: { field: string; key: string },
) => {
  const [first] = rows;
  if (first?.fields === undefined) return;
  const has = (field: string) =>
    readArgument('rows', () => rows.some((row) => fieldValue(Object(row?.fields), field) !== undefined));
  const columns = readArgument('rows', () => listed(Object.keys(first.fields)));
  const absent = names.find((field) => !has(field));
  if (absent !== undefined) {
    throw new ZestError(
      'ERR_ZEST_TEMPLATE',
      `the task reads the field ${JSON.stringify(absent)}, which ${first.file} does not have: ${columns}`,
    );
  }
  if (answer === undefined || has(answer.field)) return;
  throw dataError(
    first.file,
    `has no field ${JSON.stringify(answer.field)} for the ${answer.key === 'answer' ? 'answer' : 'label'}, which task.${answer.key} names; expected it among ${columns}`,
  );
};
