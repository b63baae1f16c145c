import { spaced } from '../data/sampling.ts';
import { methodOf } from '../methods/registry.ts';
import { perturbationScale } from '../methods/run-step.ts';
import type { Model } from '../model/model.ts';
import { median } from '../numbers/statistics.ts';
import type { StepEvent, Warning } from '../runs/events.ts';
import { brief } from '../text/show.ts';
import type { ResolvedConfig } from './schema.ts';

/** Medians over so many first steps are judged. */
export const WATCHED_STEPS = 5;

/**
 * Of the trainable weights, so many tensors are read, none of more elements unless all have more, and so many values of
 * each.
 */
const SAMPLED_TENSORS = 8;
const LARGEST_TENSOR = 2 ** 22; // elements
const SAMPLED_VALUES = 4096;

/** The median magnitude of trainable weights, over some tensors. */
export const weightScale = async (model: Model): Promise<number> => {
  const bySize = model.trainableParameters.toSorted((a, b) => a.rows * a.columns - b.rows * b.columns);
  const small = bySize.filter(({ rows, columns }) => rows * columns <= LARGEST_TENSOR);
  const magnitudes: number[] = [];
  for (const { name } of spaced(small.length ? small : bySize.slice(0, 1), SAMPLED_TENSORS)) {
    const values = await model.parameter(name);
    const stride = Math.ceil(values.length / SAMPLED_VALUES);
    for (let i = 0; i < values.length; i += stride) magnitudes.push(Math.abs(values[i]!));
  }
  return median(magnitudes);
};

const MANTISSA_BITS = { float32: 23, bfloat16: 7 };

/** The distance of neighbouring numbers at a magnitude; 0 at 0. */
export const resolution = (magnitude: number, dtype: 'float32' | 'bfloat16'): number =>
  magnitude === 0 ? 0 : 2 ** (Math.floor(Math.log2(magnitude)) - MANTISSA_BITS[dtype]);

/** The perturbation scale that serves most models. */
const USUAL_RHO = 1e-3;

/**
 * What is known not to work about a run's settings, as its first steps show it; none is told twice. `scale` is the
 * {@link weightScale} of the model.
 *
 * The CPU forms perturbed weights in float32 whatever the dtype, and updates there too: bfloat16 weights are widened, and
 * rounded stochastically by just the bits that float32 has more. On CUDA a perturbed bfloat16 weight is rounded to
 * bfloat16.
 */
export const settingWarnings = (
  config: ResolvedConfig,
  model: { device: string; dtype: 'float32' | 'bfloat16'; dimension: number },
  scale: number,
  steps: readonly StepEvent[],
): Warning[] => {
  const { optimizer } = config;
  const { learningRate } = optimizer;
  const method = methodOf(optimizer);
  const warnings: Warning[] = [];
  const warn = (code: string, message: string) => warnings.push({ code, message });
  const over = (diagnostic: string) => median(steps.map((step) => Number(step[diagnostic])));

  const perturbed = model.device === 'cpu' ? 'float32' : model.dtype;
  const step = resolution(scale, perturbed);
  const rho = perturbationScale(method, optimizer);
  if (rho < step) {
    const usual = rho < USUAL_RHO ? `, ${USUAL_RHO} is usual` : '';
    const other = perturbed === 'bfloat16' ? ', or dtype float32' : '';
    warn(
      'WARN_ZEST_RHO',
      `rho ${rho} is below what ${perturbed} resolves at the weights' scale (${brief(step)} at ${brief(scale)}), so that most weights are not perturbed; use a larger optimizer.rho${usual}${other}`,
    );
  }
  if (over('gradientNorm') === 0) {
    // Neither a tilt nor a learning rate makes anything of losses that are all the same.
    if (warnings.length === 0) {
      warn(
        'WARN_ZEST_UPDATE',
        'the losses of a step are all the same, so that no step moves the weights; use a larger optimizer.rho, parameters that the loss depends on, or a checkpoint whose training did not diverge',
      );
    }
    return warnings;
  }
  for (const { code, message } of method.warnings?.(optimizer, { median: over }) ?? []) warn(code, message);
  // ‖c‖ is the size of the step's move of one weight, before the learning rate.
  const move = (learningRate * over('gradientNorm')) / Math.sqrt(model.dimension);
  const half = resolution(scale, 'float32') / 2;
  if (move < half) {
    warn(
      'WARN_ZEST_UPDATE',
      `a step moves a weight by ${brief(move)}, less than half of what float32 resolves at the weights' scale (${brief(half)} at ${brief(scale)}), so that most updates vanish; use a larger optimizer.learningRate`,
    );
  }
  return warnings;
};
