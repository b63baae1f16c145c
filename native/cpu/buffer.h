// Aligned memory that only grows: nothing is allocated inside a step after the first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace zest::cpu {

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t count) { reserve(count); }

  // At least `count` elements; their values are lost when it grows.
  T* reserve(size_t count) {
    if (count > count_) {
      if (count > SIZE_MAX / sizeof(T)) throw std::bad_array_new_length();
      data_.reset();
      count_ = 0;
      data_.reset(static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{alignment})));
      count_ = count;
    }
    return data_.get();
  }
  T* data() const { return data_.get(); }
  size_t size() const { return count_; }

 private:
  static constexpr size_t alignment = 64;  // bytes: a cache line, a vector register
  struct Free {
    void operator()(T* p) const { ::operator delete(p, std::align_val_t{alignment}); }
  };
  std::unique_ptr<T, Free> data_;
  size_t count_ = 0;
};

}  // namespace zest::cpu
