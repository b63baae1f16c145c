#include "cuda/session.h"

#include <utility>

#include "core/growth.h"
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
              std::span<const int32_t> capacities, int64_t scratch_bytes)
      : spec_(weights.spec()),
        type_(weights.type()),
        main_(main),
        noise_(noise),
        guard_(std::move(guard)),
        points_(weights, main),
        forward_(weights, products, main, noise, scratch_bytes),
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
    cache_.check_room(starts);
    given_ = 0;
    guard_([&] {
      // A part may end with logits of a sequence that the next goes on with.
      logits_.reserve(starts.size() * static_cast<size_t>(spec_.outputs));
      for_each_part(ids, starts, most_packed_tokens,
                    [&](const Batch& part, int32_t whole) { run(part, whole, abort); });
    });
    return {logits_.data(), given_};
  }

 private:
  // Adds the logits of the first `whole` sequences of the part.
  void run(const Batch& part, int32_t whole, const AbortFlag& abort) {
    check_abort(abort);
    const PackedBatch packed = pack(part, spec_, type_, &cache_);
    forward_.upload(packed, points_);
    const PassKey key{packed.shape, 1, points_.plan().group_count, points_.terms()};
    graphs_.run(key, points_.moves() + forward_.moves(),
                [&] { forward_.run(packed, points_, &cache_); });
    const auto count = static_cast<size_t>(packed.logits);
    float* on_device = values_.reserve(count);
    forward_.copy_logits(packed, on_device);
    check(cudaMemcpyAsync(logits_.data() + given_, on_device, count * sizeof(float),
                          cudaMemcpyDeviceToHost, main_),
          "reading logits");
    check(cudaStreamSynchronize(main_), "reading logits");
    for (int32_t s = 0; s < part.sequences(); ++s) cache_.grow(s, part.length(s));
    given_ += static_cast<size_t>(whole) * static_cast<size_t>(spec_.outputs);
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
  PinnedMemory<float> logits_;
  size_t given_ = 0;  // of the logits
};

}  // namespace

std::unique_ptr<Session> make_session(const Weights& weights, Products& products, cudaStream_t main,
                                      cudaStream_t noise, Guard guard, const Directions& directions,
                                      const Point& point, std::span<const int32_t> capacities,
                                      int64_t scratch_bytes) {
  return std::make_unique<CudaSession>(weights, products, main, noise, std::move(guard), directions,
                                       point, capacities, scratch_bytes);
}

}  // namespace zest::cuda
