import type { Law, Update } from '../objective.ts';

// What a log holds, and where. Apart from the bytes, so that declarations of it need no Buffer.

/** A parameter of the model of a log, in canonical order. */
export interface LoggedTensor {
  /** Name of the parameter. */
  name: string;
  /** Rows and columns, or the length of a vector. */
  shape: readonly number[];
  /** Whether updates move it. */
  trainable: boolean;
  /** Whether weight decay moves it. */
  decays: boolean;
}

/** Beginning of a log: the weights that its updates apply to, and how they were made. */
export interface TrajectoryHeader {
  /** Version of docs/noise.md that the directions are of: 1. */
  noiseVersion: number;
  /** Digest of the weight files that the run started from. */
  base: string;
  /** Digest of the trainable parameters before the first update, as `Model.digest` gives it. */
  trainable: string;
  /** Digest of the other parameters, likewise. Logs of early versions do not have it. */
  frozen?: string;
  /** Number of trainable parameters, d. */
  dimension: number;
  /** Type that the weights are stored in. */
  dtype: 'float32' | 'bfloat16';
  /** Parameters of the model in canonical order. */
  tensors: readonly LoggedTensor[];
  /** Seed, in decimal, and law of the directions. */
  directions: { seed: string; law: Law };
  /** Name of the method that made the updates. */
  method: string;
  /** Rule by which updates move the weights: `plain`, or another, with ` anchored` behind it where they decay so. */
  rule: string;
  /** Configuration of the run with every default filled in. */
  config: unknown;
  /** Digests of the files that the configuration names, by its key. */
  inputs: Readonly<Record<string, string>>;
  /** Device that the losses were computed on: `cpu`, say. */
  device: string;
  /** Version of node-zest. */
  version: string;
  /** Of a log that was exported, digest of the trainable parameters that it leads to, where it is known. */
  result?: string;
}

/** An update as a log has it. */
export interface LoggedUpdate extends Update {
  /** Under the sphere law, the radius of each term's direction: float32(√d/‖z‖). Default: the reader computes it. */
  radii?: readonly number[];
  /** Losses that the method was given, where its state needs them. */
  losses?: readonly number[];
}

/** Where a record stands in a log, and what of those before it is needed to write or to read it. */
export interface Place {
  /** Byte at which it begins. */
  at: number;
  /** Checksum before it. */
  checksum: number;
  /** First stream that no record before it has. */
  stream: bigint;
}
