// Sequences that grow in a device's memory: where their tokens lie, and how new ones go through it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/batch.h"

namespace zest {

// Each sequence has the rows of its capacity, one a token, after those of the sequence before it.
class Growth {
 public:
  explicit Growth(std::span<const int32_t> capacities);

  int32_t sequences() const { return static_cast<int32_t>(lengths_.size()); }
  // The row of a sequence's first token, and how many tokens it has.
  int64_t start(int32_t s) const { return starts_[static_cast<size_t>(s)]; }
  int32_t length(int32_t s) const { return lengths_[static_cast<size_t>(s)]; }
  int64_t capacity(int32_t s) const { return start(s + 1) - start(s); }
  // Of all sequences.
  int64_t rows() const { return starts_.back(); }
  void grow(int32_t s, int32_t tokens) { lengths_[static_cast<size_t>(s)] += tokens; }

  // Throws ERR_ZEST_INTERNAL where a sequence s has no room for tokens starts[s] .. starts[s + 1).
  void check_room(std::span<const int32_t> starts) const;

 private:
  std::vector<int64_t> starts_ = {0};
  std::vector<int32_t> lengths_;
};

// Calls run(part, whole) for ids[starts[s] .. starts[s + 1]) of each sequence s, at most `at_once`
// tokens a part and a longer sequence in several. The last token of each sequence of a part is
// scored over all outputs; the first `whole` of these are the last of all.
void for_each_part(std::span<const int32_t> ids, std::span<const int32_t> starts, int32_t at_once,
                   const std::function<void(const Batch& part, int32_t whole)>& run);

}  // namespace zest
