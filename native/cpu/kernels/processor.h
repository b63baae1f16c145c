// What this x86-64 processor and its system can run, asked of the processor itself: the compilers'
// __builtin_cpu_supports needs a runtime library that not every toolchain brings.
#pragma once

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>

namespace zest::cpu {

struct Processor {
  bool avx2 = false;    // with fma
  bool avx512 = false;  // f, vl, dq and bw, with avx2
};

inline Processor processor() {
  unsigned a, b, c, d, b7, c7, d7;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return {};
  constexpr unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;
  if ((c & fma) == 0 || (c & osxsave) == 0 || (c & avx) == 0) return {};
  // The registers that the system saves when it switches threads.
  uint32_t saved, high;
  __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  constexpr uint32_t ymm = 0x6;
  uint32_t zmm = 0xe6;
#if defined(__APPLE__)
  zmm = ymm;  // macOS saves the rest from the first use on, and says so only then
#endif
  constexpr unsigned avx2 = 1u << 5;
  constexpr unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // f, dq, bw, vl
  Processor has;
  has.avx2 = (saved & ymm) == ymm && (b7 & avx2) != 0;
  has.avx512 = has.avx2 && (saved & zmm) == zmm && (b7 & avx512) == avx512;
  return has;
}

}  // namespace zest::cpu
#endif
