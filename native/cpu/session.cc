#include "cpu/session.h"

#include <cstring>
#include <new>
#include <string>

#include "core/error.h"
#include "core/floating_point.h"
#include "core/growth.h"
#include "cpu/backend.h"

namespace zest::cpu {

KeyValueCache::KeyValueCache(const ModelSpec& spec, std::span<const int32_t> capacities)
    : Growth(capacities), stride_(row_stride(spec.key_width())) {
  const auto floats = static_cast<size_t>(rows() * stride_);
  const size_t layers = spec.roles.layers.size();
  try {
    for (size_t layer = 0; layer < layers; ++layer) {
      keys_.emplace_back(floats);
      values_.emplace_back(floats);
    }
  } catch (const std::bad_alloc&) {
    const size_t bytes = 2 * layers * floats * sizeof(float);
    throw Error("ERR_ZEST_MEMORY", "the keys and values of " + std::to_string(rows()) +
                                       " tokens take " + std::to_string(bytes >> 20) +
                                       " MiB, which cannot be had; generate for fewer prompts at "
                                       "once, or fewer tokens");
  }
}

KeySpan KeyValueCache::span(size_t layer, int32_t s) const {
  const int64_t at = start(s) * stride_;
  return {keys_[layer].data() + at, values_[layer].data() + at, stride_, length(s)};
}

void KeyValueCache::put(size_t layer, int32_t s, const float* keys, const float* values,
                        int32_t tokens) {
  const int64_t at = (start(s) + length(s)) * stride_;
  const size_t bytes = static_cast<size_t>(tokens * stride_) * sizeof(float);
  std::memcpy(keys_[layer].data() + at, keys, bytes);
  std::memcpy(values_[layer].data() + at, values, bytes);
}

namespace {

class CpuSession : public Session {
 public:
  CpuSession(const Weights& weights, ThreadPool& pool, const Directions& directions,
             const Point& point, std::span<const int32_t> capacities, const AbortFlag& abort)
      : spec_(weights.spec()),
        perturbation_(weights, pool),
        forward_(weights, Shortcuts{}, pool),
        cache_(spec_, capacities) {
    const DefaultFloatingPoint environment;
    const CoreShare share;
    perturbation_.set(directions, {&point, 1});
    forward_.keep_packed();
    forward_.begin(perturbation_, 1, abort);
  }

  std::span<const float> extend(std::span<const int32_t> ids, std::span<const int32_t> starts,
                                const AbortFlag& abort) override {
    const DefaultFloatingPoint environment;
    const CoreShare share;
    logits_.clear();
    cache_.check_room(starts);
    // As many tokens at a time as activations are kept of.
    for_each_part(ids, starts, most_packed_tokens, [&](const Batch& part, int32_t whole) {
      forward_.resume(abort);
      forward_.run(part, &cache_);
      for (int32_t i = 0; i < whole; ++i) {
        for (int64_t output = 0; output < spec_.outputs; ++output)
          logits_.push_back(forward_.logit(0, static_cast<size_t>(i), output));
      }
    });
    return logits_;
  }

 private:
  const ModelSpec& spec_;
  Perturbation perturbation_;
  Forward forward_;
  KeyValueCache cache_;
  std::vector<float> logits_;
};

}  // namespace

std::unique_ptr<Session> make_session(const Weights& weights, ThreadPool& pool,
                                      const Directions& directions, const Point& point,
                                      std::span<const int32_t> capacities, const AbortFlag& abort) {
  return std::make_unique<CpuSession>(weights, pool, directions, point, capacities, abort);
}

}  // namespace zest::cpu
