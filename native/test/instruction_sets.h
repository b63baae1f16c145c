// The kernels of every instruction set that this processor can run, found without cpu/dispatch.h.
#pragma once

#include <vector>

#include "cpu/kernels.h"

namespace zest::test {

// Best first.
inline std::vector<const cpu::Kernels*> instruction_sets() {
  std::vector<const cpu::Kernels*> sets;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  if (avx2 && avx512) sets.push_back(&cpu::kernels_avx512);
  if (avx2) sets.push_back(&cpu::kernels_avx2);
#endif
  sets.push_back(&cpu::kernels_portable);
  return sets;
}

}  // namespace zest::test
