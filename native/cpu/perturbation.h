// The directions of a group of points, or of an update, restricted to each parameter.
#pragma once

#include <limits>
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

// Consecutive parameters, or some rows of one.
struct Stretch {
  int parameter, end;
  int64_t row = 0;
  int64_t end_row = std::numeric_limits<int64_t>::max();  // or the parameter's end, if before it
};

// Factors that are in memory together while weights move, in floats: 64 MB.
constexpr int64_t factors_at_once = int64_t{1} << 24;

// Cuts the weights into stretches of which low-rank factors of `count` directions are about so many
// floats, the largest first: what memory they need is had with the first. All in one for laws
// without factors.
std::vector<Stretch> stretches(const ModelSpec& spec, const Directions& directions, size_t count,
                               int64_t floats = factors_at_once);

class Perturbation {
 public:
  Perturbation(const Weights& weights, ThreadPool& pool) : weights_(weights), pool_(pool) {}

  // Points that share their streams, in the same order; at most Noise::max_points.
  void set(const Directions& directions, std::span<const Point> points);
  // For `of` a stretch alone: no other factors are in memory. Allocates nothing after a larger one.
  void set(const Directions& directions, std::span<const Point> points, const Stretch& stretch);

  // What `set` says of one parameter of its stretch; empty where it is not trainable.
  Noise of(int parameter) const;

 private:
  float radius(uint64_t stream);
  int64_t rows_of(int parameter) const;      // in the stretch
  int64_t factor_rows(int parameter) const;  // of A and B, those of B padded
  void make_factors();
  void multiply_cores();

  const Weights& weights_;
  ThreadPool& pool_;
  Directions directions_;
  Stretch stretch_ = {0, 0};
  std::vector<uint64_t> streams_;
  std::vector<float> scales_[Noise::max_points];
  int points_ = 0;
  std::vector<float> radius_;
  std::map<std::pair<uint64_t, uint64_t>, float> known_radius_;  // by seed and stream
  // Low rank, by parameter and stream; A from the stretch's first row on.
  Buffer<float> factors_;
  std::vector<float*> factors_a_, factors_b_;
  // How many blocks of factors come before each parameter of the stretch, and how many there are.
  std::vector<int64_t> blocks_before_;
};

}  // namespace zest::cpu
