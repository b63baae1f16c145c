// The points of one pass, on the device: who shares whose noise, the sphere's radii, low-rank
// factors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/direction.h"
#include "cuda/device/device.h"
#include "cuda/device/memory.h"
#include "cuda/kernels/directions.h"
#include "cuda/kernels/perturbation_plan.h"
#include "cuda/weights.h"

namespace zest::cuda {

// Neighbours with the same streams, in pairs.
std::vector<Group> group_points(std::span<const Point> points);

class PointSet {
 public:
  PointSet(const Weights& weights, cudaStream_t stream);

  // Uploads the points; their streams and scales are read by what is enqueued after it.
  void set(const Directions& directions, std::span<const Point> points);
  // Enqueues what the law needs before any noise: radii, factors. Memory is had already.
  void prepare();

  const Plan& plan() const { return plan_; }
  int32_t terms() const { return terms_; }
  int64_t points() const { return points_; }
  // A parameter with the factors of this set's directions.
  Parameter parameter(int index) const;
  // For kernels that go through many parameters.
  const Parameter* all_parameters() const { return device_parameters_.data(); }
  // Counts the times that memory moved: a graph that was made before points nowhere.
  int64_t moves() const { return moves_; }

 private:
  void place_factors();
  template <class T>
  T* reserve(DeviceMemory<T>& memory, size_t count);

  const Weights& weights_;
  cudaStream_t stream_;
  Plan plan_{};
  int32_t terms_ = 0;
  int64_t points_ = 0;
  int64_t moves_ = 0;

  struct {
    PinnedMemory<std::byte> staged;
    Event copied;
    bool pending = false;
  } upload_;
  DeviceMemory<std::byte> device_plan_;  // groups, then terms
  DeviceMemory<float> radius_;
  DeviceMemory<unsigned long long> sums_;
  BlockShares sphere_shares_, factor_shares_;
  DeviceMemory<float> factors_;
  DeviceMemory<FactorSource> factor_sources_;
  DeviceMemory<Parameter> device_parameters_;
  std::vector<Parameter> parameters_;
  int32_t factor_rank_ = 0, factor_terms_ = 0;  // for which factors_ is laid out
};

}  // namespace zest::cuda
