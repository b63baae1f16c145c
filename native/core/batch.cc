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
  part.loss = batch.loss;
  for (size_t i = 0; i < batch.scored.size(); ++i) {
    ScoredPosition position = batch.scored[i];
    if (position.sequence < first || position.sequence >= last) continue;
    position.sequence -= first;
    part.scored.push_back(position);
    if (batch.loss != Loss::cross_entropy) part.references.push_back(batch.references[i]);
  }
  part.candidates = batch.candidates;
  for (int32_t s = first; s < last && !batch.parents.empty(); ++s)
    part.parents.push_back(batch.parent(s) < 0 ? -1 : batch.parent(s) - first);
  return part;
}

Batch without_parents(const Batch& batch) {
  if (batch.parents.empty()) return batch;
  Batch flat;
  flat.candidates = batch.candidates;
  flat.examples = batch.examples;
  flat.loss = batch.loss;
  flat.references = batch.references;
  flat.starts.push_back(0);
  std::vector<bool> is_parent(static_cast<size_t>(batch.sequences()));
  for (const int32_t parent : batch.parents) {
    if (parent >= 0) is_parent[static_cast<size_t>(parent)] = true;
  }
  const auto append = [&](int32_t s, int32_t count) {
    for (int32_t i = 0; i < count; ++i) {
      flat.ids.push_back(batch.ids[batch.starts[s] + i]);
      if (!batch.segments.empty()) flat.segments.push_back(batch.segments[batch.starts[s] + i]);
    }
  };
  for (int32_t s = 0; s < batch.sequences(); ++s) {
    if (const int32_t parent = batch.parent(s); parent >= 0) append(parent, batch.length(parent));
    append(s, is_parent[static_cast<size_t>(s)] ? 1 : batch.length(s));
    flat.starts.push_back(static_cast<int32_t>(flat.ids.size()));
  }
  for (ScoredPosition position : batch.scored) {
    if (const int32_t parent = batch.parent(position.sequence); parent >= 0)
      position.position += batch.length(parent);
    flat.scored.push_back(position);
  }
  return flat;
}

}  // namespace zest
