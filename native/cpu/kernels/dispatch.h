// Which instruction set runs: the best that the processor has, or the one that ZEST_ISA names.
#pragma once

#include <cstdint>

#include "cpu/kernels/kernels.h"

namespace zest::cpu {

// Throws ERR_ZEST_ISA.
const Kernels& kernels();

// sqrt(d) / |z| of the sphere law from the sum of round(z^2 2^24) over d elements; a sum of 0,
// which one or two elements can have, counts as 1.
float sphere_radius(int64_t dimension, int64_t sum_of_squares);

}  // namespace zest::cpu
