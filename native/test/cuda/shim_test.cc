// The stand-in itself: that it sees what it is there to see.
#include "shim.h"

#include <cuda_pipeline_primitives.h>

#include <stdexcept>
#include <string>

#include "cuda/device/device.h"
#include "cuda/device/memory.h"
#include "cuda/kernels/launch.h"
#include "test/check.h"
#include "test/cuda/device_arrays.h"
#include "test/cuda/schedules.h"

namespace zest::test {
namespace {

using cuda::launch;

// out[i] = the value of thread i + 1, through shared memory.
void neighbour_kernel(int* out, int barriers) {
  int* shared = cuda::shared_memory<int>();
  const int i = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
  shared[i] = 10 * i;
  if (barriers) __syncthreads();
  out[i] = shared[(i + 1) % n];
}

std::vector<int> neighbours(int barriers) {
  const auto out = filled<int>(64);
  launch(neighbour_kernel, dim3(1), 64, 64 * sizeof(int), stream(), out.data(), barriers);
  return downloaded(out, 64);
}

TEST("a barrier orders shared memory under every schedule, and its absence shows") {
  std::vector<int> expected;
  for (int i = 0; i < 64; ++i) expected.push_back(10 * ((i + 1) % 64));
  int wrong = 0;
  for_each_schedule([&] {
    CHECK(neighbours(1) == expected);
    wrong += neighbours(0) != expected;
  });
  CHECK(wrong == 3);
}

void shuffle_kernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  int sum = static_cast<int>(threadIdx.x);
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(~0u, sum, lanes);
  out[threadIdx.x] = sum + 1000 * static_cast<int>(__ballot_sync(~0u, lane < 3)) +
                     __shfl_sync(~0u, lane, 7) + __shfl_down_sync(~0u, lane, 1);
}

TEST("shuffles and votes") {
  for_each_schedule([&] {
    const auto out = filled<int>(64);
    launch(shuffle_kernel, dim3(1), 64, 0, stream(), out.data());
    const std::vector<int> got = downloaded(out, 64);
    for (int i = 0; i < 64; ++i) {
      const int sum = i < 32 ? 496 : 496 + 32 * 32;
      CHECK(got[static_cast<size_t>(i)] == sum + 7000 + 7 + (i % 32 < 31 ? i % 32 + 1 : 31));
    }
  });
}

void divergent_kernel(int* out) {
  if (threadIdx.x == 0) return;
  __syncthreads();
  *out = 1;
}
void divergent_shuffle_kernel(int* out) {
  if (threadIdx.x != 0) *out = __shfl_sync(~0u, 1, 0);
}

template <class Kernel>
bool stops(Kernel kernel) {
  const auto out = filled<int>(1);
  launch(kernel, dim3(1), 32, 0, stream(), out.data());
  try {
    downloaded(out, 1);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

TEST("a barrier or a shuffle that not all threads reach is an error") {
  for_each_schedule([&] {
    CHECK(stops(divergent_kernel));
    CHECK(stops(divergent_shuffle_kernel));
  });
}

// Two groups of copies of four bytes; `left` of them need not have come.
void pipeline_kernel(int* to, const int* from, int left) {
  int* shared = cuda::shared_memory<int>();
  for (int i = 0; i < 2; ++i) {
    __pipeline_memcpy_async(shared + i, from + i, sizeof(int));
    __pipeline_commit();
  }
  __pipeline_wait_prior(static_cast<size_t>(left));
  for (int i = 0; i < 2; ++i) to[i] = shared[i];
}
void misaligned_copy_kernel(int* out) {
  __pipeline_memcpy_async(cuda::shared_memory<char>() + 4, out, 8);
}

TEST("copies to shared memory come where they are begun, or as late as they are waited for") {
  const auto from = uploaded<int>({1, 2}), to = filled<int>(2);
  for (int left = 0; left <= 2; ++left) {
    int missing = 0;
    for_each_schedule([&] {
      launch(pipeline_kernel, dim3(1), 1, 2 * sizeof(int), stream(), to.data(),
             static_cast<const int*>(from.data()), left);
      const std::vector<int> got = downloaded(to, 2);
      for (int i = 0; i < 2; ++i) {
        if (i < 2 - left) CHECK(got[static_cast<size_t>(i)] == 1 + i);
        missing += got[static_cast<size_t>(i)] != 1 + i;
      }
    });
    CHECK((missing > 0) == (left > 0));
  }
  CHECK(stops(misaligned_copy_kernel));
}

void copy_kernel(int* to, const int* from) { *to = *from; }

TEST("streams run apart but for events") {
  cuda::Stream a, b;
  const auto first = filled<int>(1), second = filled<int>(1);
  int without = 0;
  for (const shim::Schedule schedule : {shim::Schedule::ascending, shim::Schedule::descending}) {
    for (const bool waits : {true, false}) {
      shim::set_schedule(schedule);
      cuda::Event done;
      CHECK(cudaMemsetAsync(first.data(), 0xff, sizeof(int), a) == cudaSuccess);
      CHECK(cudaStreamSynchronize(a) == cudaSuccess);
      CHECK(cudaMemsetAsync(first.data(), 0, sizeof(int), a) == cudaSuccess);
      CHECK(cudaEventRecord(done, a) == cudaSuccess);
      if (waits) CHECK(cudaStreamWaitEvent(b, done, 0) == cudaSuccess);
      launch(copy_kernel, dim3(1), 1, 0, b.stream, second.data(),
             static_cast<const int*>(first.data()));
      CHECK(cudaStreamSynchronize(b) == cudaSuccess);
      CHECK(cudaStreamSynchronize(a) == cudaSuccess);
      const int got = downloaded(second, 1)[0];
      if (waits) CHECK(got == 0);
      if (!waits) without += got != 0;
    }
  }
  CHECK(without > 0);
}

TEST("launches outside the limits of a device are refused") {
  const auto refused = [](dim3 blocks, unsigned threads, size_t shared) {
    check::throws(
        "ERR_ZEST_DEVICE_LOST",
        [&] { launch(copy_kernel, blocks, threads, shared, stream(), nullptr, nullptr); }, "launch",
        __FILE__, __LINE__);
  };
  refused(dim3(1), 1025, 0);
  refused(dim3(1, 65536), 1, 0);
  refused(dim3(1), 1, 228 * 1024);
  cudaLaunchConfig_t unasked{};
  unasked.dynamicSmemBytes = 49 * 1024;
  unasked.stream = stream();
  int* const none = nullptr;
  CHECK(cudaLaunchKernelEx(&unasked, neighbour_kernel, none, 0) == cudaErrorInvalidValue);
}

}  // namespace
}  // namespace zest::test
