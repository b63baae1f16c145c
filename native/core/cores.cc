#include "core/cores.h"

#include <thread>

#if defined(__linux__)
#include <sched.h>
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <bit>
#endif

namespace zest {

int available_cores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
#elif defined(_WIN32)
  // Both are 0 in a process of several processor groups, which has no one mask.
  DWORD_PTR mask = 0, system_mask = 0;
  if (GetProcessAffinityMask(GetCurrentProcess(), &mask, &system_mask) && mask != system_mask)
    return std::popcount(mask);
#endif
  const unsigned cores = std::thread::hardware_concurrency();
  return cores > 0 ? static_cast<int>(cores) : 1;
}

}  // namespace zest
