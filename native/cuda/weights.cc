#include "cuda/weights.h"

#include <cstring>

#include "core/error.h"
#include "core/parameter_reader.h"
#include "core/transformer/visit.h"
#include "cuda/device/check.h"
#include "cuda/kernels/bfloat16.h"

namespace zest::cuda {
namespace {

constexpr size_t parameter_alignment = 256;  // bytes

size_t aligned(size_t bytes) {
  return (bytes + parameter_alignment - 1) / parameter_alignment * parameter_alignment;
}

}  // namespace

Weights::Weights(const ModelSpec& spec, StorageType type, cudaStream_t stream)
    : spec_(spec), type_(type), addresses_(zest::addresses(spec)), stream_(stream) {
  size_t bytes = 0;
  std::vector<size_t> offsets;
  int64_t state = 0;
  for (size_t i = 0; i < spec_.parameters.size(); ++i) {
    const ParameterSpec& p = spec_.parameters[i];
    Parameter parameter;
    parameter.rows = p.rows, parameter.columns = p.columns;
    parameter.base = addresses_.base[i];
    parameter.trainable = p.trainable;
    parameter.decays = p.decays;
    parameter.state = state;
    if (p.trainable) state += p.rows * p.columns;
    parameters_.push_back(parameter);
    offsets.push_back(bytes);
    bytes += aligned(byte_count(static_cast<int>(i)));
  }
  storage_.reserve(bytes);
  for (size_t i = 0; i < parameters_.size(); ++i)
    parameters_[i].data = storage_.data() + offsets[i];
  find_vectors();
}

void Weights::find_vectors() {
  vector_offsets_.assign(parameters_.size(), -1);
  for (const int parameter : vector_parameters(spec_.roles)) {
    vector_offsets_[static_cast<size_t>(parameter)] = vector_floats_;
    const Parameter& p = this->parameter(parameter);
    vector_floats_ += p.rows * padded8(p.columns);
  }
}

size_t Weights::byte_count(int index) const {
  const ParameterSpec& p = spec_.parameters[static_cast<size_t>(index)];
  return static_cast<size_t>(p.rows * p.columns) * element_bytes(type_);
}

void Weights::load(std::span<const ParameterSource> sources,
                   const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort) {
  PinnedMemory<std::byte> staging;
  const auto store = [&](int parameter, int64_t first, std::span<const float> values) {
    const size_t bytes = values.size() * element_bytes(type_);
    std::byte* staged = staging.reserve(bytes);
    if (type_ == StorageType::float32) {
      std::memcpy(staged, values.data(), bytes);
    } else {
      auto* out = reinterpret_cast<bfloat16*>(staged);
      for (size_t i = 0; i < values.size(); ++i) out[i] = to_bfloat16(values[i]);
    }
    std::byte* to = static_cast<std::byte*>(this->parameter(parameter).data) +
                    static_cast<size_t>(first) * element_bytes(type_);
    check(cudaMemcpyAsync(to, staged, bytes, cudaMemcpyHostToDevice, stream_), "loading weights");
    check(cudaStreamSynchronize(stream_), "loading weights");
  };
  read_parameters(spec_, sources, store, progress, abort);
}

void Weights::download(int index, std::byte* out) const {
  check(cudaMemcpyAsync(out, parameter(index).data, byte_count(index), cudaMemcpyDeviceToHost,
                        stream_),
        "reading weights");
  check(cudaStreamSynchronize(stream_), "reading weights");
}

void Weights::write(int index, std::span<const std::byte> stored) {
  if (stored.size() != byte_count(index)) {
    throw Error("ERR_ZEST_INTERNAL", "the bytes to write are not those of the parameter");
  }
  check(cudaMemcpyAsync(parameter(index).data, stored.data(), stored.size(), cudaMemcpyHostToDevice,
                        stream_),
        "writing weights");
  check(cudaStreamSynchronize(stream_), "writing weights");
}

void Weights::upload_shares(BlockShares& to, const std::vector<BlockShare>& shares) const {
  to.count = static_cast<int64_t>(shares.size());
  to.shares.reserve(shares.size());
  check(cudaMemcpyAsync(to.shares.data(), shares.data(), shares.size() * sizeof(BlockShare),
                        cudaMemcpyHostToDevice, stream_),
        "uploading a list of parameters");
  check(cudaStreamSynchronize(stream_), "uploading a list of parameters");
}

}  // namespace zest::cuda
