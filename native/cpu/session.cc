#include "cpu/session.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "core/cpu.h"
#include "core/error.h"
#include "core/floating_point.h"

namespace zest::cpu {

KeyValueCache::KeyValueCache(const ModelSpec& spec, std::span<const int32_t> capacities)
    : stride_(row_stride(spec.key_width())), lengths_(capacities.size()) {
  for (const int32_t capacity : capacities) starts_.push_back(starts_.back() + capacity);
  const auto floats = static_cast<size_t>(starts_.back() * stride_);
  const size_t layers = spec.roles.layers.size();
  try {
    for (size_t layer = 0; layer < layers; ++layer) {
      keys_.emplace_back(floats);
      values_.emplace_back(floats);
    }
  } catch (const std::bad_alloc&) {
    const size_t bytes = 2 * layers * floats * sizeof(float);
    throw Error("ERR_ZEST_MEMORY", "the keys and values of " + std::to_string(starts_.back()) +
                                       " tokens take " + std::to_string(bytes >> 20) +
                                       " MiB, which cannot be had; generate for fewer prompts at "
                                       "once, or fewer tokens");
  }
}

KeySpan KeyValueCache::span(size_t layer, int32_t s) const {
  const int64_t at = starts_[static_cast<size_t>(s)] * stride_;
  return {keys_[layer].data() + at, values_[layer].data() + at, stride_, length(s)};
}

void KeyValueCache::put(size_t layer, int32_t s, const float* keys, const float* values,
                        int32_t rows) {
  const int64_t at = (starts_[static_cast<size_t>(s)] + length(s)) * stride_;
  const size_t bytes = static_cast<size_t>(rows * stride_) * sizeof(float);
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
    const auto sequences = static_cast<int32_t>(starts.size()) - 1;
    for (int32_t s = 0; s < sequences; ++s) {
      if (s >= cache_.sequences() ||
          cache_.length(s) + starts[s + 1] - starts[s] > cache_.capacity(s))
        throw Error("ERR_ZEST_INTERNAL", "a sequence grows beyond its capacity");
    }
    // As many tokens at a time as activations are kept of; a longer sequence in pieces.
    std::vector<int32_t> done(starts.begin(), starts.end() - 1);
    for (int32_t first = 0; first < sequences;) {
      Batch part;
      part.starts.assign(static_cast<size_t>(first) + 1, 0);
      int32_t s = first;
      for (; s < sequences; ++s) {
        const int32_t room = most_packed_tokens - static_cast<int32_t>(part.ids.size());
        const int32_t end = std::min(starts[s + 1], done[s] + room);
        part.ids.insert(part.ids.end(), ids.begin() + done[s], ids.begin() + end);
        part.starts.push_back(static_cast<int32_t>(part.ids.size()));
        const int32_t count = end - done[s];
        done[s] = end;
        if (end < starts[s + 1]) break;
        if (count > 0) part.scored.push_back({s, count - 1, 0, 0, 0});
      }
      first = s;
      if (part.ids.empty()) continue;
      forward_.resume(abort);
      forward_.run(part, &cache_);
      for (size_t i = 0; i < part.scored.size(); ++i) {
        for (int64_t output = 0; output < spec_.outputs; ++output)
          logits_.push_back(forward_.logit(0, i, output));
      }
    }
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
