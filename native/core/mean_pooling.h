// What is one row a sequence, of rows of its scored positions.
#pragma once

#include <span>
#include <vector>

#include "core/batch.h"

namespace zest {

// Appends for each sequence of the batch the mean of row(i), a span of floats, over its scored
// positions i, summed in order in float64.
template <class Row>
void append_means(const Batch& batch, const Row& row, std::vector<std::vector<float>>& means) {
  std::vector<double> sums;
  size_t i = 0;
  for (int32_t s = 0; s < batch.sequences(); ++s) {
    const size_t first = i;
    for (; i < batch.scored.size() && batch.scored[i].sequence == s; ++i) {
      const std::span<const float> values = row(i);
      if (i == first) sums.assign(values.size(), 0.0);
      for (size_t c = 0; c < values.size(); ++c) sums[c] += values[c];
    }
    std::vector<float>& mean = means.emplace_back();
    const auto count = static_cast<double>(i - first);
    for (const double sum : sums) mean.push_back(static_cast<float>(sum / count));
  }
}

}  // namespace zest
