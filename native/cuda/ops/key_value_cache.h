// Keys and values of the tokens of growing sequences, of every layer, on the device: biased, normed
// and turned, as attention reads them.
#pragma once

#include <cstdint>
#include <span>

#include "core/growth.h"
#include "core/transformer/spec.h"
#include "cuda/device/memory.h"
#include "cuda/kernels/rows.h"

namespace zest::cuda {

class KeyValueCache : public Growth {
 public:
  // Throws ERR_ZEST_MEMORY.
  KeyValueCache(const ModelSpec& spec, StorageType type, std::span<const int32_t> capacities);

  Operand keys(size_t layer) const { return half(2 * layer); }
  Operand values(size_t layer) const { return half(2 * layer + 1); }

 private:
  Operand half(size_t index) const {
    return {memory_.data() + index * half_bytes_, type_, stride_};
  }

  StorageType type_;
  int64_t stride_;     // elements from row to row, a multiple of 8
  size_t half_bytes_;  // of a layer's keys, or values
  DeviceMemory<std::byte> memory_;
};

}  // namespace zest::cuda
