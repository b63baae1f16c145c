import { rangeError } from '../errors.ts';
import { isObject } from '../text/json.ts';
import { listed } from '../text/show.ts';

const unnamed = (label: number): string => `LABEL_${label}`;

/** The names of the classes in a config.json (`id2label`), in order; undefined where it has none but LABEL_0, LABEL_1, …. */
export const labelsOf = ({ id2label }: Readonly<Record<string, unknown>>): string[] | undefined => {
  if (!isObject(id2label)) return undefined;
  const names = Object.keys(id2label).map((_, label) => id2label[label]);
  const areNames = names.every((name) => typeof name === 'string') && names.some((name, i) => name !== unnamed(i));
  return areNames ? names : undefined;
};

/** The keys of config.json that name classes. */
export const labelKeys = (names: readonly string[] | undefined, classes: number): Record<string, unknown> => {
  const labels = names ?? Array.from({ length: classes }, (_, label) => unnamed(label));
  return {
    num_labels: labels.length,
    id2label: { ...labels },
    label2id: Object.fromEntries(labels.map((name, label) => [name, label])),
  };
};

/**
 * Checks names of classes against those that a checkpoint's outputs have: one that the checkpoint gives to another
 * output shows that the orders differ. Case does not count, and names that it does not have at all are new names.
 *
 * @throws ERR_ZEST_OPTION
 */
export const assertSameOrder = (names: readonly string[], stored: readonly string[], file: string): void => {
  const lower = stored.map((name) => name.toLowerCase());
  const moved = names.find((name, label) => ![-1, label].includes(lower.indexOf(name.toLowerCase())));
  if (moved === undefined) return;
  throw rangeError(
    'ERR_ZEST_OPTION',
    `labels are ${listed(names)}, but '${moved}' is output ${lower.indexOf(moved.toLowerCase())} of the checkpoint; ` +
      `expected the order of id2label in ${file}: ${listed(stored)} (or a new head: { classes: ${names.length} })`,
  );
};
