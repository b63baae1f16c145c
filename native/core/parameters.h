// Addresses of the parameters in the noise: canonical order, rows aligned, low-rank factors after
// all of them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/direction.h"
#include "core/transformer/spec.h"

namespace zest {

// The factors of a low-rank direction have at most this many columns.
constexpr int most_rank = 64;

struct Addresses {
  // Of each parameter.
  std::vector<uint64_t> base;
  // Of NAME#A (rows x rank) and NAME#B (columns x rank); 0 where not a matrix.
  std::vector<uint64_t> factor_a;
  std::vector<uint64_t> factor_b;
};

Addresses addresses(const ModelSpec& spec);

// Throws ERR_ZEST_DIRECTIONS for a rank that no direction has, or that a trainable matrix has too
// few rows for: Z of Directions::core lies at the addresses of its A.
void check_directions(const Directions& directions, const ModelSpec& spec);

// d: the number of trainable elements.
int64_t dimension(const ModelSpec& spec);

inline size_t element_bytes(StorageType type) { return type == StorageType::float32 ? 4 : 2; }

}  // namespace zest
