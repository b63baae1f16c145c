import type { Batch, Model, StepResult } from '../../../../lib/index.ts';

export const batch: (size: number) => Batch;
export const shortStep: (model: Model) => Promise<StepResult>;
export const longStep: (model: Model, signal?: AbortSignal) => Promise<StepResult>;
