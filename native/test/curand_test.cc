// NVIDIA's own generator, compiled for the host, against ours. Built only where its header is
// found.
#include <cuda_runtime.h>
#include <curand_kernel.h>

#include <random>

#include "check.h"
#include "core/noise/address.h"
#include "core/noise/philox.h"

namespace zest {
namespace {

constexpr int samples = 100'000;

// All magnitudes alike.
uint64_t any_number(std::mt19937_64& random) {
  const uint64_t value = random();
  return value >> random() % 64;
}

TEST("our blocks are cuRAND's words at any seed, stream and offset") {
  std::mt19937_64 random(1);
  int wrong = 0;
  for (int i = 0; i < samples; ++i) {
    const uint64_t seed = any_number(random), stream = any_number(random),
                   offset = any_number(random);
    curandStatePhilox4_32_10_t state;
    curand_init(seed, stream, offset, &state);
    // Four words from the middle of a block on, so that the counter's step is seen as well.
    const uint4 words = curand4(&state);
    const uint32_t theirs[4] = {words.x, words.y, words.z, words.w};
    for (uint64_t j = 0; j < 4; ++j) {
      const uint64_t word = offset + j;
      if (word < offset) break;  // past the last word that 64 bits address
      wrong += philox::block(seed, stream, word / 4).word[word % 4] != theirs[j];
    }
  }
  CHECK(wrong == 0);
}

TEST("an element's words are where docs/noise.md says that cuRAND has them") {
  std::mt19937_64 random(2);
  int wrong = 0;
  for (int i = 0; i < samples; ++i) {
    const uint64_t seed = any_number(random), stream = any_number(random),
                   offset = any_number(random);
    for (const noise::WordAddress& at :
         {noise::gaussian_address(offset), noise::rademacher_address(offset),
          noise::rounding_address(offset)}) {
      curandStatePhilox4_32_10_t state;
      curand_init(seed, stream, 4 * at.counter + static_cast<uint64_t>(at.word), &state);
      wrong += philox::block(seed, stream, at.counter).word[at.word] != curand(&state);
    }
  }
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace zest
