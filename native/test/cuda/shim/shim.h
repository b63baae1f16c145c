// What a test says to the stand-in of CUDA's run time (cuda_runtime.h beside this file). Tests in
// Node say some of it by variables: ZEST_SHIM_DEVICES, ZEST_SHIM_DRIVER, ZEST_SHIM_MEMORY (bytes)
// and ZEST_SHIM_FAULT, the kernel's launch, counted from 0, that breaks the device.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda_runtime.h"

namespace zest::shim {

// The order in which threads, blocks and streams go on where several can.
enum class Schedule { ascending, descending, random };
void set_schedule(Schedule schedule, uint64_t seed = 1);

// How many devices there are and which driver: 0 is none. Version 13000 is CUDA 13.0.
void set_devices(int count, int driver_version = 13000);
// Which compute capability kernels say they were compiled for, 90 is 9.0: so is that of devices.
void set_compiled_for(int architecture);
// cudaMalloc fails beyond it.
void set_memory_limit(size_t bytes);
size_t allocated_bytes();
// Allocations since the process began.
int64_t allocations();
// Captures of graphs.
int64_t captures();
// Times that the host waited for a stream or an event.
int64_t synchronisations();
// Every later call fails with the error, as after a kernel's fault; cudaSuccess mends it.
void break_device(cudaError_t error);
// Kernels that ran.
int64_t launches();

}  // namespace zest::shim
