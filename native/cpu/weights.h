// The parameters in memory, and their way in from files.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/backend.h"
#include "core/parameters.h"
#include "core/transformer/spec.h"
#include "cpu/buffer.h"
#include "cpu/kernels/kernels.h"

namespace zest::cpu {

class Weights {
 public:
  Weights(const ModelSpec& spec, StorageType type);

  // Reads with pread: a file that is cut short is an error, not a fault. Every value must be
  // finite.
  void load(std::span<const ParameterSource> sources,
            const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort);

  const ModelSpec& spec() const { return spec_; }
  StorageType type() const { return type_; }
  const Addresses& addresses() const { return addresses_; }
  const Matrix& matrix(int parameter) const { return matrices_[static_cast<size_t>(parameter)]; }
  std::span<const std::byte> bytes(int parameter) const;
  void write(int parameter, std::span<const std::byte> stored);

 private:
  ModelSpec spec_;
  StorageType type_;
  Addresses addresses_;
  std::vector<Buffer<std::byte>> storage_;
  std::vector<Matrix> matrices_;
};

}  // namespace zest::cpu
