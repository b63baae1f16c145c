#include "addon/cuda.h"
#include "core/error.h"

namespace zest::addon {

std::optional<CudaReport> cuda_report() { return {}; }

std::unique_ptr<Backend> make_cuda(const ModelSpec&, StorageType, int) {
  throw Error("ERR_ZEST_DEVICE", "this binary has no CUDA backend");
}

}  // namespace zest::addon
