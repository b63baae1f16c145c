// A batch of any numbers: it need not be one.
#pragma once

#include "core/batch.h"
#include "fuzz/input.h"

namespace zest::fuzz {

inline Batch batch_of(Input& input) {
  // Small numbers are right more often; a byte says whether these are.
  const auto numbers = [&] {
    if (input.number(0, 7) == 7) return input.values<int32_t>();
    const std::vector<int8_t> small = input.values<int8_t>();
    return std::vector<int32_t>(small.begin(), small.end());
  };
  Batch batch;
  batch.loss = static_cast<Loss>(input.number(0, 2));
  batch.starts = numbers(), batch.ids = numbers(), batch.segments = numbers();
  const std::vector<int32_t> scored = numbers();
  for (size_t i = 0; i + 5 <= scored.size(); i += 5)
    batch.scored.push_back({scored[i], scored[i + 1], scored[i + 2], scored[i + 3], scored[i + 4]});
  batch.candidates = numbers(), batch.parents = numbers();
  const std::vector<int32_t> examples = numbers();
  for (size_t i = 0; i + 3 <= examples.size(); i += 3)
    batch.examples.push_back({examples[i], examples[i + 1], examples[i + 2] != 0});
  batch.references = input.values<float>();
  return batch;
}

}  // namespace zest::fuzz
