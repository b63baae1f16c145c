// Keys and values of the tokens of growing sequences, of every layer, on the device: biased, normed
// and turned, as attention reads them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/transformer/spec.h"
#include "cuda/device/memory.h"

namespace zest::cuda {

class KeyValueCache {
 public:
  // Throws ERR_ZEST_MEMORY.
  KeyValueCache(const ModelSpec& spec, std::span<const int32_t> capacities);

  int32_t sequences() const { return static_cast<int32_t>(lengths_.size()); }
  int32_t capacity(int32_t s) const { return start(s + 1) - start(s); }
  // The row of a sequence's first token, and how many tokens it has.
  int32_t start(int32_t s) const { return starts_[static_cast<size_t>(s)]; }
  int32_t length(int32_t s) const { return lengths_[static_cast<size_t>(s)]; }
  void grow(int32_t s, int32_t tokens) { lengths_[static_cast<size_t>(s)] += tokens; }

  // Floats from row to row, a multiple of 8.
  int64_t stride() const { return stride_; }
  float* keys(size_t layer) const { return memory_.data() + 2 * layer * layer_floats_; }
  float* values(size_t layer) const { return keys(layer) + layer_floats_; }

 private:
  int64_t stride_;
  std::vector<int32_t> starts_{0}, lengths_;
  size_t layer_floats_;
  DeviceMemory<float> memory_;
};

}  // namespace zest::cuda
