// What kernels know of the points of a call: plain structs in the device's memory, so that a graph
// can be launched again for other streams and scales.
#pragma once

#include <cstdint>

#include "core/direction.h"
#include "core/noise/philox.h"
#include "core/transformer/spec.h"

namespace zest::cuda {

// Noise is made in chunks of a row.
constexpr int chunk_elements = 64;
ZEST_HOST_DEVICE int64_t padded_columns(int64_t columns) {
  return (columns + chunk_elements - 1) / chunk_elements * chunk_elements;
}
// Rows of activations and of perturbed weights: a multiple of eight elements apart.
ZEST_HOST_DEVICE int64_t padded8(int64_t columns) { return (columns + 7) / 8 * 8; }

// Points of a group share their streams, and so their noise.
constexpr int most_points_a_group = 2;

struct Term {
  uint64_t stream;
  float scale[most_points_a_group];
};

struct Group {
  int32_t first_term, terms;
  int32_t first_point, points;
};

struct Plan {
  philox::Keys keys;  // of the seed
  Law law;
  int32_t rank;       // of Law::low_rank
  float rank_scale;   // float32(1 / sqrt(rank))
  uint64_t keep = 1;  // consecutive streams that share B (Directions::keep)
  int32_t core;       // whether A is U Z / sqrt(rank) (Directions::core)
  int32_t group_count;
  const Group* groups;
  const Term* terms;
  const float* radius;  // Law::sphere: sqrt(d) / |z|, one a term
};

// One parameter. `base` is the noise address of its first element. The factors of a low-rank
// direction are null where the law has none: A of term t is factor_a + t * rows * rank (rows x
// rank), B is factor_b + t * rank * padded(columns) (rank x padded columns).
struct Parameter {
  void* data = nullptr;
  FileType blocks = FileType::float32;  // quantised: data are such blocks, and it is not trained
  int64_t rows = 0, columns = 0;
  uint64_t base = 0;
  const float* factor_a = nullptr;
  const float* factor_b = nullptr;
  int32_t trainable = 0;
  int32_t decays = 0;
  int64_t state = 0;  // trainable: where its state begins in each state tensor, elements
};

// A block's share of a list of parameters: units first_unit ... of one of them (noise.h).
struct BlockShare {
  int32_t parameter;
  int64_t first_unit;
};

}  // namespace zest::cuda
