#include "core/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "core/noise/philox.h"
#include "core/scalar_math.h"

namespace zest {
namespace {

// Of [0, 1), from 53 bits.
double uniform(uint64_t seed, uint64_t stream, uint64_t counter) {
  const philox::Block block = philox::block(seed, stream, counter);
  const uint64_t bits = uint64_t{block.word[0]} << 32 | block.word[1];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace

int32_t sample(std::span<const float> logits, const Sampling& sampling, uint64_t sequence,
               uint64_t place) {
  for (const float logit : logits) {
    if (!std::isfinite(logit))
      throw Error("ERR_ZEST_LOSS_NOT_FINITE", "the logits of the next token are not finite");
  }
  const auto larger = [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] != logits[static_cast<size_t>(b)]
               ? logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)]
               : a < b;
  };
  if (sampling.temperature == 0) {
    return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  if (sampling.top_k > 0 && static_cast<size_t>(sampling.top_k) < ids.size()) {
    std::partial_sort(ids.begin(), ids.begin() + sampling.top_k, ids.end(), larger);
    ids.resize(static_cast<size_t>(sampling.top_k));
  } else {
    std::sort(ids.begin(), ids.end(), larger);
  }
  const double top = logits[static_cast<size_t>(ids.front())];
  std::vector<double> sums;  // of unnormalised probabilities, up to and with each
  double sum = 0;
  for (const int32_t id : ids) {
    sum += scalar::exp((logits[static_cast<size_t>(id)] - top) / sampling.temperature);
    sums.push_back(sum);
  }
  const auto kept = std::lower_bound(sums.begin(), sums.end() - 1, sampling.top_p * sum);
  const double drawn = uniform(sampling.seed, sequence, place) * *kept;
  const auto chosen = std::upper_bound(sums.begin(), kept, drawn);
  return ids[static_cast<size_t>(chosen - sums.begin())];
}

}  // namespace zest
