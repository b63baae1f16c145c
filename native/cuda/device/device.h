// Which devices there are, and why there are none.
#pragma once

#include <cuda_runtime.h>

#include <string>
#include <vector>

namespace zest::cuda {

struct DeviceReport {
  int driver = 0, runtime = 0;       // 13000 is 13.0; 0: no driver
  std::vector<std::string> devices;  // by index: name, compute capability, memory
  std::string failure;               // a sentence, or empty where there is a device
};
DeviceReport device_report();

// Throws ERR_ZEST_DEVICE: no driver, a driver too old for this build, no device visible, or none of
// this index.
void use_device(int index);

struct Stream {
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream; }
  cudaStream_t stream = nullptr;
};

struct Event {
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event; }
  cudaEvent_t event = nullptr;
};

}  // namespace zest::cuda
