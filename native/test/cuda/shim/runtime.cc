// Memory, streams, events and graphs of the stand-in.
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <vector>

#include "fibers.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace zest::cuda {
constexpr size_t most_shared_bytes = 227 * 1024;  // of a block, compute capability 9.0
alignas(128) unsigned char shared_bytes[most_shared_bytes];
}  // namespace zest::cuda

namespace zest::shim {

struct Event {
  int64_t recorded = 0;
  int64_t done = 0;
  Graph* graph = nullptr;  // of the capture in which it was recorded last
};

struct Operation {
  std::function<void()> run;  // empty: an operation on an event
  Event* event = nullptr;
  int64_t turn = 0;  // recorded: becomes done; waited for: has to be done
  bool waits = false;
};

struct Stream {
  int device;
  std::deque<Operation> queue = {};
  Graph* capture = nullptr;
};

struct Graph {
  std::map<Stream*, std::vector<Operation>> lanes;  // what each stream did while it was captured
  Stream* origin = nullptr;
};

namespace {

// A variable of the environment, for tests in Node, which cannot call set_devices and the like.
long variable(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value ? std::atol(value) : otherwise;
}

struct State {
  int devices = static_cast<int>(variable("ZEST_SHIM_DEVICES", 1));
  int driver = static_cast<int>(variable("ZEST_SHIM_DRIVER", 13000));
  int compiled_for = 90;
  size_t limit = static_cast<size_t>(variable("ZEST_SHIM_MEMORY", 1L << 36));  // bytes
  std::map<Kernel, size_t> allowed_shared_bytes;
  int64_t fault = variable("ZEST_SHIM_FAULT", -1);  // the launch that breaks the device
  size_t used = 0;
  int64_t allocations = 0, captures = 0, synchronisations = 0, launches = 0;
  cudaError_t broken = cudaSuccess;
  cudaError_t last = cudaSuccess;
  std::map<void*, size_t> sizes;
  std::vector<Stream*> streams;
};

State& state() {
  static State instance;
  return instance;
}

// Of the calling thread, as in CUDA.
thread_local int current_device = 0;

// Threads may call at once; kernels run in the thread that waits, under the lock as well.
struct Lock {
  static std::recursive_mutex& mutex() {
    static std::recursive_mutex instance;
    return instance;
  }
  std::lock_guard<std::recursive_mutex> guard{mutex()};
};

cudaError_t result(cudaError_t error) {
  if (error == cudaSuccess && state().broken != cudaSuccess) error = state().broken;
  if (error != cudaSuccess) state().last = error;
  return error;
}

bool ready(const Operation& operation) {
  return !operation.waits || operation.event->done >= operation.turn;
}

void perform(const Operation& operation) {
  if (operation.run) operation.run();
  if (operation.event && !operation.waits) operation.event->done = operation.turn;
}

// Runs queues until `until` says so; throws where they wait for each other in vain.
template <class Until>
void run_queues(const std::vector<std::deque<Operation>*>& queues, Until until) {
  while (!until()) {
    std::vector<std::deque<Operation>*> able;
    for (std::deque<Operation>* queue : queues) {
      if (!queue->empty() && ready(queue->front())) able.push_back(queue);
    }
    if (able.empty()) throw std::logic_error("streams wait for an event that never comes");
    std::deque<Operation>& queue = *able[chooser().choose(able.size())];
    const Operation operation = std::move(queue.front());
    queue.pop_front();
    perform(operation);
  }
}

template <class Until>
void run_streams(Until until) {
  std::vector<std::deque<Operation>*> queues;
  for (Stream* stream : state().streams) queues.push_back(&stream->queue);
  try {
    run_queues(queues, until);
  } catch (...) {
    for (std::deque<Operation>* queue : queues) queue->clear();
    throw;
  }
}

void enqueue(Stream* stream, Operation operation) {
  if (stream->capture) {
    stream->capture->lanes[stream].push_back(std::move(operation));
  } else {
    stream->queue.push_back(std::move(operation));
  }
}

cudaError_t allocate(void** pointer, size_t bytes, bool on_device) {
  const Lock lock;
  if (state().broken != cudaSuccess) return result(cudaSuccess);
  if (on_device && state().used + bytes > state().limit) return result(cudaErrorMemoryAllocation);
  // Not a multiple of the alignment where a sanitizer shall see the end.
  if (posix_memalign(pointer, 256, bytes ? bytes : 1) != 0) {
    return result(cudaErrorMemoryAllocation);
  }
  std::memset(*pointer, 0xff, bytes);
  if (on_device) {
    state().sizes[*pointer] = bytes;
    state().used += bytes;
    ++state().allocations;
  }
  return cudaSuccess;
}

void run_grid(const cudaLaunchConfig_t& config, const std::function<void()>& thread) {
  static Block block;
  const size_t count =
      size_t{config.gridDim.x} * config.gridDim.y * static_cast<size_t>(config.gridDim.z);
  ++state().launches;
  Ready order;
  for (size_t i = 0; i < count; ++i) order.add(i);
  while (!order.empty()) {
    const size_t at = order.take();
    gridDim = config.gridDim;
    blockDim = config.blockDim;
    blockIdx = dim3(static_cast<unsigned>(at % gridDim.x),
                    static_cast<unsigned>(at / gridDim.x % gridDim.y),
                    static_cast<unsigned>(at / gridDim.x / gridDim.y));
#if defined(__SANITIZE_ADDRESS__)
    // A block that failed has left them poisoned.
    ASAN_UNPOISON_MEMORY_REGION(cuda::shared_bytes, cuda::most_shared_bytes);
#endif
    std::memset(cuda::shared_bytes, 0xff, config.dynamicSmemBytes);
#if defined(__SANITIZE_ADDRESS__)
    ASAN_POISON_MEMORY_REGION(cuda::shared_bytes + config.dynamicSmemBytes,
                              cuda::most_shared_bytes - config.dynamicSmemBytes);
#endif
    block.run(config.blockDim, thread);
  }
}

}  // namespace

void set_schedule(Schedule schedule, uint64_t seed) { chooser().set(schedule, seed); }
void set_devices(int count, int driver_version) {
  state().devices = count, state().driver = driver_version;
}
void set_compiled_for(int architecture) { state().compiled_for = architecture; }
int compiled_for() { return state().compiled_for; }
void set_memory_limit(size_t bytes) { state().limit = bytes; }
size_t allocated_bytes() { return state().used; }
int64_t allocations() { return state().allocations; }
int64_t captures() { return state().captures; }
int64_t synchronisations() { return state().synchronisations; }
int64_t launches() { return state().launches; }
void break_device(cudaError_t error) {
  state().broken = error;
  if (error == cudaSuccess) state().last = cudaSuccess;
}

cudaError_t allow_shared_bytes(Kernel kernel, int bytes) {
  const Lock lock;
  if (bytes < 0 || static_cast<size_t>(bytes) > cuda::most_shared_bytes) {
    return result(cudaErrorInvalidValue);
  }
  state().allowed_shared_bytes[kernel] = static_cast<size_t>(bytes);
  return result(cudaSuccess);
}

cudaError_t launch(const cudaLaunchConfig_t& config, Kernel kernel, std::function<void()> thread) {
  const Lock lock;
  const auto allowed = state().allowed_shared_bytes.find(kernel);
  const size_t most_shared =
      allowed == state().allowed_shared_bytes.end() ? 48 * 1024 : allowed->second;
  const size_t threads =
      size_t{config.blockDim.x} * config.blockDim.y * static_cast<size_t>(config.blockDim.z);
  const bool empty = config.gridDim.x == 0 || config.gridDim.y == 0 || config.gridDim.z == 0;
  if (empty || threads == 0 || threads > 1024 || config.gridDim.y > 65535 ||
      config.gridDim.z > 65535 || config.gridDim.x > 0x7fffffffu ||
      config.dynamicSmemBytes > most_shared || !config.stream ||
      config.stream->device != current_device) {
    return result(cudaErrorInvalidValue);
  }
  if (state().fault-- == 0) break_device(cudaErrorIllegalAddress);
  if (state().broken == cudaSuccess) {
    enqueue(config.stream, {[config, thread = std::move(thread)] { run_grid(config, thread); }});
  }
  return result(cudaSuccess);
}

}  // namespace zest::shim

using namespace zest::shim;

cudaError_t cudaGetDeviceCount(int* count) {
  const Lock lock;
  *count = 0;
  if (state().driver < 13000) return result(cudaErrorInsufficientDriver);
  if (state().devices == 0) return result(cudaErrorNoDevice);
  *count = state().devices;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  const Lock lock;
  *version = state().driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  const Lock lock;
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  const Lock lock;
  if (device < 0 || device >= state().devices) return result(cudaErrorInvalidDevice);
  *properties = {"fibers on the host", state().limit, 9, 0, 4};
  return result(cudaSuccess);
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = 9;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  const Lock lock;
  if (state().driver < 13000) return result(cudaErrorInsufficientDriver);
  if (state().devices == 0) return result(cudaErrorNoDevice);
  const bool there = device >= 0 && device < state().devices;
  if (there) current_device = device;
  return result(there ? cudaSuccess : cudaErrorInvalidDevice);
}
cudaError_t cudaGetLastError() {
  const Lock lock;
  const cudaError_t error = state().last;
  state().last = state().broken;
  return error;
}
const char* cudaGetErrorName(cudaError_t error) {
  const Lock lock;
  return error == cudaErrorIllegalAddress ? "cudaErrorIllegalAddress" : "an error of the stand-in";
}
const char* cudaGetErrorString(cudaError_t error) {
  const Lock lock;
  return error == cudaErrorIllegalAddress ? "an illegal memory access was encountered" : "no text";
}

cudaError_t cudaMalloc(void** pointer, size_t bytes) { return allocate(pointer, bytes, true); }
cudaError_t cudaFree(void* pointer) {
  const Lock lock;
  if (pointer) {
    run_streams([] {
      for (Stream* stream : state().streams) {
        if (!stream->queue.empty()) return false;
      }
      return true;
    });
    const auto found = state().sizes.find(pointer);
    if (found == state().sizes.end()) return result(cudaErrorInvalidValue);
    state().used -= found->second;
    state().sizes.erase(found);
    std::free(pointer);
  }
  return result(cudaSuccess);
}
cudaError_t cudaMallocHost(void** pointer, size_t bytes) { return allocate(pointer, bytes, false); }
cudaError_t cudaFreeHost(void* pointer) {
  const Lock lock;
  std::free(pointer);
  return result(cudaSuccess);
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Lock lock;
  *total = state().limit;
  *free = state().limit - state().used;
  return result(cudaSuccess);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  const Lock lock;
  if (state().broken == cudaSuccess && bytes > 0) {
    enqueue(stream, {[=] { std::memcpy(to, from, bytes); }});
  }
  return result(cudaSuccess);
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  const Lock lock;
  if (state().broken == cudaSuccess) enqueue(stream, {[=] { std::memset(to, value, bytes); }});
  return result(cudaSuccess);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Lock lock;
  if (state().broken != cudaSuccess) return result(cudaSuccess);
  *stream = new Stream{current_device};
  state().streams.push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock;
  std::erase(state().streams, stream);
  delete stream;
  return result(cudaSuccess);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock;
  ++state().synchronisations;
  if (stream->capture) return result(cudaErrorStreamCaptureUnsupported);
  if (state().broken == cudaSuccess) run_streams([&] { return stream->queue.empty(); });
  return result(cudaSuccess);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock;
  if (event->graph && !stream->capture) stream->capture = event->graph;
  enqueue(stream, {{}, event, event->recorded, true});
  return result(cudaSuccess);
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const Lock lock;
  if (state().broken != cudaSuccess) return result(cudaSuccess);
  *event = new Event;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Lock lock;
  delete event;
  return result(cudaSuccess);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock;
  event->graph = stream->capture;
  enqueue(stream, {{}, event, ++event->recorded, false});
  return result(cudaSuccess);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock;
  ++state().synchronisations;
  if (state().broken == cudaSuccess) run_streams([&] { return event->done == event->recorded; });
  return result(cudaSuccess);
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  const Lock lock;
  *milliseconds = 1;  // the stand-in has no clock
  return result(cudaSuccess);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const Lock lock;
  if (state().broken != cudaSuccess) return result(cudaSuccess);
  auto* graph = new Graph;
  graph->origin = stream;
  graph->lanes[stream];
  stream->capture = graph;
  ++state().captures;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock;
  if (!stream->capture || stream->capture->origin != stream) return result(cudaErrorInvalidValue);
  *graph = stream->capture;
  bool joined = true;
  for (auto& [other, operations] : (*graph)->lanes) {
    other->capture = nullptr;
    if (other == stream || operations.empty()) continue;
    // The last thing of a forked stream is an event that the origin has waited for.
    const Operation& last = operations.back();
    bool waited = false;
    for (const Operation& operation : (*graph)->lanes[stream]) {
      waited |= operation.waits && operation.event == last.event && operation.turn == last.turn;
    }
    joined = joined && last.event && !last.waits && waited;
  }
  for (auto& [other, operations] : (*graph)->lanes) {
    for (Operation& operation : operations) {
      if (operation.event) operation.event->graph = nullptr;
    }
  }
  return result(joined ? cudaSuccess : cudaErrorStreamCaptureUnjoined);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  const Lock lock;
  if (state().broken != cudaSuccess) return result(cudaSuccess);
  *exec = new Graph(*graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const Lock lock;
  if (state().broken != cudaSuccess) return result(cudaSuccess);
  const Graph graph = *exec;
  enqueue(stream, {[graph] {
            // Events of a graph are its own: a launch begins with none of them done.
            std::map<Event*, Event> events;
            std::vector<std::deque<Operation>> queues;
            for (const auto& [lane, operations] : graph.lanes) {
              queues.emplace_back(operations.begin(), operations.end());
            }
            for (auto& queue : queues) {
              for (Operation& operation : queue) {
                if (!operation.event) continue;
                Event& own = events[operation.event];
                operation.event = &own;
              }
            }
            std::vector<std::deque<Operation>*> pointers;
            for (auto& queue : queues) pointers.push_back(&queue);
            run_queues(pointers, [&] {
              for (const auto& queue : queues) {
                if (!queue.empty()) return false;
              }
              return true;
            });
          }});
  return result(cudaSuccess);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Lock lock;
  delete graph;
  return result(cudaSuccess);
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const Lock lock;
  delete exec;
  return result(cudaSuccess);
}
