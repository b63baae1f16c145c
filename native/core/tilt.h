// The tilt t of a step, given as a number or chosen from the step's own losses.
#pragma once

#include <span>

#include "core/estimators.h"

namespace zest {

// Where the losses lie. Differences from the largest are formed first, so a constant added to all
// of them is harmless.
struct Spread {
  double largest;
  double range;  // largest - smallest
  double mean;
  double sigma;  // population standard deviation
};

Spread spread_of(std::span<const double> losses);

// `value` means what `rule` says (EstimatorOptions). The chosen forms are solved to a relative
// 1e-12 and are at most 1e6 / sigma, which a target that no tilt reaches takes; where sigma is 0
// they are 0. Throws ERR_ZEST_TILT.
double tilt_of(std::span<const double> losses, const Spread& spread, TiltRule rule, double value);

}  // namespace zest
