import { z } from 'zod';

/** The schema of an option that counts: a whole number ≥ 1. */
export const count = () => z.int().min(1);
