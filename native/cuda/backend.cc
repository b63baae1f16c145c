#include "cuda/backend.h"

#include <algorithm>
#include <string>
#include <type_traits>

#include "core/blocks.h"
#include "core/error.h"
#include "core/mean_pooling.h"
#include "core/parameters.h"
#include "core/rule.h"
#include "cuda/device/check.h"
#include "cuda/device/cublaslt.h"
#include "cuda/device/device.h"
#include "cuda/kernels/attention.h"
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/directions.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/update.h"
#include "cuda/ops/forward.h"
#include "cuda/ops/graphs.h"
#include "cuda/ops/passes.h"
#include "cuda/ops/point_set.h"
#include "cuda/session.h"
#include "cuda/weights.h"

namespace zest {
namespace cuda {
namespace {

void check_supported(const ModelSpec& spec) {
  if (spec.head_width > most_head_width) {
    throw Error("ERR_ZEST_UNSUPPORTED", "heads of " + std::to_string(spec.head_width) +
                                            " are wider than the CUDA backend takes, " +
                                            std::to_string(most_head_width) + "; use device 'cpu'");
  }
  bool known = !spec.roles.head_output.transposed;
  for (const LayerRoles& layer : spec.roles.layers) {
    for (const LinearRoles* linear : {&layer.query, &layer.key, &layer.value}) {
      const OutputSlice& slice = linear->outputs;
      known = known && (slice.block == slice.count || slice.block == spec.head_width);
    }
  }
  if (!known) {
    throw Error("ERR_ZEST_UNSUPPORTED",
                "weights of this model lie as the CUDA backend does not take them; use device "
                "'cpu'");
  }
}

// Makes the device the thread's current one before anything of the model is made.
struct CurrentDevice {
  explicit CurrentDevice(int index) : index(index) {
    use_device(index);
    choose_overlap(index);
  }
  int index;
};

class CudaBackend : public Backend {
 public:
  CudaBackend(const ModelSpec& spec, StorageType storage, int device, int64_t scratch_bytes)
      : device_(device),
        scratch_bytes_(scratch_bytes),
        weights_(spec, storage, main_),
        points_(weights_, main_),
        forward_(weights_, products_, main_, noise_, scratch_bytes),
        graphs_(main_) {
    weights_.make_shares(
        update_shares_, update_threads,
        [&](int64_t rows, int64_t columns) { return update_units(storage, rows, columns); },
        [&](int i) { return weights_.parameter(i).trainable != 0; });
  }
  ~CudaBackend() override {
    cudaSetDevice(device_.index);
    cudaStreamSynchronize(noise_);
    cudaStreamSynchronize(main_);
  }

  const ModelSpec& spec() const override { return weights_.spec(); }
  StorageType storage() const override { return weights_.type(); }

  std::span<const std::byte> bytes(int parameter) const override {
    return guarded([&]() -> std::span<const std::byte> {
      downloaded_.resize(weights_.byte_count(parameter));
      weights_.download(parameter, downloaded_.data());
      return downloaded_;
    });
  }

  void write(int parameter, std::span<const std::byte> stored) override {
    guarded([&] { weights_.write(parameter, stored); });
  }

  void load(std::span<const ParameterSource> sources,
            const std::function<void(int64_t, int64_t)>& progress,
            const AbortFlag& abort) override {
    guarded([&] { weights_.load(sources, progress, abort); });
  }

  void sequence_losses(const Directions& directions, const Batch& batch,
                       std::span<const Point> points, double* losses,
                       const AbortFlag& abort) override {
    const size_t sequences = static_cast<size_t>(batch.sequences());
    guarded([&] {
      for_each_pass(
          batch, points, abort,
          [&](const Batch& part, int32_t first, size_t point, std::span<const Point> some) {
            const PackedBatch packed = run(directions, part, some, true);
            const size_t stride = static_cast<size_t>(packed.shape.sequences);
            double* means = means_.reserve(some.size() * stride);
            copy_back(means, forward_.means(), some.size() * stride);
            for (size_t p = 0; p < some.size(); ++p) {
              std::copy_n(means + p * stride, packed.sequences,
                          losses + (point + p) * sequences + static_cast<size_t>(first));
            }
          });
    });
  }

  std::vector<std::vector<float>> logits(const Directions& directions, const Batch& batch,
                                         const Point& point, const AbortFlag& abort) override {
    std::vector<std::vector<float>> rows;
    guarded([&] {
      for_each_pass(batch, {&point, 1}, abort,
                    [&](const Batch& part, int32_t, size_t, std::span<const Point> some) {
                      const PackedBatch packed = run(directions, part, some, false);
                      const size_t count = static_cast<size_t>(packed.logits);
                      float* on_device = values_.reserve(count);
                      forward_.copy_logits(packed, on_device);
                      std::vector<float> all(count);
                      copy_back(all.data(), on_device, count);
                      auto next = all.begin();
                      for (size_t i = 0; i < part.scored.size(); ++i) {
                        const int32_t n = packed.block[packed.at.count + i];
                        rows.emplace_back(next, next + n);
                        next += n;
                      }
                    });
    });
    return rows;
  }

  std::vector<std::vector<float>> embeddings(const Directions& directions, const Batch& given,
                                             const Point& point, const AbortFlag& abort) override {
    std::vector<std::vector<float>> means;
    guarded([&] {
      for_each_pass(given, {&point, 1}, abort,
                    [&](const Batch& part, int32_t, size_t, std::span<const Point> some) {
                      const PackedBatch packed = run(directions, part, some, false, Ending::hidden);
                      const Operand hidden = forward_.hidden();
                      const auto stride = static_cast<size_t>(hidden.stride);
                      const auto columns = static_cast<size_t>(forward_.hidden_columns());
                      const size_t count = static_cast<size_t>(packed.shape.rows) * stride;
                      std::vector<float> rows(count);
                      if (hidden.type == StorageType::float32) {
                        copy_back(rows.data(), static_cast<const float*>(hidden.data), count);
                      } else {
                        std::vector<bfloat16> rounded(count);
                        copy_back(rounded.data(), static_cast<const bfloat16*>(hidden.data), count);
                        std::transform(rounded.begin(), rounded.end(), rows.begin(),
                                       [](bfloat16 value) { return to_float(value); });
                      }
                      const auto row = [&](size_t i) {
                        const auto at = static_cast<size_t>(packed.block[packed.at.row + i]);
                        return std::span<const float>(rows.data() + at * stride, columns);
                      };
                      append_means(part, row, means);
                    });
    });
    return means;
  }

  std::unique_ptr<Session> session(const Directions& directions, const Point& point,
                                   std::span<const int32_t> capacities,
                                   const AbortFlag& abort) override {
    return guarded([&] {
      check_abort(abort);
      const Guard guard = [this](const std::function<void()>& body) { guarded(body); };
      return make_session(weights_, products_, main_, noise_, guard, directions, point, capacities,
                          scratch_bytes_);
    });
  }

  void apply(const Directions& directions, const Update& update, const AbortFlag& abort) override {
    guarded([&] {
      check_abort(abort);
      check_rule(update);
      points_.set(directions, std::initializer_list<Point>{update.terms});
      points_.prepare();
      check_abort(abort);
      make_states(update);
      cuda::update(points_.plan(), weights_.type(), points_.all_parameters(),
                   update_shares_.shares.data(), update_shares_.count, step_of(update),
                   states_of(update), rounding_stream_of(update), main_);
    });
  }

  bool has_state(RuleState state) const override { return tensor(state).size() > 0; }

  void read_state(RuleState state, int parameter, float* out) override {
    guarded([&] {
      const Parameter& p = weights_.parameter(parameter);
      copy_back(out, tensor(state).data() + p.state, static_cast<size_t>(p.rows * p.columns));
    });
  }

  void write_state(RuleState state, int parameter, std::span<const float> values) override {
    guarded([&] {
      if (!has_state(state)) tensor(state) = new_state(state);
      check(cudaMemcpyAsync(tensor(state).data() + weights_.parameter(parameter).state,
                            values.data(), values.size_bytes(), cudaMemcpyHostToDevice, main_),
            "writing state");
      check(cudaStreamSynchronize(main_), "writing state");
    });
  }

  void read(int parameter, float* out) override {
    const std::span<const std::byte> stored = bytes(parameter);
    if (const Parameter& p = weights_.parameter(parameter); is_quantized(p.blocks)) {
      return dequantize(p.blocks, stored.data(), 0, p.rows * p.columns, out);
    }
    const auto read_as = [&]<class T>(const T* from) {
      for (size_t i = 0; i < stored.size() / sizeof(T); ++i) out[i] = to_float(from[i]);
    };
    if (storage() == StorageType::float32) {
      read_as(reinterpret_cast<const float*>(stored.data()));
    } else {
      read_as(reinterpret_cast<const bfloat16*>(stored.data()));
    }
  }

  void direction(const Directions& directions, uint64_t stream, int parameter,
                 float* out) override {
    const ParameterSpec& p = spec().parameters[static_cast<size_t>(parameter)];
    const size_t count = static_cast<size_t>(p.rows * p.columns);
    if (!p.trainable) {
      std::fill(out, out + count, 0.0f);
      return;
    }
    guarded([&] {
      points_.set(directions, std::initializer_list<Point>{{{stream, 1.0f}}});
      points_.prepare();
      float* on_device = values_.reserve(count);
      cuda::direction(points_.plan(), points_.parameter(parameter), on_device, main_);
      copy_back(out, on_device, count);
    });
  }

 private:
  DeviceMemory<float>& tensor(RuleState state) { return states_[static_cast<size_t>(state)]; }
  const DeviceMemory<float>& tensor(RuleState state) const {
    return states_[static_cast<size_t>(state)];
  }

  // 0, the anchor theta.
  DeviceMemory<float> new_state(RuleState state) {
    DeviceMemory<float> made;
    const size_t count = static_cast<size_t>(std::max<int64_t>(dimension(spec()), 1));
    made.reserve(count);
    check(cudaMemsetAsync(made.data(), 0, count * sizeof(float), main_), "clearing state");
    for (size_t i = 0; state == RuleState::anchor && i < spec().parameters.size(); ++i) {
      if (!spec().parameters[i].trainable) continue;
      const Parameter& p = weights_.parameter(static_cast<int>(i));
      std::vector<float> values(static_cast<size_t>(p.rows * p.columns));
      read(static_cast<int>(i), values.data());
      check(cudaMemcpyAsync(made.data() + p.state, values.data(), values.size() * sizeof(float),
                            cudaMemcpyHostToDevice, main_),
            "copying weights");
      check(cudaStreamSynchronize(main_), "copying weights");
    }
    return made;
  }

  // All that the update lacks, or nothing.
  void make_states(const Update& update) {
    DeviceMemory<float> made[state_count];
    for (int s = 0; s < state_count; ++s) {
      const auto state = static_cast<RuleState>(s);
      if (update.uses(state) && !has_state(state)) made[s] = new_state(state);
    }
    for (int s = 0; s < state_count; ++s)
      if (made[s].size() > 0) states_[s] = std::move(made[s]);
  }

  StateTensors states_of(const Update& update) {
    const auto one = [&](RuleState state) {
      return update.uses(state) ? tensor(state).data() : nullptr;
    };
    return {one(first_state_of(update.rule)), one(RuleState::second_moment),
            one(RuleState::anchor)};
  }

  // Calls of a device that has failed say so; one that fails in any way leaves nothing running.
  template <class Body>
  std::invoke_result_t<Body> guarded(Body body) const {
    if (!lost_.empty()) throw Error("ERR_ZEST_DEVICE_LOST", lost_);
    try {
      check(cudaSetDevice(device_.index), "cudaSetDevice");
      return body();
    } catch (const Error& error) {
      const bool running = cudaStreamSynchronize(noise_) == cudaSuccess &&
                           cudaStreamSynchronize(main_) == cudaSuccess;
      if (!running || std::string(error.code()) == "ERR_ZEST_DEVICE_LOST") {
        lost_ = std::string("CUDA device ") + std::to_string(device_.index) +
                " failed, and this model with it: " + error.what() +
                ". Weights on disk are safe; load the model again, in a new process if that fails "
                "too";
        throw Error("ERR_ZEST_DEVICE_LOST", lost_);
      }
      throw;
    }
  }

  template <class T>
  void copy_back(T* to, const T* from, size_t count) {
    check(cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyDeviceToHost, main_),
          "reading results");
    check(cudaStreamSynchronize(main_), "reading results");
  }

  // use(part of the batch, its first sequence, first point, points) for each pass.
  template <class Use>
  void for_each_pass(const Batch& batch, std::span<const Point> points, const AbortFlag& abort,
                     Use use) {
    for (const Pass& pass : passes_of(spec(), batch, points)) {
      check_abort(abort);
      use(slice(batch, pass.first, pass.last), pass.first, pass.begin,
          points.subspan(pass.begin, pass.end - pass.begin));
    }
  }

  PackedBatch run(const Directions& directions, const Batch& part, std::span<const Point> points,
                  bool as_graph, Ending ending = Ending::scores) {
    PackedBatch packed = pack(part, spec(), storage());
    points_.set(directions, points);
    forward_.upload(packed, points_);
    const auto enqueue = [&] {
      points_.prepare();
      forward_.run(packed, points_, nullptr, ending);
    };
    if (as_graph) {
      const Plan& plan = points_.plan();
      const PassKey key{packed.shape,     points_.points(), plan.group_count,
                        points_.terms(),  plan.rank,        plan.law,
                        plan.keys.seed(), plan.keep,        plan.core};
      graphs_.run(key, points_.moves() + forward_.moves(), enqueue);
    } else {
      enqueue();
    }
    return packed;
  }

  CurrentDevice device_;
  int64_t scratch_bytes_;
  Stream main_, noise_;
  Products products_;
  Weights weights_;
  PointSet points_;
  Forward forward_;
  Graphs graphs_;
  BlockShares update_shares_;
  DeviceMemory<float> states_[state_count];  // of all trainable parameters; empty: not made
  DeviceMemory<float> values_;
  PinnedMemory<double> means_;
  mutable std::vector<std::byte> downloaded_;
  mutable std::string lost_;
};

}  // namespace
}  // namespace cuda

std::unique_ptr<Backend> make_cuda_backend(const ModelSpec& spec, StorageType storage, int device,
                                           int64_t scratch_bytes) {
  cuda::check_supported(spec);
  return std::make_unique<cuda::CudaBackend>(spec, storage, device, scratch_bytes);
}

}  // namespace zest
