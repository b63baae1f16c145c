#include "core/batch.h"

namespace zest {

Batch slice(const Batch& batch, int32_t first, int32_t last) {
  Batch part;
  part.ids.assign(batch.ids.begin() + batch.starts[first], batch.ids.begin() + batch.starts[last]);
  if (!batch.segments.empty()) {
    part.segments.assign(batch.segments.begin() + batch.starts[first],
                         batch.segments.begin() + batch.starts[last]);
  }
  for (int32_t s = first; s <= last; ++s)
    part.starts.push_back(batch.starts[s] - batch.starts[first]);
  for (ScoredPosition position : batch.scored) {
    if (position.sequence < first || position.sequence >= last) continue;
    position.sequence -= first;
    part.scored.push_back(position);
  }
  part.candidates = batch.candidates;
  return part;
}

}  // namespace zest
