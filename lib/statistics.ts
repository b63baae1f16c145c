/** The mean of some numbers; NaN of none. */
export const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
};

/** The standard deviation of a population. */
export const deviation = (values: ArrayLike<number>): number => {
  const center = mean(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += ((values[i] as number) - center) ** 2;
  return Math.sqrt(squares / values.length);
};
