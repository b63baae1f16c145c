// Products of tensor cores in bfloat16, from compute capability 8.0 on, by the fragments of PTX's
// mma.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type"). With g =
// lane / 4 and t = lane % 4, register r of a holds row g + 8 (r % 2), columns 2t + 8 (r / 2) and
// the next; register r of b rows 2t + 8 r and the next of column g; element e of d row g + 8 (e /
// 2), column 2t + e % 2.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstdint>

#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/launch.h"

namespace zest::cuda {

// The four registers of fragments whose 8 x 8 matrices lie in shared memory (PTX ISA, ldmatrix):
// the lane l gives where row l % 8 of matrix l / 8 begins, a multiple of 16 bytes, and gets in
// register m of matrix m the elements 2t and 2t + 1 of row g; transposed, of column g the rows 2t
// and 2t + 1. All lanes of a warp call it.
template <bool transposed = false>
__device__ __forceinline__ void load_matrices(const bfloat16* row, uint32_t (&r)[4]) {
#if defined(__CUDA_ARCH__)
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  }
#elif !defined(__CUDACC__)
  const int lane = static_cast<int>(threadIdx.x % warp_lanes), g = lane / 4, t = lane % 4;
  const auto rows = zest::shim::gather(all_lanes, reinterpret_cast<uint64_t>(row));
  const auto bits = [&](int matrix, int from_row, int column) -> uint32_t {
    const uint64_t from = rows[static_cast<size_t>(8 * matrix + from_row)];
    return reinterpret_cast<const bfloat16*>(from)[column].bits;
  };
  for (int m = 0; m < 4; ++m) {
    const uint32_t first = transposed ? bits(m, 2 * t, g) : bits(m, g, 2 * t);
    const uint32_t second = transposed ? bits(m, 2 * t + 1, g) : bits(m, g, 2 * t + 1);
    r[m] = first | second << 16;
  }
#endif
}

// d += a b: 16 x 16 by 16 x 8 in bfloat16, sums in float32. All lanes of a warp call it.
__device__ __forceinline__ void multiply_add(float (&d)[4], const uint32_t (&a)[4],
                                             const uint32_t (&b)[2]) {
#if defined(__CUDA_ARCH__)
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#elif !defined(__CUDACC__)
  // The tests' stand-in: the same from the other lanes' registers.
  const int lane = static_cast<int>(threadIdx.x % warp_lanes), g = lane / 4, t = lane % 4;
  const auto half = [](uint32_t pair, int i) { return i == 0 ? first_of(pair) : second_of(pair); };
  const auto gather = [](uint32_t low, uint32_t high) {
    return zest::shim::gather(all_lanes, low | static_cast<uint64_t>(high) << 32);
  };
  const std::array<uint64_t, warp_lanes> of_a[2] = {gather(a[0], a[1]), gather(a[2], a[3])};
  const std::array<uint64_t, warp_lanes> of_b = gather(b[0], b[1]);
  for (int upper = 0; upper < 2; ++upper) {  // of the 16 columns of a
    for (int source = 0; source < 4; ++source) {
      const auto at = [&](int row) { return static_cast<size_t>(4 * row + source); };
      const uint64_t pair = of_a[upper][at(g)];
      const uint32_t rows[2] = {static_cast<uint32_t>(pair), static_cast<uint32_t>(pair >> 32)};
      const uint32_t columns[2] = {static_cast<uint32_t>(of_b[at(2 * t)] >> 32 * upper),
                                   static_cast<uint32_t>(of_b[at(2 * t + 1)] >> 32 * upper)};
      for (int i = 0; i < 2; ++i) {
        for (int e = 0; e < 4; ++e) d[e] += half(rows[e / 2], i) * half(columns[e % 2], i);
      }
    }
  }
#endif
}

}  // namespace zest::cuda
