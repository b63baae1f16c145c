// Memory of the device and pinned memory of the host. It only grows: nothing is allocated inside a
// step after the first of its shape.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

namespace zest::cuda {

// Throw ERR_ZEST_MEMORY saying what was asked and what is free.
void* allocate_device(size_t bytes);
void* allocate_pinned(size_t bytes);

template <class T, void* (*allocate)(size_t), cudaError_t (*release)(void*)>
class Memory {
 public:
  Memory() = default;
  ~Memory() { reset(); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  Memory(Memory&& other) noexcept : data_(other.data_), count_(other.count_) {
    other.data_ = nullptr, other.count_ = 0;
  }
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  // At least `count` elements; their values are lost when it grows.
  T* reserve(size_t count) {
    if (count > count_) {
      reset();
      data_ = static_cast<T*>(allocate(count * sizeof(T)));
      count_ = count;
    }
    return data_;
  }
  T* data() const { return data_; }
  size_t size() const { return count_; }
  void reset() {
    if (data_) release(data_);
    data_ = nullptr, count_ = 0;
  }

 private:
  T* data_ = nullptr;
  size_t count_ = 0;
};

template <class T>
using DeviceMemory = Memory<T, allocate_device, cudaFree>;
template <class T>
using PinnedMemory = Memory<T, allocate_pinned, cudaFreeHost>;

}  // namespace zest::cuda
