#include "core/step.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"

namespace zest {
std::vector<double> evaluate(Backend& backend, const Directions& directions, const Batch& batch,
                             std::span<const Point> points, int micro_batch,
                             const AbortFlag& abort) {
  const int32_t sequences = batch.sequences();
  const int32_t at_once = micro_batch > 0 ? std::min(micro_batch, sequences) : sequences;
  std::vector<double> sums(points.size(), 0.0);
  std::vector<double> losses(points.size() * static_cast<size_t>(at_once));
  for (int32_t first = 0; first < sequences; first += at_once) {
    const int32_t last = std::min(first + at_once, sequences);
    const int32_t count = last - first;
    if (count == sequences) {
      backend.sequence_losses(directions, batch, points, losses.data(), abort);
    } else {
      backend.sequence_losses(directions, slice(batch, first, last), points, losses.data(), abort);
    }
    for (size_t p = 0; p < points.size(); ++p) {
      for (int32_t s = 0; s < count; ++s)
        sums[p] += losses[p * static_cast<size_t>(count) + static_cast<size_t>(s)];
    }
  }
  for (size_t p = 0; p < points.size(); ++p) {
    sums[p] /= sequences;
    if (std::isfinite(sums[p])) continue;
    const std::string where = points[p].empty()
                                  ? "the unperturbed weights"
                                  : "the point of stream " + std::to_string(points[p][0].stream);
    throw Error("ERR_ZEST_LOSS_NOT_FINITE",
                "the loss at " + where +
                    " is not finite; the weights are unchanged. A smaller rho or learning rate "
                    "may keep it finite");
  }
  return sums;
}

std::vector<Point> step_points(const StepOptions& options) {
  std::vector<Point> points;
  const float rho = static_cast<float>(options.estimator.rho);
  for (int i = 0; i < options.directions; ++i) {
    const uint64_t stream = options.first_stream + static_cast<uint64_t>(i);
    points.push_back({{stream, rho}});
    if (options.estimator.sides == Sides::two) points.push_back({{stream, -rho}});
  }
  return points;
}

Update make_update(const StepOptions& options, std::span<const double> coefficients) {
  Update update;
  update.decay = static_cast<float>(options.learning_rate * options.weight_decay);
  for (size_t i = 0; i < coefficients.size(); ++i) {
    const float factor = static_cast<float>(options.learning_rate * coefficients[i]);
    if (!std::isfinite(factor)) {
      throw Error(
          "ERR_ZEST_UPDATE",
          "the coefficient of stream " + std::to_string(options.first_stream + i) +
              " times the learning rate is not a finite float32; the weights are unchanged");
    }
    update.terms.push_back({options.first_stream + i, factor});
  }
  return update;
}

StepResult step(Backend& backend, const Directions& directions, const Batch& batch,
                const StepOptions& options, const AbortFlag& abort) {
  StepResult result;
  const std::vector<Point> points = step_points(options);
  result.losses = evaluate(backend, directions, batch, points, options.micro_batch, abort);
  result.coefficients = coefficients(result.losses, options.estimator);
  result.update = make_update(options, result.coefficients.c);
  backend.apply(directions, result.update, abort);
  return result;
}

}  // namespace zest
