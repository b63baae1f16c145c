import { dataError } from '../data/rows.ts';
import { ZestError } from '../errors.ts';
import { listed } from '../text/show.ts';
import { type DataTable, isNumber } from './table.ts';

/** The columns that a task reads. */
export interface ChosenColumns {
  /** That of the text, or the two of a pair. */
  texts: string[];
  label: string;
}

interface Column {
  name: string;
  values: string[];
  distinct: number;
  /** Mean number of characters. */
  length: number;
  isNumeric: boolean;
}

/** Values that a label may have at most. */
export const MOST_CLASSES = 50;
/** Characters of a label at most, on average. */
export const LABEL_LENGTH = 40;

const LABELS =
  /^(labels?|gold_label|class|category|target|sentiment|polarity|is_duplicate|quality|stars|rating|intent|emotion|topic|y)$/i;
/** Columns of numbers, and of texts, that are answers where no column has classes. */
const NUMBERS = /^(score|similarity|value|price|rating)$/i;
const ANSWERS = /^(answer|response|reply|output|completion|summary|target)$/i;
const LIKE_LABELS = /label|class|categor|sentiment|target/i;
const IDS = /^(\w*_)?(id|idx|index|guid|uid|no|nr)$|^$/i;
const TEXTS =
  /^(text|sentence|review|content|body|comment|message|tweet|utterance|document|headline|title|question|word|phrase)$/i;
const PAIRS = [
  ['premise', 'hypothesis'],
  ['sentence1', 'sentence2'],
  ['question1', 'question2'],
  ['question', 'sentence'],
  ['question', 'passage'],
  ['question', 'answer'],
  ['query', 'passage'],
  ['text1', 'text2'],
  ['text_a', 'text_b'],
  ['sentence_a', 'sentence_b'],
] as const;

const columnOf = (name: string, { rows }: DataTable): Column => {
  const values = rows.map((row) => row[name]?.trim() ?? '').filter((value) => value !== '');
  return {
    name,
    values,
    distinct: new Set(values).size,
    length: values.reduce((sum, value) => sum + value.length, 0) / Math.max(1, values.length),
    isNumeric: values.every(isNumber),
  };
};

const described = (columns: readonly Column[]): string =>
  columns
    .map(({ name, distinct, values }) => {
      const held = values.length > 0 ? `${distinct} different of ${values.length}` : 'no text, number or truth value';
      return `${JSON.stringify(name)} (${held})`;
    })
    .join(', ');

const named = (name: string, option: string, columns: readonly Column[]): Column => {
  const found = columns.find((column) => column.name === name);
  if (found) return found;
  throw new ZestError(
    'ERR_ZEST_OPTION',
    `${option} is ${JSON.stringify(name)}; expected a column of the file: ${listed(columns.map((column) => column.name))}`,
  );
};

const chooseLabel = (file: string, columns: readonly Column[]): Column => {
  const rank = ({ name }: Column) => (LABELS.test(name) ? 0 : LIKE_LABELS.test(name) ? 1 : 2);
  const single = columns.find((column) => rank(column) === 0 && column.distinct === 1);
  if (single) {
    const value = JSON.stringify(single.values[0]);
    throw dataError(file, `all rows have the ${single.name} ${value}; expected two labels or more`);
  }
  const isLabel = (column: Column) => {
    const { values, distinct, length, name } = column;
    if (distinct < 2 || distinct > MOST_CLASSES || length > LABEL_LENGTH || IDS.test(name)) return false;
    return rank(column) < 2 || distinct <= values.length / 2;
  };
  const found = columns.filter(isLabel).sort((a, b) => rank(a) - rank(b) || a.distinct - b.distinct)[0];
  const answer =
    found ??
    columns.find(({ name, isNumeric }) => isNumeric && NUMBERS.test(name)) ??
    columns.find(({ name, isNumeric }) => !isNumeric && ANSWERS.test(name));
  if (answer) return answer;
  throw dataError(
    file,
    `no column looks like a label: ${described(columns)}; expected one with 2 to ${MOST_CLASSES} values that repeat, or its name with --label`,
  );
};

const chooseTexts = (file: string, columns: readonly Column[]): Column[] => {
  const byName = (name: string) => columns.find((column) => column.name.toLowerCase() === name);
  for (const [first, second] of PAIRS) {
    const pair = [byName(first), byName(second)];
    if (pair.every((column) => column !== undefined)) return pair as Column[];
  }
  const prose = columns.filter(({ isNumeric, values, name }) => !isNumeric && values.length > 0 && !IDS.test(name));
  const known = prose.filter(({ name }) => TEXTS.test(name));
  const found = (known.length ? known : prose).sort((a, b) => b.length - a.length)[0];
  if (found) return [found];
  throw dataError(file, `no column looks like a text: ${described(columns)}; expected one, or its name with --text`);
};

/**
 * Chooses the columns of the text, or of a pair of texts, and of the label: by their names, or else the longest text and
 * the column of the fewest values. What is named is taken.
 *
 * @throws ERR_ZEST_DATA where no column fits, ERR_ZEST_OPTION for a name that no column has
 */
export const chooseColumns = (
  table: DataTable,
  { text, label }: { text?: readonly string[]; label?: string } = {},
): ChosenColumns => {
  const columns = table.names.map((name) => columnOf(name, table));
  const ofLabel = label === undefined ? undefined : named(label, '--label', columns);
  const ofTexts = text?.map((name) => named(name, '--text', columns));
  const rest = columns.filter((column) => column !== ofLabel && !ofTexts?.includes(column));
  const chosenLabel = ofLabel ?? chooseLabel(table.file, rest);
  const texts =
    ofTexts ??
    chooseTexts(
      table.file,
      rest.filter((column) => column !== chosenLabel),
    );
  return { texts: texts.map(({ name }) => name), label: chosenLabel.name };
};

/** Gives columns without a header the names that they have in a configuration: text and label, or text1, text2 and label. */
export const nameColumns = (
  table: DataTable,
  { texts, label }: ChosenColumns,
): { table: DataTable; chosen: ChosenColumns } => {
  if (table.columns === undefined) return { table, chosen: { texts, label } };
  const chosen = { texts: texts.length === 1 ? ['text'] : texts.map((_, i) => `text${i + 1}`), label: 'label' };
  const names = new Map([...texts.map((name, i) => [name, chosen.texts[i]!] as const), [label, chosen.label]]);
  const rename = (name: string) => names.get(name) ?? name;
  return {
    table: {
      ...table,
      columns: table.columns.map(rename),
      names: table.names.map(rename),
      rows: table.rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, cell]) => [rename(name), cell])),
      ),
    },
    chosen,
  };
};
