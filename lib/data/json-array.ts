import { isObject } from '../text/json.ts';
import { show } from '../text/show.ts';
import { LONGEST } from './lines.ts';
import type { LineParser } from './records.ts';
import { dataError, type Row } from './rows.ts';

/**
 * One JSON array of objects. Each is a row as soon as it is closed, so that an array of many lines is never held whole;
 * the line of a row is that which its brace opens on.
 */
export const jsonArray = (file: string): LineParser => {
  let state: 'before' | 'first' | 'next' | 'between' | 'after' = 'before';
  let opened = 0;
  // Of the object that is open: its line, its text of earlier lines, how deep, whether in a string.
  let begun = 0;
  let earlier = '';
  let depth = 0;
  let inString = false;

  const parsed = (text: string): Row => {
    let fields: unknown;
    try {
      fields = JSON.parse(text);
    } catch (cause) {
      throw dataError(
        `${file}:${begun}`,
        `the object that begins here is not JSON: ${(cause as Error).message}`,
        cause,
      );
    }
    if (isObject(fields)) return { file, line: begun, fields };
    throw dataError(`${file}:${begun}`, `is ${show(fields)}; expected an object with a value for each field`);
  };

  const neverClosed = (): Error =>
    depth > 0
      ? dataError(`${file}:${begun}`, 'the object that begins here is never closed')
      : dataError(`${file}:${opened}`, 'the array that begins here is never closed');

  return {
    add({ line, content }) {
      if (earlier.length + content.length > LONGEST) throw neverClosed();
      const rows: Row[] = [];
      let from = 0;
      for (let at = 0; at < content.length; at++) {
        const character = content[at]!;
        if (depth > 0) {
          if (inString) {
            if (character === '\\') at++;
            else if (character === '"') inString = false;
          } else if (character === '"') inString = true;
          else if (character === '{' || character === '[') depth++;
          else if ((character === '}' || character === ']') && --depth === 0) {
            rows.push(parsed(earlier + content.slice(from, at + 1)));
            earlier = '';
            state = 'between';
          }
          continue;
        }
        if (character === ' ' || character === '\t') continue;
        const place = `${file}:${line}:${at + 1}`;
        if (state === 'before') {
          opened = line;
          state = 'first';
        } else if ((state === 'first' || state === 'next') && character === '{') {
          begun = line;
          from = at;
          depth = 1;
        } else if (state === 'between' && character === ',') state = 'next';
        else if ((state === 'first' || state === 'between') && character === ']') state = 'after';
        else {
          const expected = {
            first: 'an object',
            next: 'an object after the comma',
            between: 'a comma or the end of the array',
            after: 'nothing more',
          };
          throw dataError(place, `is ${show(character)} in an array of rows; expected ${expected[state]}`);
        }
      }
      if (depth > 0) {
        earlier += `${content.slice(from)}\n`;
      }
      return rows;
    },
    end() {
      if (state !== 'after') throw neverClosed();
    },
  };
};
