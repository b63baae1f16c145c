// A step: evaluate, coefficients, apply. What the fused call of a backend must reproduce to the
// bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/backend.h"
#include "core/estimators.h"

namespace zest {

struct StepOptions {
  EstimatorOptions estimator;
  int directions = 1;
  uint64_t first_stream = 0;
  double learning_rate = 0;
  double weight_decay = 0;
  int micro_batch = 0;  // sequences evaluated at a time; 0: the whole batch
};

struct StepResult {
  std::vector<double> losses;
  Coefficients coefficients;
  Update update;
};

// The loss of each point: the mean over the sequences, summed in order in float64. Throws
// ERR_ZEST_LOSS_NOT_FINITE naming the point's first stream if one is not finite.
std::vector<double> evaluate(Backend& backend, const Directions& directions, const Batch& batch,
                             std::span<const Point> points, int micro_batch,
                             const AbortFlag& abort);

// The points of a step: theta +- rho v(first_stream + i), or + only.
std::vector<Point> step_points(const StepOptions& options);

// factor_i = float32(learning_rate * c_i), decay = float32(learning_rate * weight_decay).
Update make_update(const StepOptions& options, std::span<const double> coefficients);

StepResult step(Backend& backend, const Directions& directions, const Batch& batch,
                const StepOptions& options, const AbortFlag& abort);

}  // namespace zest
