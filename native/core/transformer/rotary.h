// Sines and cosines of rotary positions (Su et al. 2021), the same bits on every machine.
#pragma once

#include <cstdint>
#include <vector>

#include "core/transformer/spec.h"

namespace zest {

// Rows of rotary_frequencies.size() values, one a position: rotary_scale times the cosine or sine
// of the angle float32(position * frequency), as transformers rounds it.
struct RotaryTable {
  std::vector<float> cosines, sines;
  int64_t positions = 0;

  // Makes the table as long as asked for, or leaves it longer.
  void extend(const ModelSpec& spec, int64_t positions);
};

}  // namespace zest
