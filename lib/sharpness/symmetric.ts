/** Sweeps over all off-diagonal elements; a handful is enough. */
const MOST_SWEEPS = 50;

/**
 * Eigenvalues of a real symmetric matrix, given as rows, in descending order, each with its unit eigenvector: Jacobi's
 * method, cyclic by rows (Golub and Van Loan, Matrix Computations, 8.5).
 */
export const symmetricEigen = (matrix: readonly (readonly number[])[]): { value: number; vector: number[] }[] => {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  const vectors = matrix.map((_, i) => matrix.map((_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const off = a[p]![q]!;
        if (Math.abs(off) <= Number.EPSILON * Math.sqrt(Math.abs(a[p]![p]! * a[q]![q]!))) continue;
        rotated = true;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
        const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(tangent, 1);
        rotate(a, p, q, c, tangent * c);
        for (const row of vectors) rotateRow(row, p, q, c, tangent * c);
      }
    }
    if (!rotated) break;
  }
  return a
    .map((row, i) => ({ value: row[i]!, vector: vectors.map((components) => components[i]!) }))
    .sort((x, y) => y.value - x.value);
};

const rotateRow = (row: number[], p: number, q: number, c: number, s: number): void => {
  const [x, y] = [row[p]!, row[q]!];
  row[p] = c * x - s * y;
  row[q] = s * x + c * y;
};

/** JᵀAJ for the rotation J in the plane (p, q). */
const rotate = (a: number[][], p: number, q: number, c: number, s: number): void => {
  for (const row of a) rotateRow(row, p, q, c, s);
  const [rowP, rowQ] = [a[p]!, a[q]!];
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [rowP[k]!, rowQ[k]!];
    rowP[k] = c * x - s * y;
    rowQ[k] = s * x + c * y;
  }
};
