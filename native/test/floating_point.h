// How the processor rounds, and whether it flushes small numbers to zero.
#pragma once

#include <cfenv>
#include <cstdint>

namespace zest::test {

#if defined(__x86_64__)
constexpr uint64_t flush_to_zero = 0x8040, round_upward = 0x4000;
#elif defined(__aarch64__)
constexpr uint64_t flush_to_zero = 1u << 24 | 1u << 25 | 1u << 19, round_upward = 1u << 22;
#else
constexpr uint64_t flush_to_zero = 0, round_upward = FE_UPWARD;
#endif

inline uint64_t floating_point_control() {
#if defined(__x86_64__)
  return __builtin_ia32_stmxcsr() & ~0x3fu;  // without the flags of what has happened
#elif defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
#else
  return static_cast<uint64_t>(std::fegetround());
#endif
}

inline void set_floating_point_control(uint64_t control) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(static_cast<unsigned>(control));
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(control));
#else
  std::fesetround(static_cast<int>(control));
#endif
}

}  // namespace zest::test
