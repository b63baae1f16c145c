// The choice of the next token from its logits, the same on every machine.
#pragma once

#include <cstdint>
#include <span>

namespace zest {

struct Sampling {
  double temperature = 0;  // of the softmax; 0: the largest logit, the first of equal ones
  int32_t top_k = 0;       // only the k largest; 0: all
  double top_p = 1;  // of these only the fewest whose probabilities sum to p (Holtzman et al. 2020)
  uint64_t seed = 0;
};

// The uniform number of a place is Philox's, with the sequence as stream and the place as counter.
// Throws ERR_ZEST_LOSS_NOT_FINITE if a logit is not finite.
int32_t sample(std::span<const float> logits, const Sampling& sampling, uint64_t sequence,
               uint64_t place);

}  // namespace zest
