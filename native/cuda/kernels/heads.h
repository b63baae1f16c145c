// Queries or keys on their way to attention, all points at once.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/rows.h"

namespace zest::cuda {

// Heads in rows of a product: head h of a row begins h * step further, and so does its bias.
struct HeadRows {
  Operand rows;  // of the type of the attention
  int64_t step = 0;
  const float* bias = nullptr;  // perturbed, or null: there is none, or it is added already
};

// Whether every head of every row begins, and ends, at a multiple of 8 elements and of 16 bytes.
inline bool is_aligned(const HeadRows& heads, int32_t width) {
  return reinterpret_cast<uintptr_t>(heads.rows.data) % 16 == 0 && heads.rows.stride % 8 == 0 &&
         heads.step % 8 == 0 && width % 8 == 0;
}

// Adds the bias, norms each head and turns it by its token's place (Su et al. 2021), in place.
struct HeadPlacement {
  HeadRows heads;
  int64_t points = 0, rows = 0;
  int32_t count = 0, width = 0;  // of the heads; the width is at most most_head_width
  int64_t vector_stride = 0;
  NormVectors norm;
  // Column i turns with column i + half by the angle whose cosine and sine are at place * half + i;
  // half 0: none does.
  const float* cosines = nullptr;
  const float* sines = nullptr;
  int32_t half = 0;
  const int32_t* places = nullptr;  // of each row of a point
};
void place_heads(const HeadPlacement& p, cudaStream_t stream);

}  // namespace zest::cuda
