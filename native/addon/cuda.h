// The CUDA backend, where this binary has one: with_cuda.cc is in zest_cuda.node, without_cuda.cc
// in zest.node.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/backend.h"

namespace zest::addon {

struct CudaReport {
  int driver = 0, runtime = 0;       // 13000 is 13.0; driver 0: none
  std::vector<std::string> devices;  // by index
  std::string failure;               // why there is none, or empty
  std::string missing_cublaslt;      // with devices: why cuBLASLt cannot be opened, or empty
};

// Nothing where the binary has no CUDA backend.
std::optional<CudaReport> cuda_report();

// Throws ERR_ZEST_DEVICE where the binary or the machine has none, and what cuda/backend.h
// says.
std::unique_ptr<Backend> make_cuda(const ModelSpec& spec, StorageType storage, int device);

}  // namespace zest::addon
