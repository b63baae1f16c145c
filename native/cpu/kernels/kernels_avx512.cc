// Compiled with the flags of avx512, so nothing inline of the standard library here.
#include <immintrin.h>

#define ZEST_ISA avx512
#define ZEST_NAME "avx512"
#define ZEST_LANES "cpu/kernels/lanes_avx512.h"
#define ZEST_KERNELS kernels_avx512
#include "cpu/kernels/kernels.inl.h"
