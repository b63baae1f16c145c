#include "cuda/weights.h"

#include <algorithm>
#include <cstring>

#include "core/blocks.h"
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
  // Kernels that go through many vectors read them all as one type.
  for (const int vector : vector_parameters(spec_.roles))
    spec_.parameters[static_cast<size_t>(vector)].as_stored = false;
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
  }
  find_vectors();
  place_weights();
}

// Weights that multiply the same rows lie one after the other, so that one product may have them
// all.
void Weights::place_weights() {
  std::vector<size_t> offsets(parameters_.size());
  std::vector<bool> placed(parameters_.size());
  size_t bytes = 0;
  const auto place = [&](int parameter) {
    const auto i = static_cast<size_t>(parameter);
    if (parameter < 0 || placed[i] || spec_.parameters[i].as_stored) return;
    if (bytes % 16 != 0) bytes = aligned(bytes);  // what products ask for
    placed[i] = true;
    offsets[i] = bytes;
    bytes += byte_count(parameter);
  };
  for (const LayerRoles& layer : spec_.roles.layers) {
    for (const LinearRoles* linear : {&layer.query, &layer.key, &layer.value})
      place(linear->weight);
    bytes = aligned(bytes);
    for (const LinearRoles* linear : {&layer.gate, &layer.intermediate}) place(linear->weight);
    bytes = aligned(bytes);
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    place(static_cast<int>(i));
    bytes = aligned(bytes);
  }
  storage_.reserve(bytes);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (placed[i]) parameters_[i].data = storage_.data() + offsets[i];
  }
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
  const int64_t count = p.rows * p.columns;
  if (!p.as_stored) return static_cast<size_t>(count) * element_bytes(type_);
  const FileType blocks = parameter(index).blocks;
  return is_quantized(blocks) ? static_cast<size_t>(file_bytes(blocks, count)) : 0;  // not loaded
}

// Their types are known here, and with them the memory that they take.
void Weights::place_blocks(std::span<const ParameterSource> sources) {
  size_t bytes = 0;
  std::vector<size_t> offsets;
  const size_t count = std::min(sources.size(), parameters_.size());
  for (size_t i = 0; i < count; ++i) {
    offsets.push_back(bytes);
    if (!spec_.parameters[i].as_stored) continue;
    parameters_[i].blocks = sources[i].type;
    bytes += aligned(byte_count(static_cast<int>(i)));
  }
  if (bytes == 0) return;
  blocks_.reserve(bytes);
  for (size_t i = 0; i < count; ++i) {
    if (spec_.parameters[i].as_stored) parameters_[i].data = blocks_.data() + offsets[i];
  }
}

void Weights::load(std::span<const ParameterSource> sources,
                   const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort) {
  PinnedMemory<std::byte> staging;
  const auto upload = [&](int parameter, size_t first, const std::byte* staged, size_t bytes) {
    std::byte* to = static_cast<std::byte*>(this->parameter(parameter).data) + first;
    check(cudaMemcpyAsync(to, staged, bytes, cudaMemcpyHostToDevice, stream_), "loading weights");
    check(cudaStreamSynchronize(stream_), "loading weights");
  };
  const auto store = [&](int parameter, int64_t first, std::span<const float> values) {
    const size_t bytes = values.size() * element_bytes(type_);
    std::byte* staged = staging.reserve(bytes);
    if (type_ == StorageType::float32) {
      std::memcpy(staged, values.data(), bytes);
    } else {
      auto* out = reinterpret_cast<bfloat16*>(staged);
      for (size_t i = 0; i < values.size(); ++i) out[i] = to_bfloat16(values[i]);
    }
    upload(parameter, static_cast<size_t>(first) * element_bytes(type_), staged, bytes);
  };
  const auto store_blocks = [&](int parameter, int64_t first, std::span<const std::byte> blocks) {
    std::byte* staged = staging.reserve(blocks.size());
    std::memcpy(staged, blocks.data(), blocks.size());
    upload(parameter, static_cast<size_t>(first), staged, blocks.size());
  };
  place_blocks(sources);
  read_parameters(spec_, sources, type_, store, progress, abort, store_blocks);
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
