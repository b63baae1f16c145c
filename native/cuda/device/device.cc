#include "cuda/device/device.h"

#include "core/error.h"
#include "cuda/device/check.h"

namespace zest::cuda {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

DeviceReport device_report() {
  DeviceReport report;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  cudaGetLastError();
  if (cudaDriverGetVersion(&report.driver) != cudaSuccess) report.driver = 0;
  if (cudaRuntimeGetVersion(&report.runtime) != cudaSuccess) report.runtime = 0;
  const std::string runtime = version_text(report.runtime);
  if (report.driver == 0) {
    report.failure = "no NVIDIA driver was found; install one that supports CUDA " + runtime;
  } else if (error == cudaErrorInsufficientDriver) {
    report.failure = "the NVIDIA driver is too old: it supports CUDA up to " +
                     version_text(report.driver) + ", and this build needs CUDA " + runtime +
                     "; update the driver";
  } else if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
    report.failure =
        "an NVIDIA driver is installed, but no CUDA device is visible; look at nvidia-smi and "
        "CUDA_VISIBLE_DEVICES";
  } else if (error != cudaSuccess) {
    report.failure = std::string("CUDA cannot be used: ") + cudaGetErrorName(error) + ", " +
                     cudaGetErrorString(error);
  }
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) {
      cudaGetLastError();
      report.devices.push_back("unknown");
      continue;
    }
    report.devices.push_back(std::string(properties.name) + ", compute capability " +
                             std::to_string(properties.major) + "." +
                             std::to_string(properties.minor) + ", " +
                             std::to_string(properties.totalGlobalMem >> 20) + " MiB");
  }
  return report;
}

void use_device(int index) {
  const cudaError_t error = index < 0 ? cudaErrorInvalidDevice : cudaSetDevice(index);
  if (error == cudaSuccess) return;
  cudaGetLastError();
  const DeviceReport report = device_report();
  if (!report.failure.empty()) throw Error("ERR_ZEST_DEVICE", report.failure);
  if (index >= 0 && index < static_cast<int>(report.devices.size())) {
    // As where another process has it for itself, or its memory is full.
    throw Error("ERR_ZEST_DEVICE", "CUDA device " + std::to_string(index) + " cannot be used: " +
                                       cudaGetErrorName(error) + ", " + cudaGetErrorString(error));
  }
  throw Error("ERR_ZEST_DEVICE", "there is no CUDA device " + std::to_string(index) +
                                     "; those visible are 0 to " +
                                     std::to_string(static_cast<int>(report.devices.size()) - 1));
}

Stream::Stream() {
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
}
Stream::~Stream() { cudaStreamDestroy(stream); }
Event::Event() {
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
}
Event::~Event() { cudaEventDestroy(event); }

}  // namespace zest::cuda
