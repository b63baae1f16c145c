// Keys and values of the tokens of growing sequences, of every layer, on the device: biased, normed
// and turned, as attention reads them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/transformer/spec.h"
#include "cuda/device/memory.h"
#include "cuda/kernels/rows.h"

namespace zest::cuda {

class KeyValueCache {
 public:
  // Throws ERR_ZEST_MEMORY.
  KeyValueCache(const ModelSpec& spec, StorageType type, std::span<const int32_t> capacities);

  int32_t sequences() const { return static_cast<int32_t>(lengths_.size()); }
  int32_t capacity(int32_t s) const { return start(s + 1) - start(s); }
  // The row of a sequence's first token, and how many tokens it has.
  int32_t start(int32_t s) const { return starts_[static_cast<size_t>(s)]; }
  int32_t length(int32_t s) const { return lengths_[static_cast<size_t>(s)]; }
  void grow(int32_t s, int32_t tokens) { lengths_[static_cast<size_t>(s)] += tokens; }

  Operand keys(size_t layer) const { return half(2 * layer); }
  Operand values(size_t layer) const { return half(2 * layer + 1); }

 private:
  Operand half(size_t index) const {
    return {memory_.data() + index * half_bytes_, type_, stride_};
  }

  StorageType type_;
  int64_t stride_;  // elements from row to row, a multiple of 8
  std::vector<int32_t> starts_{0}, lengths_;
  size_t half_bytes_;  // of a layer's keys, or values
  DeviceMemory<std::byte> memory_;
};

}  // namespace zest::cuda
