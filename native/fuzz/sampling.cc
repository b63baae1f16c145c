// Logits that a model of any weights may have: a token of the vocabulary, or an error.
#include "core/sampling.h"

#include "core/error.h"
#include "fuzz/input.h"

using namespace zest;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  // As the API takes them.
  Sampling sampling;
  sampling.temperature = input.value<double>();
  sampling.top_p = input.value<double>();
  if (!(sampling.temperature >= 0 && sampling.temperature < 1e300)) sampling.temperature = 0;
  if (!(sampling.top_p > 0 && sampling.top_p <= 1)) sampling.top_p = 1;
  sampling.top_k = input.number(0, 20);
  sampling.seed = input.value<uint64_t>();
  const auto sequence = input.value<uint64_t>(), place = input.value<uint64_t>();
  std::vector<float> logits(1 + std::min<size_t>(input.rest().size() / sizeof(float), 64));
  for (float& logit : logits) logit = input.value<float>();
  try {
    const int32_t id = sample(logits, sampling, sequence, place);
    fuzz::expect(id >= 0 && static_cast<size_t>(id) < logits.size());
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
