#include "core/batch.h"

#include "core/error.h"

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

namespace {

// Each sequence has scored positions, or is a parent, and then has none; and each example has its
// options, that are sequences with scored positions.
bool examples_are_good(const Batch& batch) {
  std::vector<int32_t> scored(static_cast<size_t>(batch.sequences())), needed(scored.size(), 1);
  for (const ScoredPosition& at : batch.scored) scored[static_cast<size_t>(at.sequence)] = 1;
  for (const int32_t parent : batch.parents) {
    if (parent >= 0) needed[static_cast<size_t>(parent)] = 0;
  }
  if (scored != needed) return false;
  int32_t expected = 0;
  for (size_t e = 0; e < batch.examples.size(); ++e) {
    const auto [first, label, per_token] = batch.examples[e];
    const int32_t end =
        e + 1 < batch.examples.size() ? batch.examples[e + 1].first : batch.sequences();
    if (first != expected || end <= first || end > batch.sequences()) return false;
    int32_t options = 0;
    for (int32_t s = first; s < end; ++s) options += scored[static_cast<size_t>(s)];
    if (label < -1 || label >= options || (label < 0 && (options != 1 || end != first + 1)))
      return false;
    expected = end;
  }
  return true;
}

}  // namespace

void check_batch(const Batch& batch, const ModelSpec& spec) {
  const auto within = [](int64_t value, int64_t least, int64_t end) {
    return value >= least && value < end;
  };
  bool good = batch.starts.size() > 1 && batch.starts.front() == 0 &&
              static_cast<size_t>(batch.starts.back()) == batch.ids.size() &&
              (batch.segments.empty() || batch.segments.size() == batch.ids.size());
  good = good && (batch.parents.empty() ||
                  (spec.causal && batch.parents.size() + 1 == batch.starts.size()));
  for (int32_t s = 0; good && s < batch.sequences(); ++s) {
    const int32_t parent = batch.parent(s);
    good = parent < 0 || (within(parent, 0, s) && batch.parent(parent) < 0 &&
                          (parent == s - 1 || batch.parent(s - 1) == parent));
    const int64_t before = good && parent >= 0 ? batch.length(parent) : 0;
    good = good &&
           within(batch.length(s), 1, int64_t{spec.positions} - spec.position_offset + 1 - before);
  }
  for (const int32_t id : batch.ids) good = good && within(id, 0, spec.vocabulary);
  for (const int32_t segment : batch.segments) good = good && within(segment, 0, spec.segments);
  for (const int32_t id : batch.candidates) good = good && within(id, 0, spec.outputs);
  const auto candidates = static_cast<int64_t>(batch.candidates.size());
  int32_t before = 0;
  for (const ScoredPosition& at : batch.scored) {
    if (!good) break;
    const int64_t count = at.candidates_end - int64_t{at.candidates_begin};
    good = within(at.sequence, before, batch.sequences()) &&
           within(at.position, 0, batch.length(at.sequence)) &&
           within(at.candidates_begin, 0, candidates + 1) &&
           within(at.candidates_end, at.candidates_begin, candidates + 1) &&
           within(at.label, 0, count > 0 ? count : spec.outputs);
    good = good && (batch.loss == Loss::cross_entropy || count == 1);
    before = at.sequence;
  }
  good = good &&
         batch.references.size() == (batch.loss == Loss::cross_entropy ? 0 : batch.scored.size());
  good = good && examples_are_good(batch);
  if (!good) throw Error("ERR_ZEST_INTERNAL", "the batch does not fit the model");
}

}  // namespace zest
