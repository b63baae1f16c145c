#include "cuda/session.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "cuda/device/check.h"
#include "cuda/ops/forward.h"
#include "cuda/ops/graphs.h"
#include "cuda/ops/key_value_cache.h"
#include "cuda/ops/passes.h"
#include "cuda/ops/point_set.h"

namespace zest::cuda {
namespace {

class CudaSession : public Session {
 public:
  CudaSession(const Weights& weights, Products& products, cudaStream_t main, cudaStream_t noise,
              Guard guard, const Directions& directions, const Point& point,
              std::span<const int32_t> capacities)
      : spec_(weights.spec()),
        type_(weights.type()),
        main_(main),
        noise_(noise),
        guard_(std::move(guard)),
        points_(weights, main),
        forward_(weights, products, main, noise),
        graphs_(main),
        cache_(spec_, type_, capacities) {
    points_.set(directions, {&point, 1});
    points_.prepare();
  }
  ~CudaSession() override {
    cudaStreamSynchronize(noise_);
    cudaStreamSynchronize(main_);
  }

  std::span<const float> extend(std::span<const int32_t> ids, std::span<const int32_t> starts,
                                const AbortFlag& abort) override {
    logits_.clear();
    const auto sequences = static_cast<int32_t>(starts.size()) - 1;
    for (int32_t s = 0; s < sequences; ++s) {
      if (s >= cache_.sequences() ||
          cache_.length(s) + starts[s + 1] - starts[s] > cache_.capacity(s))
        throw Error("ERR_ZEST_INTERNAL", "a sequence grows beyond its capacity");
    }
    guard_([&] {
      // As many tokens at a time as a pass takes; a longer sequence in pieces.
      std::vector<int32_t> done(starts.begin(), starts.end() - 1);
      for (int32_t first = 0; first < sequences;) {
        Batch part;
        part.starts.assign(static_cast<size_t>(first) + 1, 0);
        int32_t s = first, whole = 0;
        for (; s < sequences; ++s) {
          const auto room =
              static_cast<int32_t>(most_packed_tokens) - static_cast<int32_t>(part.ids.size());
          const int32_t end = std::min(starts[s + 1], done[s] + room), count = end - done[s];
          part.ids.insert(part.ids.end(), ids.begin() + done[s], ids.begin() + end);
          part.starts.push_back(static_cast<int32_t>(part.ids.size()));
          // The last token of a piece is scored and read by nothing, so that something is.
          if (count > 0) part.scored.push_back({s, count - 1, 0, 0, 0});
          done[s] = end;
          if (end < starts[s + 1]) break;
          if (count > 0) ++whole;
        }
        first = s;
        if (!part.ids.empty()) run(part, whole, abort);
      }
    });
    return logits_;
  }

 private:
  // Adds the logits of the first `whole` sequences of the part.
  void run(const Batch& part, int32_t whole, const AbortFlag& abort) {
    if (abort.load()) throw Error("ERR_ZEST_ABORTED", "the call was aborted");
    const PackedBatch packed = pack(part, spec_, type_, &cache_);
    forward_.upload(packed, points_);
    const PassKey key{packed.shape, 1, points_.plan().group_count, points_.terms()};
    graphs_.run(key, points_.moves() + forward_.moves(),
                [&] { forward_.run(packed, points_, &cache_); });
    const auto count = static_cast<size_t>(packed.logits);
    float* on_device = values_.reserve(count);
    forward_.copy_logits(packed, on_device);
    float* here = copied_.reserve(count);
    check(cudaMemcpyAsync(here, on_device, count * sizeof(float), cudaMemcpyDeviceToHost, main_),
          "reading logits");
    check(cudaStreamSynchronize(main_), "reading logits");
    for (int32_t s = 0; s < part.sequences(); ++s) cache_.grow(s, part.length(s));
    logits_.insert(logits_.end(), here, here + int64_t{whole} * spec_.outputs);
  }

  const ModelSpec& spec_;
  StorageType type_;
  cudaStream_t main_, noise_;
  Guard guard_;
  PointSet points_;
  Forward forward_;
  Graphs graphs_;
  KeyValueCache cache_;
  DeviceMemory<float> values_;
  PinnedMemory<float> copied_;
  std::vector<float> logits_;
};

}  // namespace

std::unique_ptr<Session> make_session(const Weights& weights, Products& products, cudaStream_t main,
                                      cudaStream_t noise, Guard guard, const Directions& directions,
                                      const Point& point, std::span<const int32_t> capacities) {
  return std::make_unique<CudaSession>(weights, products, main, noise, std::move(guard), directions,
                                       point, capacities);
}

}  // namespace zest::cuda
