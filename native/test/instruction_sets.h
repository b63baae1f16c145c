// The kernels of every instruction set that this processor can run, found without
// cpu/kernels/dispatch.h.
#pragma once

#include <vector>

#include "cpu/kernels/kernels.h"
#include "cpu/kernels/processor.h"

namespace zest::test {

// Best first.
inline std::vector<const cpu::Kernels*> instruction_sets() {
  std::vector<const cpu::Kernels*> sets;
#if defined(__x86_64__)
#if defined(__clang__)
  const auto [avx2, avx512] = cpu::processor();
#else
  // Asked of the compiler, so that cpu/processor.h is checked too; Clang may come without the
  // runtime library that this needs.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw");
#endif
  if (avx512) sets.push_back(&cpu::kernels_avx512);
  if (avx2) sets.push_back(&cpu::kernels_avx2);
#elif defined(__aarch64__)
  sets.push_back(&cpu::kernels_neon);
#endif
  sets.push_back(&cpu::kernels_portable);
  return sets;
}

}  // namespace zest::test
