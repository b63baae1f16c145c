// Packed token sequences and the positions whose loss is wanted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/name.h"
#include "core/transformer/spec.h"

namespace zest {

// What the loss of a scored position is: the cross-entropy of its label over its candidates, or, of
// its only candidate, that of a yes or no, log(1 + e^x) - reference * x, or the square of the
// difference from the reference.
enum class Loss { cross_entropy, binary_cross_entropy, squared_error };

template <>
struct Names<Loss> {
  static constexpr const char* kind = "loss";
  static constexpr std::array table = {
      Name<Loss>{Loss::cross_entropy, "crossEntropy"},
      Name<Loss>{Loss::binary_cross_entropy, "binaryCrossEntropy"},
      Name<Loss>{Loss::squared_error, "squaredError"},
  };
};

// One position over its candidates.
struct ScoredPosition {
  int32_t sequence;
  int32_t position;  // within the sequence, 0-based
  int32_t label;     // index into the candidates; an output id where all outputs are candidates
  int32_t candidates_begin;  // into Batch::candidates; begin == end: every output of the head
  int32_t candidates_end;
};

// Sequences from `first` to the next example's that are scored together: the options of a question,
// after the prompt that they share, if there is one. The loss is the cross-entropy of the option
// `label` under the options' log-likelihoods, each divided by its number of tokens if `per_token`.
// label -1: the loss of its one sequence.
struct Example {
  int32_t first;
  int32_t label;
  bool per_token;
};

struct Batch {
  // All sequences end to end, unpadded.
  std::vector<int32_t> ids;
  // Sequence s is ids[starts[s] .. starts[s + 1]); sequences() + 1 entries.
  std::vector<int32_t> starts;
  // One an id, or empty for all 0.
  std::vector<int32_t> segments;
  // Ordered by sequence; at least one a sequence, none of a parent.
  std::vector<ScoredPosition> scored;
  // Ids of outputs of the head, for the scored positions that name some.
  std::vector<int32_t> candidates;
  // Of each sequence the earlier one whose tokens come before its own (causal models), or -1;
  // empty: all -1. Children follow their parent, and have none themselves.
  std::vector<int32_t> parents;
  // In order; empty: each sequence is one.
  std::vector<Example> examples;
  Loss loss = Loss::cross_entropy;
  // One a scored position, 0 or 1 of a yes or no; of other losses than cross-entropy.
  std::vector<float> references;

  int32_t sequences() const { return static_cast<int32_t>(starts.size()) - 1; }
  int32_t length(int32_t s) const { return starts[s + 1] - starts[s]; }
  int32_t parent(int32_t s) const { return parents.empty() ? -1 : parents[s]; }
  // The end of sequence s, which has no parent, and of its children: they are computed together.
  int32_t family_end(int32_t s) const {
    do ++s;
    while (s < sequences() && parent(s) >= 0);
    return s;
  }
};

// Throws ERR_ZEST_INTERNAL where the batch would make a backend read outside its buffers.
void check_batch(const Batch& batch, const ModelSpec& spec);

// Sequences first .. last of a batch, on their own, without its examples; first has no parent.
Batch slice(const Batch& batch, int32_t first, int32_t last);

// The same sequences with their parents' tokens before their own; those of parents are cut to one.
// For those that are to be computed alone.
Batch without_parents(const Batch& batch);

}  // namespace zest
