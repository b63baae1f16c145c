// Compiled with the flags of avx2, so nothing inline of the standard library here.
#include <immintrin.h>

#define ZEST_ISA avx2
#define ZEST_NAME "avx2"
#define ZEST_LANES "cpu/kernels/lanes_avx2.h"
#define ZEST_KERNELS kernels_avx2
#include "cpu/kernels/kernels.inl.h"
