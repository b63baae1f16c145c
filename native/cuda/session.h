// Sequences that grow on a CUDA device.
#pragma once

#include <functional>
#include <memory>

#include "core/backend.h"
#include "cuda/device/cublaslt.h"
#include "cuda/device/device.h"
#include "cuda/weights.h"

namespace zest::cuda {

// Runs its body with the device as the thread's own, and turns the device's faults into errors.
using Guard = std::function<void(const std::function<void()>&)>;

// The weights, products, streams and guard are the backend's, which must outlive the session.
std::unique_ptr<Session> make_session(const Weights& weights, Products& products, cudaStream_t main,
                                      cudaStream_t noise, Guard guard, const Directions& directions,
                                      const Point& point, std::span<const int32_t> capacities,
                                      int64_t scratch_bytes);

}  // namespace zest::cuda
