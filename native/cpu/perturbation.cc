#include "cpu/perturbation.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/fused_multiply_add.h"
#include "core/noise/address.h"
#include "cpu/kernels/dispatch.h"

namespace zest::cpu {
namespace {

constexpr int64_t rows_at_once = 64;

int64_t padded(int64_t columns) { return (columns + 63) / 64 * 64; }

}  // namespace

void Perturbation::set(const Directions& directions, std::span<const Point> points) {
  check_directions(directions, weights_.spec());
  directions_ = directions;
  points_ = static_cast<int>(points.size());
  streams_.clear();
  for (const Term& term : points[0]) streams_.push_back(term.stream);
  for (size_t p = 0; p < points.size(); ++p) {
    scales_[p].clear();
    for (const Term& term : points[p]) scales_[p].push_back(term.factor);
  }
  radius_.clear();
  if (directions.law == Law::sphere) {
    for (const uint64_t stream : streams_) radius_.push_back(radius(stream));
  }
  if (directions.law == Law::low_rank) make_factors();
}

float Perturbation::radius(uint64_t stream) {
  const auto key = std::pair{directions_.seed, stream};
  if (const auto found = known_radius_.find(key); found != known_radius_.end())
    return found->second;
  constexpr size_t most_known = 4096;
  if (known_radius_.size() >= most_known) known_radius_.clear();
  struct Part {
    const Matrix* matrix;
    int64_t first;
  };
  std::vector<Part> parts;
  const ModelSpec& spec = weights_.spec();
  for (size_t i = 0; i < spec.parameters.size(); ++i) {
    const Matrix& m = weights_.matrix(static_cast<int>(i));
    if (!spec.parameters[i].trainable) continue;
    for (int64_t row = 0; row < m.rows; row += rows_at_once) parts.push_back({&m, row});
  }
  std::atomic<int64_t> total{0};  // integers: the order of the threads does not matter
  pool_.run(static_cast<int64_t>(parts.size()), [&](int64_t item, int) {
    const auto [m, first] = parts[static_cast<size_t>(item)];
    int64_t part = 0;
    for (int64_t row = first; row < m->rows && row < first + rows_at_once; ++row) {
      part += kernels().sum_of_squares(
          directions_.seed, stream,
          m->base + static_cast<uint64_t>(row) * noise::row_span(m->columns), m->columns);
    }
    total.fetch_add(part);
  });
  return known_radius_[key] = sphere_radius(dimension(spec), total.load());
}

void Perturbation::make_factors() {
  const ModelSpec& spec = weights_.spec();
  const int64_t rank = directions_.rank;
  const size_t n = spec.parameters.size();
  const auto has_factors = [&](size_t i) {
    return spec.parameters[i].trainable && spec.parameters[i].matrix;
  };
  size_t floats = 0;
  for (size_t i = 0; i < n; ++i) {
    if (!has_factors(i)) continue;
    floats +=
        static_cast<size_t>(rank * (spec.parameters[i].rows + padded(spec.parameters[i].columns))) *
        streams_.size();
  }
  float* next = factors_.reserve(floats);
  factors_a_.assign(n, {});
  factors_b_.assign(n, {});
  struct Part {
    uint64_t stream, base;
    int64_t first, rows, stride;
    bool transposed;
    float* out;
  };
  std::vector<Part> parts;
  const auto add = [&](uint64_t stream, uint64_t base, int64_t rows, int64_t stride,
                       bool transposed) {
    for (int64_t first = 0; first < rows; first += rows_at_once) {
      parts.push_back({stream, base, first,
                       rows - first < rows_at_once ? rows - first : rows_at_once, stride,
                       transposed, next});
    }
    const float* made = next;
    next += transposed ? rank * stride : rows * rank;
    return made;
  };
  for (size_t i = 0; i < n; ++i) {
    if (!has_factors(i)) continue;
    const ParameterSpec& p = spec.parameters[i];
    for (const uint64_t stream : streams_) {
      const uint64_t of_a = directions_.core ? directions_.stream_of_b(stream) : stream;
      factors_a_[i].push_back(add(of_a, weights_.addresses().factor_a[i], p.rows, rank, false));
      factors_b_[i].push_back(add(directions_.stream_of_b(stream), weights_.addresses().factor_b[i],
                                  p.columns, padded(p.columns), true));
    }
  }
  pool_.run(static_cast<int64_t>(parts.size()), [&](int64_t item, int) {
    const Part& part = parts[static_cast<size_t>(item)];
    kernels().factor(directions_.seed, part.stream, part.base, part.first, part.rows,
                     static_cast<int>(rank), part.transposed, part.out, part.stride);
  });
  if (directions_.core) multiply_cores();
}

// A = U Z / sqrt(rank), in place.
void Perturbation::multiply_cores() {
  const ModelSpec& spec = weights_.spec();
  const int64_t rank = directions_.rank;
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(rank)));
  for (size_t i = 0; i < factors_a_.size(); ++i) {
    for (size_t s = 0; s < factors_a_[i].size(); ++s) {
      std::vector<float> z(static_cast<size_t>(rank * rank));
      kernels().fill(directions_.seed, noise::core_stream(streams_[s]),
                     weights_.addresses().factor_a[i], rank * rank, Law::gaussian, z.data());
      float* a = const_cast<float*>(factors_a_[i][s]);  // of factors_
      const int64_t rows = spec.parameters[i].rows;
      pool_.run((rows + rows_at_once - 1) / rows_at_once, [&](int64_t item, int) {
        float u[most_rank];
        for (int64_t row = item * rows_at_once; row < std::min(rows, (item + 1) * rows_at_once);
             ++row) {
          std::copy_n(a + row * rank, rank, u);
          for (int64_t q = 0; q < rank; ++q) {
            float sum = 0;
            for (int64_t p = 0; p < rank; ++p) {
              sum = fused_multiply_add(u[p], z[static_cast<size_t>(p * rank + q)], sum);
            }
            a[row * rank + q] = scale * sum;
          }
        }
      });
    }
  }
}

Noise Perturbation::of(int parameter) const {
  Noise noise;
  noise.seed = directions_.seed;
  noise.points = points_;
  const ParameterSpec& p = weights_.spec().parameters[static_cast<size_t>(parameter)];
  if (!p.trainable) return noise;
  noise.law = directions_.law;
  noise.count = static_cast<int>(streams_.size());
  noise.streams = streams_.data();
  noise.radius = radius_.data();
  for (int i = 0; i < points_; ++i) noise.scales[i] = scales_[i].data();
  if (directions_.law == Law::low_rank && p.matrix) {
    noise.factors_a = factors_a_[static_cast<size_t>(parameter)].data();
    noise.factors_b = factors_b_[static_cast<size_t>(parameter)].data();
    noise.rank = directions_.rank;
  }
  return noise;
}

}  // namespace zest::cpu
