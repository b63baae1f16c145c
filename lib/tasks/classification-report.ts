import { measuresOfClass } from '../metrics/classes.ts';
import { type Answered, Answers } from './answer-report.ts';

/** How well one class is told. Where a value is undefined it is 0, as scikit-learn has it. */
export interface ClassMeasures {
  /** Name of the class. */
  name: string;
  /** Share of the answers of this class that are right. */
  precision: number;
  /** Share of the examples of this class that are answered so. */
  recall: number;
  /** Harmonic mean of precision and recall. */
  f1: number;
  /** Number of examples of this class. */
  count: number;
}

/** Answers that were given with about the same confidence, which is the probability of the answer. */
export interface CalibrationBin {
  /** Lower bound of the confidence, itself not in the bin but for 0. */
  from: number;
  /** Upper bound of the confidence, itself in the bin. */
  to: number;
  /** Number of answers. */
  count: number;
  /** Mean confidence of the answers. */
  confidence: number;
  /** Share of the answers that are right. */
  accuracy: number;
}

/** Example whose label the model found improbable. */
export interface WorstExample {
  /** Place that it comes from, `file:line`. */
  source: string;
  /** Texts by field. */
  fields: Readonly<Record<string, string>>;
  /** Name of its label. */
  label: string;
  /** Name of the answer. */
  answer: string;
  /** Probability that the model gave to the label. */
  probability: number;
  /** Cross-entropy, in nats. */
  loss: number;
}

/** What a score of a classification is made of. */
export interface ClassificationReport {
  /** Measures of each class that is a label or an answer, in the order of the labels. */
  classes: ClassMeasures[];
  /** Means over these classes, each counted alike. */
  macro: { precision: number; recall: number; f1: number };
  /**
   * How often an answer was given to a label: `confusion.good.bad` good examples were called bad. Pairs that did not
   * occur are left out.
   */
  confusion: Record<string, Record<string, number>>;
  /**
   * Whether answers are as often right as they are confident: `error` is the expected calibration error (Guo et al. 2017),
   * the mean difference of confidence and accuracy over ten bins, which are empty or here.
   */
  calibration: { error: number; bins: CalibrationBin[] };
  /** Examples of the highest loss, the highest first; ten at most. */
  worst: WorstExample[];
}

/** One answer to an example, by number, and the probability that it has. */
export interface Outcome extends Answered<number, number> {
  confidence: number;
}

const BINS = 10;

/** Answers as they come, by number, and what the report counts of them. */
export class Outcomes extends Answers<number, number> {
  readonly #names: readonly string[];
  readonly #pairs = new Map<number, number>();
  readonly #bins = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, right: 0 }));

  constructor(names: readonly string[]) {
    super();
    this.#names = names;
  }

  /** Adds one answer. */
  override add(outcome: Outcome): void {
    super.add(outcome);
    const { answer, reference, confidence } = outcome;
    const pair = reference * this.#names.length + answer;
    this.#pairs.set(pair, (this.#pairs.get(pair) ?? 0) + 1);
    const bin = this.#bins[Math.min(BINS - 1, Math.max(0, Math.ceil(confidence * BINS) - 1))]!;
    bin.count++;
    bin.confidence += confidence;
    if (answer === reference) bin.right++;
  }

  /** Makes the report of all that were added. */
  report(): ClassificationReport {
    const names = this.#names;
    const zeros = () => names.map(() => 0);
    const [labelled, answered, right] = [zeros(), zeros(), zeros()];
    const rows = new Map<number, [string, number][]>();
    for (const [pair, count] of [...this.#pairs].sort(([a], [b]) => a - b)) {
      const [label, answer] = [Math.floor(pair / names.length), pair % names.length];
      labelled[label]! += count;
      answered[answer]! += count;
      if (label === answer) right[label] = count;
      rows.set(label, [...(rows.get(label) ?? []), [names[answer]!, count]]);
    }
    const all = names.map((name, i) => ({
      name,
      ...measuresOfClass({ right: right[i]!, answered: answered[i]!, count: labelled[i]! }),
      count: labelled[i]!,
    }));
    const classes = all.filter(({ count }, i) => count + answered[i]! > 0);
    const average = (key: 'precision' | 'recall' | 'f1') =>
      classes.reduce((sum, one) => sum + one[key], 0) / classes.length;
    const bins = this.#bins.flatMap(({ count, confidence, right }, i) =>
      count === 0
        ? []
        : [{ from: i / BINS, to: (i + 1) / BINS, count, confidence: confidence / count, accuracy: right / count }],
    );
    const gap = bins.reduce((sum, bin) => sum + bin.count * Math.abs(bin.accuracy - bin.confidence), 0);
    return {
      classes,
      macro: { precision: average('precision'), recall: average('recall'), f1: average('f1') },
      confusion: Object.fromEntries([...rows].map(([label, row]) => [names[label]!, Object.fromEntries(row)])),
      calibration: { error: this.count === 0 ? 0 : gap / this.count, bins },
      worst: this.worst.map(({ source, fields, label, answer, loss }) => ({
        source,
        fields,
        label,
        answer,
        probability: Math.exp(-loss),
        loss,
      })),
    };
  }
}
