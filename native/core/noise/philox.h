// Philox4x32-10 (Salmon et al., SC 2011), addressed as cuRAND addresses it: key = seed, counter =
// (block, stream).
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define ZEST_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define ZEST_HOST_DEVICE inline __attribute__((always_inline))
#endif

namespace zest::philox {

constexpr uint32_t multiplier_0 = 0xD2511F53u, multiplier_1 = 0xCD9E8D57u;
constexpr uint32_t weyl_0 = 0x9E3779B9u, weyl_1 = 0xBB67AE85u;
constexpr int rounds = 10;

struct Block {
  uint32_t word[4];
};

// The four words of one block of a stream.
ZEST_HOST_DEVICE Block block(uint64_t seed, uint64_t stream, uint64_t counter) {
  uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32);
  uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < rounds; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(multiplier_0) * c0;
    const uint64_t p1 = static_cast<uint64_t>(multiplier_1) * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += weyl_0;
    k1 += weyl_1;
  }
  return {{c0, c1, c2, c3}};
}

}  // namespace zest::philox
