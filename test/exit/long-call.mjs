// A call of seconds on a model of its own; shared by the scripts of this folder and of ../worker.
import { fileURLToPath } from 'node:url';
import { Model } from '../../dist/index.js';

export const film = fileURLToPath(new URL('../../models/film-roberta-mini', import.meta.url));

const ids = Array.from({ length: 200 }, (_, i) => 5 + ((i * 13) % 8000));
const target = { kind: 'maskedTokens', positions: [3], ids: [6] };
const batch = (size) => ({ sequences: Array(size).fill(ids), targets: Array(size).fill(target) });
const step = { rho: 1e-3, learningRate: 1e-6, tilt: 1, estimator: 'naive', sides: 'two', firstStream: 0n };

export const load = () => Model.load(film);
export const longStep = (model) => model.step(batch(32), { ...step, directions: 1000 });
export const shortStep = (model) => model.step(batch(1), { ...step, directions: 1 });
