#include "cuda/ops/graphs.h"

#include "cuda/device/check.h"

namespace zest::cuda {

void Graphs::clear() {
  for (auto& [key, entry] : entries_) {
    if (entry.graph) cudaGraphExecDestroy(entry.graph);
  }
  entries_.clear();
}

cudaGraphExec_t Graphs::capture(const std::function<void()>& enqueue) {
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal),
        "cudaStreamBeginCapture");
  cudaGraph_t graph = nullptr;
  try {
    enqueue();
  } catch (...) {
    cudaStreamEndCapture(stream_, &graph);
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();
    throw;
  }
  check(cudaStreamEndCapture(stream_, &graph), "cudaStreamEndCapture");
  cudaGraphExec_t made = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&made, graph, 0);
  cudaGraphDestroy(graph);
  check(error, "cudaGraphInstantiate");
  return made;
}

void Graphs::run(const PassKey& key, int64_t moves, const std::function<void()>& enqueue) {
  if (entries_.size() >= most_graphs && !entries_.contains(key)) clear();
  const auto [found, first] = entries_.try_emplace(key);
  Entry& entry = found->second;
  if (entry.moves != moves && entry.graph) {
    cudaGraphExecDestroy(entry.graph);
    entry.graph = nullptr;
  }
  entry.moves = moves;
  if (first) {
    // Libraries load their kernels at their first call, which a capture does not allow.
    try {
      enqueue();
    } catch (...) {
      entries_.erase(found);  // not all of it has run once
      throw;
    }
    return;
  }
  if (!entry.graph) entry.graph = capture(enqueue);
  check(cudaGraphLaunch(entry.graph, stream_), "cudaGraphLaunch");
}

}  // namespace zest::cuda
