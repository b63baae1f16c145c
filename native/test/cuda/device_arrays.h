// Vectors to the device and back.
#pragma once

#include <cstddef>
#include <vector>

#include "cuda/device/check.h"
#include "cuda/device/device.h"
#include "cuda/device/memory.h"

namespace zest::test {

using cuda::DeviceMemory;

inline cudaStream_t stream() {
  static cuda::Stream instance;
  return instance;
}

template <class T>
DeviceMemory<T> uploaded(const std::vector<T>& values) {
  DeviceMemory<T> memory;
  memory.reserve(values.empty() ? 1 : values.size());
  cuda::check(cudaMemcpyAsync(memory.data(), values.data(), values.size() * sizeof(T),
                              cudaMemcpyHostToDevice, stream()),
              "a test's upload");
  cuda::check(cudaStreamSynchronize(stream()), "a test's upload");
  return memory;
}

template <class T>
std::vector<T> downloaded(const DeviceMemory<T>& memory, size_t count) {
  std::vector<T> values(count);
  cuda::check(cudaMemcpyAsync(values.data(), memory.data(), count * sizeof(T),
                              cudaMemcpyDeviceToHost, stream()),
              "a test's download");
  cuda::check(cudaStreamSynchronize(stream()), "a test's download");
  return values;
}

template <class T>
DeviceMemory<T> filled(size_t count) {  // with NaN
  DeviceMemory<T> memory;
  memory.reserve(count);
  cuda::check(cudaMemsetAsync(memory.data(), 0xff, count * sizeof(T), stream()), "a test's fill");
  return memory;
}

// Values in [-1, 1), the same on every machine.
inline std::vector<float> random_values(size_t count, uint32_t seed, float scale = 1.0f) {
  std::vector<float> values(count);
  uint32_t state = seed * 2654435761u + 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = scale * (static_cast<float>(state >> 8) * 0x1p-23f - 1.0f);
  }
  return values;
}

// A number from 0 to below `below`, changing `state`.
inline uint32_t draw(uint32_t& state, uint32_t below) {
  state = state * 1664525u + 1013904223u;
  return static_cast<uint32_t>((uint64_t{state} * below) >> 32);
}

}  // namespace zest::test
