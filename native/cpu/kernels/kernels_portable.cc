// Compiled with the flags of portable, so nothing inline of the standard library here.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // smaller, for code that few machines run
#endif
#include "cpu/kernels/fused_multiply_add_portable.h"

#define ZEST_ISA portable
#define ZEST_NAME "portable"
#define ZEST_LANES "cpu/kernels/lanes_portable.h"
#define ZEST_KERNELS kernels_portable
#include "cpu/kernels/kernels.inl.h"
