// Which instruction set runs: the best that the processor has, or the one that ZEST_ISA names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/direction.h"
#include "cpu/kernels.h"

namespace zest {

struct IsaReport {
  const char* used;
  std::vector<const char*> available;  // best first
};

// Throws ERR_ZEST_ISA if ZEST_ISA is unknown, or not had by this processor or binary.
IsaReport isa_report();

// `length` values of v(stream) from `offset`; Law::gaussian or Law::rademacher. Long ones are
// shared with threads that live as long as the call.
void fill_noise(uint64_t seed, uint64_t stream, uint64_t offset, size_t length, Law law,
                float* out);

// v(stream) of a model whose only parameter is one vector; low rank leaves vectors Gaussian.
void vector_direction(const Directions& directions, uint64_t stream, size_t length, float* out);

namespace cpu {

const Kernels& kernels();

// sqrt(d) / |z| of the sphere law from the sum of round(z^2 2^24) over d elements; a sum of 0,
// which one or two elements can have, counts as 1.
float sphere_radius(int64_t dimension, int64_t sum_of_squares);

}  // namespace cpu
}  // namespace zest
