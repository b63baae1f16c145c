// The floating-point environment that results are defined in.
#pragma once

#include <cfenv>
#include <cstdint>

namespace zest {

// Rounding to nearest, no flush-to-zero, no traps, for the calling thread while this lives: an
// embedder may have set otherwise.
class DefaultFloatingPoint {
 public:
  DefaultFloatingPoint();
  ~DefaultFloatingPoint();
  DefaultFloatingPoint(const DefaultFloatingPoint&) = delete;
  DefaultFloatingPoint& operator=(const DefaultFloatingPoint&) = delete;

 private:
#if defined(__x86_64__)
  unsigned saved_;
#elif defined(__aarch64__)
  uint64_t saved_;
#else
  std::fenv_t saved_;
#endif
};

}  // namespace zest
