// Measures of classes, by number, against the right ones. Where one is undefined it is 0, as scikit-learn has it.

/**
 * Measures a class by counts: the answers of it that are right, all of them, and its examples.
 */
export const measuresOfClass = ({ right, answered, count }: { right: number; answered: number; count: number }) => {
  const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return { precision: ratio(right, answered), recall: ratio(right, count), f1: ratio(2 * right, answered + count) };
};

const confusion = (predictions: readonly number[], references: readonly number[]) => {
  const count = (answer: number, label: number) =>
    references.filter((l, i) => l === label && predictions[i] === answer).length;
  return {
    truePositive: count(1, 1),
    falsePositive: count(1, 0),
    trueNegative: count(0, 0),
    falseNegative: count(0, 1),
  };
};

/** Measures the share of the predictions that are right. */
export const accuracy = (predictions: readonly number[], references: readonly number[]): number =>
  references.filter((label, i) => label === predictions[i]).length / references.length;

/** Measures F1 of class 1: the harmonic mean of precision and recall. */
export const f1 = (predictions: readonly number[], references: readonly number[]): number => {
  const { truePositive, falsePositive, falseNegative } = confusion(predictions, references);
  const [answered, count] = [truePositive + falsePositive, truePositive + falseNegative];
  return measuresOfClass({ right: truePositive, answered, count }).f1;
};

/** Measures the correlation of predictions and references of two classes (Matthews 1975). */
export const matthews = (predictions: readonly number[], references: readonly number[]): number => {
  const { truePositive, falsePositive, trueNegative, falseNegative } = confusion(predictions, references);
  const margins =
    (truePositive + falsePositive) *
    (truePositive + falseNegative) *
    (trueNegative + falsePositive) *
    (trueNegative + falseNegative);
  return margins === 0 ? 0 : (truePositive * trueNegative - falsePositive * falseNegative) / Math.sqrt(margins);
};

/** Measures the mean of F1 over the classes that are a prediction or a reference, each counted alike. */
export const macroF1 = (predictions: readonly number[], references: readonly number[]): number => {
  const classes = [...new Set([...predictions, ...references])];
  const f1Of = (of: number) => {
    const right = references.filter((reference, i) => reference === of && predictions[i] === of).length;
    const [answered = 0, count = 0] = [predictions, references].map((all) => all.filter((each) => each === of).length);
    return measuresOfClass({ right, answered, count }).f1;
  };
  return classes.reduce((sum, of) => sum + f1Of(of), 0) / classes.length;
};
