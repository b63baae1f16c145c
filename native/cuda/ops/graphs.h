// CUDA graphs of passes, by their shape.
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <map>

#include "core/direction.h"
#include "cuda/ops/packed_batch.h"

namespace zest::cuda {

// All that decides which kernels run and with which arguments. Streams, scales and the batch itself
// lie in the device's memory.
struct PassKey {
  BatchShape shape;
  int64_t points = 0;
  int32_t groups = 0, terms = 0, rank = 0;
  Law law = Law::gaussian;
  uint64_t seed = 0, keep = 1;
  int32_t core = 0;
  auto operator<=>(const PassKey&) const = default;
};

class Graphs {
 public:
  explicit Graphs(cudaStream_t stream) : stream_(stream) {}
  ~Graphs() { clear(); }
  Graphs(const Graphs&) = delete;
  Graphs& operator=(const Graphs&) = delete;

  // Runs what `enqueue` enqueues: as it is the first time that a key is met, captured the second,
  // as a graph from then on. `moves` says whether memory has moved since.
  void run(const PassKey& key, int64_t moves, const std::function<void()>& enqueue);
  void clear();

 private:
  struct Entry {
    cudaGraphExec_t graph = nullptr;
    int64_t moves = 0;
  };
  cudaGraphExec_t capture(const std::function<void()>& enqueue);

  static constexpr size_t most_graphs = 64;
  cudaStream_t stream_;
  std::map<PassKey, Entry> entries_;
};

}  // namespace zest::cuda
