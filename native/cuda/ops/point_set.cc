#include "cuda/ops/point_set.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/parameters.h"
#include "cuda/device/check.h"

namespace zest::cuda {
namespace {

bool same_streams(const Point& a, const Point& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const zest::Term& x, const zest::Term& y) { return x.stream == y.stream; });
}

bool has_factors(const ParameterSpec& p) { return p.trainable && p.matrix; }

}  // namespace

std::vector<Group> group_points(std::span<const Point> points) {
  std::vector<Group> groups;
  int32_t term = 0;
  for (size_t i = 0; i < points.size();) {
    const bool pair = i + 1 < points.size() && same_streams(points[i], points[i + 1]);
    const int32_t terms = static_cast<int32_t>(points[i].size());
    groups.push_back({term, terms, static_cast<int32_t>(i), pair ? 2 : 1});
    term += terms;
    i += pair ? 2 : 1;
  }
  return groups;
}

PointSet::PointSet(const Weights& weights, cudaStream_t stream)
    : weights_(weights), stream_(stream) {
  for (size_t i = 0; i < weights.spec().parameters.size(); ++i) {
    parameters_.push_back(weights.parameter(static_cast<int>(i)));
  }
  device_parameters_.reserve(parameters_.size());
  check(cudaMemcpyAsync(device_parameters_.data(), parameters_.data(),
                        parameters_.size() * sizeof(Parameter), cudaMemcpyHostToDevice, stream_),
        "uploading the list of parameters");
  check(cudaStreamSynchronize(stream_), "uploading the list of parameters");
  weights_.make_shares(sphere_shares_, sphere_threads, sphere_units,
                       [&](int i) { return weights_.parameter(i).trainable != 0; });
  weights_.make_shares(
      factor_shares_, factor_rows_a_block,
      [](int64_t rows, int64_t columns) { return rows + columns; },
      [&](int i) { return has_factors(weights_.spec().parameters[static_cast<size_t>(i)]); });
}

template <class T>
T* PointSet::reserve(DeviceMemory<T>& memory, size_t count) {
  if (count > memory.size()) ++moves_;
  return memory.reserve(count);
}

Parameter PointSet::parameter(int index) const {
  const Parameter& placed = parameters_[static_cast<size_t>(index)];
  Parameter p = weights_.parameter(index);  // which `load` may have moved
  p.factor_a = placed.factor_a, p.factor_b = placed.factor_b;
  return p;
}

void PointSet::set(const Directions& directions, std::span<const Point> points) {
  check_directions(directions, weights_.spec());
  const std::vector<Group> groups = group_points(points);
  std::vector<Term> terms;
  for (const Group& group : groups) {
    for (int32_t t = 0; t < group.terms; ++t) {
      Term term{points[static_cast<size_t>(group.first_point)][static_cast<size_t>(t)].stream, {}};
      for (int32_t p = 0; p < group.points; ++p) {
        term.scale[p] =
            points[static_cast<size_t>(group.first_point + p)][static_cast<size_t>(t)].factor;
      }
      terms.push_back(term);
    }
  }
  points_ = static_cast<int64_t>(points.size());
  terms_ = static_cast<int32_t>(terms.size());

  // Capacities that grow by half, so that graphs of other sizes keep their pointers.
  const size_t group_room = std::max<size_t>(64, groups.size() + groups.size() / 2);
  const size_t term_room = std::max<size_t>(64, terms.size() + terms.size() / 2);
  if (device_plan_.size() < groups.size() * sizeof(Group) + terms.size() * sizeof(Term)) {
    reserve(device_plan_, group_room * sizeof(Group) + term_room * sizeof(Term));
  }
  if (sums_.size() < terms.size() || sums_.size() == 0) {
    reserve(radius_, term_room);
    reserve(sums_, term_room);
  }
  const size_t group_bytes = groups.size() * sizeof(Group),
               term_bytes = terms.size() * sizeof(Term);
  if (upload_.pending) check(cudaEventSynchronize(upload_.copied), "uploading points");
  std::byte* staged = upload_.staged.reserve(device_plan_.size());
  std::memcpy(staged, groups.data(), group_bytes);
  if (term_bytes > 0) std::memcpy(staged + group_bytes, terms.data(), term_bytes);
  check(cudaMemcpyAsync(device_plan_.data(), staged, group_bytes + term_bytes,
                        cudaMemcpyHostToDevice, stream_),
        "uploading points");
  check(cudaEventRecord(upload_.copied, stream_), "uploading points");
  upload_.pending = true;

  plan_.keys = philox::Keys(directions.seed);
  plan_.law = directions.law;
  plan_.rank = directions.rank;
  plan_.keep = directions.keep;
  plan_.core = directions.core;
  if (directions.law == Law::low_rank) {
    plan_.rank_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(directions.rank)));
  }
  plan_.group_count = static_cast<int32_t>(groups.size());
  plan_.groups = reinterpret_cast<const Group*>(device_plan_.data());
  plan_.terms = reinterpret_cast<const Term*>(device_plan_.data() + group_bytes);
  plan_.radius = radius_.data();
  place_factors();
}

// Gives every matrix room for the factors of all terms.
void PointSet::place_factors() {
  const int32_t rank = plan_.law == Law::low_rank ? plan_.rank : 0;
  const int32_t terms = rank > 0 ? terms_ : 0;
  if (rank == factor_rank_ && terms == factor_terms_) return;
  factor_rank_ = -1;  // until all is done
  size_t floats = 0;
  std::vector<FactorSource> sources(parameters_.size());
  const auto place = [&](float* base) {
    floats = 0;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      Parameter& p = parameters_[i];
      p.factor_a = p.factor_b = nullptr;
      if (terms == 0 || !has_factors(weights_.spec().parameters[i])) continue;
      float* a = base + floats;
      floats += static_cast<size_t>(terms) * static_cast<size_t>(p.rows * rank + 15) / 16 * 16;
      float* b = base + floats;
      floats += static_cast<size_t>(terms) * static_cast<size_t>(padded_columns(p.columns) * rank);
      p.factor_a = a, p.factor_b = b;
      sources[i] = {weights_.addresses().factor_a[i],
                    weights_.addresses().factor_b[i],
                    p.rows,
                    p.columns,
                    a,
                    b};
    }
  };
  alignas(16) static float nowhere[1];
  place(nowhere);
  // Columns beyond a matrix's are read, with values that are dropped: they must be something.
  if (floats > 0) {
    if (floats > factors_.size()) reserve(factors_, floats);
    check(cudaMemsetAsync(factors_.data(), 0, factors_.size() * sizeof(float), stream_),
          "clearing factors");
  }
  place(factors_.data());
  factor_rank_ = rank, factor_terms_ = terms;
  reserve(factor_sources_, sources.size());
  check(cudaMemcpyAsync(factor_sources_.data(), sources.data(),
                        sources.size() * sizeof(FactorSource), cudaMemcpyHostToDevice, stream_),
        "uploading factors");
  check(cudaMemcpyAsync(device_parameters_.data(), parameters_.data(),
                        parameters_.size() * sizeof(Parameter), cudaMemcpyHostToDevice, stream_),
        "uploading factors");
  check(cudaStreamSynchronize(stream_), "uploading factors");  // the sources are of this call
}

void PointSet::prepare() {
  if (terms_ == 0) return;
  if (plan_.law == Law::sphere) {
    sphere_sums(plan_, terms_, device_parameters_.data(), sphere_shares_.shares.data(),
                sphere_shares_.count, sums_.data(), stream_);
    sphere_radius(sums_.data(), terms_, dimension(weights_.spec()), radius_.data(), stream_);
  }
  if (plan_.law == Law::low_rank) {
    make_factors(plan_, terms_, factor_sources_.data(), factor_shares_.shares.data(),
                 factor_shares_.count, stream_);
  }
}

}  // namespace zest::cuda
