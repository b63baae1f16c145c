// A step as optimizers compose it: evaluate, coefficients, apply.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/estimators.h"
#include "core/evaluate.h"

namespace zest::test {

struct StepOptions {
  EstimatorOptions estimator;
  int directions = 1;
  uint64_t first_stream = 0;
  double learning_rate = 0;
  double weight_decay = 0;
};

struct StepResult {
  std::vector<double> losses;
  Update update;
};

// theta +- rho v(first_stream + i), or + only.
inline std::vector<Point> step_points(const StepOptions& options) {
  std::vector<Point> points;
  const float rho = static_cast<float>(options.estimator.rho);
  for (int i = 0; i < options.directions; ++i) {
    const uint64_t stream = options.first_stream + static_cast<uint64_t>(i);
    points.push_back({{stream, rho}});
    if (options.estimator.sides == Sides::two) points.push_back({{stream, -rho}});
  }
  return points;
}

inline Update make_update(const StepOptions& options, std::span<const double> coefficients) {
  Update update;
  update.decay = static_cast<float>(options.learning_rate * options.weight_decay);
  for (size_t i = 0; i < coefficients.size(); ++i) {
    update.terms.push_back(
        {options.first_stream + i, static_cast<float>(options.learning_rate * coefficients[i])});
  }
  return update;
}

inline StepResult step(Backend& backend, const Directions& directions, const Batch& batch,
                       const StepOptions& options, const AbortFlag& abort) {
  const std::vector<Point> points = step_points(options);
  StepResult result{evaluate(backend, directions, batch, points, 0, abort), {}};
  result.update = make_update(options, coefficients(result.losses, options.estimator).c);
  backend.apply(directions, result.update, abort);
  return result;
}

}  // namespace zest::test
