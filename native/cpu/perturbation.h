// The directions of a group of points, or of an update, restricted to each parameter.
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "core/direction.h"
#include "cpu/buffer.h"
#include "cpu/kernels/kernels.h"
#include "cpu/thread_pool.h"
#include "cpu/weights.h"

namespace zest::cpu {

class Perturbation {
 public:
  Perturbation(const Weights& weights, ThreadPool& pool) : weights_(weights), pool_(pool) {}

  // Points that share their streams, in the same order; at most Noise::max_points.
  void set(const Directions& directions, std::span<const Point> points);

  // What `set` says of one parameter; empty where it is not trainable.
  Noise of(int parameter) const;

 private:
  float radius(uint64_t stream);
  void make_factors();
  void multiply_cores();

  const Weights& weights_;
  ThreadPool& pool_;
  Directions directions_;
  std::vector<uint64_t> streams_;
  std::vector<float> scales_[Noise::max_points];
  int points_ = 0;
  std::vector<float> radius_;
  std::map<std::pair<uint64_t, uint64_t>, float> known_radius_;  // by seed and stream
  // Low rank, by parameter: one pointer a stream.
  Buffer<float> factors_;
  std::vector<std::vector<const float*>> factors_a_, factors_b_;
};

}  // namespace zest::cpu
