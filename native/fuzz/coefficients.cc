// Losses that a model of any weights may have, and options of any numbers: finite coefficients, or
// an error.
#include <cmath>

#include "core/error.h"
#include "core/estimators.h"
#include "fuzz/input.h"

using namespace zest;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  EstimatorOptions options;
  options.tilt_rule = static_cast<TiltRule>(input.number(0, 3));
  options.estimator = static_cast<Estimator>(input.number(0, 3));
  options.sides = static_cast<Sides>(input.number(0, 1));
  options.normalize = static_cast<Normalize>(input.number(0, 2));
  options.tilt_value = input.value<double>();
  options.rho = input.value<double>(), options.dimension = input.value<double>();
  std::vector<double> losses(std::min<size_t>(input.rest().size() / sizeof(double), 32));
  for (double& loss : losses) loss = input.value<double>();
  try {
    const Coefficients found = coefficients(losses, options);
    for (const double c : found.c) fuzz::expect(std::isfinite(c));
    for (const double value : {found.tilt, found.tau, found.tilted_loss, found.mean_loss,
                               found.effective_sample_size, found.gradient_norm}) {
      fuzz::expect(std::isfinite(value));
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
