// Values from the bytes that a fuzzer makes; 0 where there are none left.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace zest::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : bytes_(data, size) {}

  template <class T>
  T value() {
    T result{};
    const size_t n = std::min(sizeof result, bytes_.size());
    if (n > 0) std::memcpy(&result, bytes_.data(), n);
    bytes_ = bytes_.subspan(n);
    return result;
  }

  // From `least` to `most`, of one byte.
  int32_t number(int32_t least, int32_t most) {
    return least + value<uint8_t>() % (most - least + 1);
  }

  // A byte that counts them, and as many values.
  template <class T>
  std::vector<T> values() {
    std::vector<T> result(value<uint8_t>());
    for (T& each : result) each = value<T>();
    return result;
  }

  std::span<const uint8_t> rest() const { return bytes_; }

 private:
  std::span<const uint8_t> bytes_;
};

// What must hold whatever the bytes are.
inline void expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace zest::fuzz
