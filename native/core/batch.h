// Packed token sequences and the positions whose loss is wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace zest {

// Cross-entropy of one position over its candidates.
struct ScoredPosition {
  int32_t sequence;
  int32_t position;  // within the sequence, 0-based
  int32_t label;     // index into the candidates; an output id where all outputs are candidates
  int32_t candidates_begin;  // into Batch::candidates; begin == end: every output of the head
  int32_t candidates_end;
};

struct Batch {
  std::vector<int32_t> ids;  // all sequences end to end, unpadded
  std::vector<int32_t>
      starts;  // sequence s is ids[starts[s] .. starts[s + 1]); sequences() + 1 entries
  std::vector<int32_t> segments;       // one an id, or empty for all 0
  std::vector<ScoredPosition> scored;  // ordered by sequence; at least one a sequence
  std::vector<int32_t> candidates;

  int32_t sequences() const { return static_cast<int32_t>(starts.size()) - 1; }
  int32_t length(int32_t s) const { return starts[s + 1] - starts[s]; }
};

// Sequences first .. last of a batch, on their own.
Batch slice(const Batch& batch, int32_t first, int32_t last);

}  // namespace zest
