// Every ARM processor of 64 bits has these instructions: no flags, and nothing shared to avoid.
#if !defined(__clang__)
// GCC would load all broadcasts of a tile at once, and spill accumulators for them.
#pragma GCC optimize("no-schedule-insns")
#endif
#include <arm_neon.h>

#define ZEST_ISA neon
#define ZEST_NAME "neon"
#define ZEST_LANES "cpu/lanes_neon.h"
#define ZEST_KERNELS kernels_neon
#include "cpu/kernels.inl.h"
