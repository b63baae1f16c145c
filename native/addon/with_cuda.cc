#include "addon/cuda.h"
#include "cuda/backend.h"
#include "cuda/device/cublaslt.h"
#include "cuda/device/device.h"

namespace zest::addon {

std::optional<CudaReport> cuda_report() {
  const cuda::DeviceReport report = cuda::device_report();
  return CudaReport{report.driver, report.runtime, report.devices, report.failure,
                    report.devices.empty() ? std::string() : cuda::Products::missing_library()};
}

std::unique_ptr<Backend> make_cuda(const ModelSpec& spec, StorageType storage, int device) {
  return make_cuda_backend(spec, storage, device);
}

}  // namespace zest::addon
