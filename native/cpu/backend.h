// What the CPU offers: a backend, noise for callers, the instruction set in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "core/direction.h"

namespace zest {
namespace cpu {

// Tokens packed at once: enough that packing a panel is nothing beside its product, few enough that
// activations of a large batch stay small.
constexpr int32_t most_packed_tokens = 8192;

}  // namespace cpu

// `threads` >= 1, the caller's included. Weights are allocated here and read by load. Throws
// ERR_ZEST_ISA, ERR_ZEST_THREADS.
std::unique_ptr<Backend> make_cpu_backend(const ModelSpec& spec, StorageType storage,
                                          const Shortcuts& shortcuts, int threads);

struct IsaReport {
  const char* used;
  // Best first.
  std::vector<const char*> available;
};

// Throws ERR_ZEST_ISA if ZEST_ISA is unknown, or not had by this processor or binary.
IsaReport isa_report();

// `length` values of v(stream) from `offset`; Law::gaussian or Law::rademacher. Long ones are
// shared with threads that live as long as the call.
void fill_noise(uint64_t seed, uint64_t stream, uint64_t offset, size_t length, Law law,
                float* out);

// v(stream) of a model whose only parameter is one vector; low rank leaves vectors Gaussian.
void vector_direction(const Directions& directions, uint64_t stream, size_t length, float* out);

}  // namespace zest
