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

// The keys of the rounds: of a seed, the same for all its streams and counters.
struct Keys {
  uint32_t word[rounds][2];

  Keys() = default;
  ZEST_HOST_DEVICE explicit Keys(uint64_t seed) {
    for (uint32_t round = 0; round < rounds; ++round) {
      word[round][0] = static_cast<uint32_t>(seed) + round * weyl_0;
      word[round][1] = static_cast<uint32_t>(seed >> 32) + round * weyl_1;
    }
  }

  ZEST_HOST_DEVICE uint64_t seed() const {
    return static_cast<uint64_t>(word[0][1]) << 32 | word[0][0];
  }
};

// The four words of one block of a stream.
ZEST_HOST_DEVICE Block block(const Keys& keys, uint64_t stream, uint64_t counter) {
  uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32);
  uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
  for (int round = 0; round < rounds; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(multiplier_0) * c0;
    const uint64_t p1 = static_cast<uint64_t>(multiplier_1) * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ keys.word[round][0];
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ keys.word[round][1];
    c3 = static_cast<uint32_t>(p0);
  }
  return {{c0, c1, c2, c3}};
}

ZEST_HOST_DEVICE Block block(uint64_t seed, uint64_t stream, uint64_t counter) {
  return block(Keys(seed), stream, counter);
}

// Rounds 0 and 1 as far as they do not depend on the low word of the counter. Of the words after
// round 0, word 2 is hi(multiplier_0 low) ^ first2 and word 3 its low half; after round 1, words 0
// and 2 are hi(multiplier_1 word 2) ^ second0 and word 3 ^ second2, and word 3 is second3.
struct Start {
  uint32_t first2, second0, second2, second3;
  uint32_t key0, key1;  // of round 2

  ZEST_HOST_DEVICE Start(uint64_t seed, uint64_t stream, uint64_t counter) {
    const uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    const uint64_t p1 = static_cast<uint64_t>(multiplier_1) * static_cast<uint32_t>(stream);
    const uint32_t first0 =
        static_cast<uint32_t>(p1 >> 32) ^ static_cast<uint32_t>(counter >> 32) ^ k0;
    const uint64_t p0 = static_cast<uint64_t>(multiplier_0) * first0;
    first2 = static_cast<uint32_t>(stream >> 32) ^ k1;
    second0 = static_cast<uint32_t>(p1) ^ (k0 + weyl_0);
    second2 = static_cast<uint32_t>(p0 >> 32) ^ (k1 + weyl_1);
    second3 = static_cast<uint32_t>(p0);
    key0 = k0 + 2 * weyl_0;
    key1 = k1 + 2 * weyl_1;
  }
};

}  // namespace zest::philox
