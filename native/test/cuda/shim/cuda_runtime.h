// A stand-in for CUDA's run time, found in front of NVIDIA's header when g++ compiles the .cu files
// for tests without a GPU. Kernels run block by block, the threads of a block as fibers that switch
// only where CUDA synchronises them, in an order that the test chooses (shim.h). Streams are queues
// that run when somebody waits for them, so that a missing event or a host buffer that is reused
// too early shows. Memory is the host's, filled with 0xff: an element that nobody wrote is NaN.
// What it cannot show: the device's own rounding, and races between synchronisation points that no
// order of the threads reveals.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__ __restrict

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorUnsupportedPtxVersion = 222,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureUnjoined = 904
};
enum cudaMemcpyKind {
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
  cudaMemcpyDefault = 4
};
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
enum cudaDataType { CUDA_R_32F = 0, CUDA_R_16BF = 14 };
enum cudaDeviceAttr { cudaDevAttrComputeCapabilityMajor = 75 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2;

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

namespace zest::shim {
struct Stream;
struct Event;
struct Graph;
}  // namespace zest::shim
using cudaStream_t = zest::shim::Stream*;
using cudaEvent_t = zest::shim::Event*;
using cudaGraph_t = zest::shim::Graph*;
using cudaGraphExec_t = zest::shim::Graph*;

enum cudaLaunchAttributeID { cudaLaunchAttributeProgrammaticStreamSerialization = 6 };
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  struct {
    int programmaticStreamSerializationAllowed;
  } val;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  cudaLaunchAttribute* attrs = nullptr;
  unsigned numAttrs = 0;
};
struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem;
  int major, minor, multiProcessorCount;
};

struct cudaFuncAttributes {
  int ptxVersion;  // what the code was compiled for, 90 for compute capability 9.0
};

extern "C++" {
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetLastError();
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaMalloc(void** pointer, size_t bytes);
cudaError_t cudaFree(void* pointer);
cudaError_t cudaMallocHost(void** pointer, size_t bytes);
cudaError_t cudaFreeHost(void* pointer);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t first, cudaEvent_t last);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
}

// --- inside kernels ------------------------------------------------------------------------------

inline dim3 threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = 32;

namespace zest::cuda {
// What `extern __shared__` of kernels names; the bytes beyond a launch's share are poisoned.
alignas(128) extern unsigned char shared_bytes[];
}  // namespace zest::cuda

namespace zest::shim {
using Kernel = void (*)();
int compiled_for();
// The most that a kernel's blocks may share; 48 KB unless it is asked for.
cudaError_t allow_shared_bytes(Kernel kernel, int bytes);
cudaError_t launch(const cudaLaunchConfig_t& config, Kernel kernel, std::function<void()> thread);
void block_barrier();
// Waits for the lanes of the mask; each then reads the value of lane `source` of its own warp.
uint64_t exchange(unsigned mask, uint64_t value, int source);
// Waits for them; each then has the values of all.
std::array<uint64_t, 32> gather(unsigned mask, uint64_t value);
// The lanes of the mask whose predicate is not 0.
unsigned ballot(unsigned mask, bool predicate);

template <class T>
T shuffle(unsigned mask, T value, int source) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(mask, bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline int lane() { return static_cast<int>(threadIdx.x % 32); }
}  // namespace zest::shim

inline void __syncthreads() { zest::shim::block_barrier(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { zest::shim::ballot(mask, true); }
template <class T>
T __shfl_sync(unsigned mask, T value, int source) {
  return zest::shim::shuffle(mask, value, source % 32);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
  return zest::shim::shuffle(mask, value, zest::shim::lane() ^ lanes);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, int lanes) {
  const int source = zest::shim::lane() + lanes;
  return zest::shim::shuffle(mask, value, source < 32 ? source : zest::shim::lane());
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return zest::shim::ballot(mask, predicate != 0);
}
inline int __any_sync(unsigned mask, int predicate) {
  return zest::shim::ballot(mask, predicate != 0) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return zest::shim::ballot(mask, predicate != 0) == mask;
}

// Fibers switch only at the calls above, so a plain read and write is atomic.
inline unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) {
  const unsigned long long before = *address;
  *address = before + value;
  return before;
}

inline int __float2int_rn(float x) { return static_cast<int>(std::nearbyint(x)); }
inline double __dsqrt_rn(double x) { return std::sqrt(x); }
inline double __ddiv_rn(double x, double y) { return x / y; }
inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
template <class T>
T __ldg(const T* address) {
  return *address;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  std::tuple<std::decay_t<Parameters>...> values(std::forward<Arguments>(arguments)...);
  return zest::shim::launch(*config, reinterpret_cast<zest::shim::Kernel>(kernel),
                            [kernel, values] { std::apply(kernel, values); });
}
template <class... Parameters>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void (*)(Parameters...)) {
  attributes->ptxVersion = zest::shim::compiled_for();
  return cudaSuccess;
}
template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute, int value) {
  return zest::shim::allow_shared_bytes(reinterpret_cast<zest::shim::Kernel>(kernel), value);
}
