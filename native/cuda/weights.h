// The parameters in the device's memory.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "core/backend.h"
#include "core/parameters.h"
#include "core/transformer/spec.h"
#include "cuda/device/memory.h"
#include "cuda/kernels/perturbation_plan.h"

namespace zest::cuda {

// Blocks that together go through a list of parameters; in the device's memory.
struct BlockShares {
  DeviceMemory<BlockShare> shares;
  int64_t count = 0;
};

class Weights {
 public:
  Weights(const ModelSpec& spec, StorageType type, cudaStream_t stream);

  void load(std::span<const ParameterSource> sources,
            const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort);

  const ModelSpec& spec() const { return spec_; }
  StorageType type() const { return type_; }
  const Addresses& addresses() const { return addresses_; }
  // As kernels take it, without low-rank factors. Where it stays as stored its memory is there
  // after `load`.
  const Parameter& parameter(int index) const { return parameters_[static_cast<size_t>(index)]; }
  size_t byte_count(int index) const;
  void download(int index, std::byte* out) const;
  void write(int index, std::span<const std::byte> stored);

  // Biases, norms and prefixes: small enough to be perturbed whole, once a group of points.
  // Parameter i begins at vector_offsets()[i] of vector_floats(); -1: it is none of them.
  const std::vector<int64_t>& vector_offsets() const { return vector_offsets_; }
  int64_t vector_floats() const { return vector_floats_; }

  // All parameters and, in units_a_block units that units(rows, columns) counts, blocks over those
  // that `choose` names.
  template <class Units, class Choose>
  void make_shares(BlockShares& to, int64_t units_a_block, Units units, Choose choose) const {
    std::vector<BlockShare> shares;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (!choose(static_cast<int>(i))) continue;
      const int64_t all = units(parameters_[i].rows, parameters_[i].columns);
      for (int64_t first = 0; first < all; first += units_a_block) {
        shares.push_back({static_cast<int32_t>(i), first});
      }
    }
    upload_shares(to, shares);
  }

 private:
  void find_vectors();
  void place_weights();
  void place_blocks(std::span<const ParameterSource> sources);
  void upload_shares(BlockShares& to, const std::vector<BlockShare>& shares) const;

  ModelSpec spec_;
  StorageType type_;
  Addresses addresses_;
  cudaStream_t stream_;
  DeviceMemory<std::byte> storage_, blocks_;  // blocks_: of those that stay as stored
  std::vector<Parameter> parameters_;
  std::vector<int64_t> vector_offsets_;
  int64_t vector_floats_ = 0;
};

}  // namespace zest::cuda
