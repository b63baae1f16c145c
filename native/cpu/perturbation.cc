#include "cpu/perturbation.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "core/fused_multiply_add.h"
#include "core/noise/address.h"
#include "cpu/kernels/dispatch.h"

namespace zest::cpu {
namespace {

constexpr int64_t rows_at_once = 64;

int64_t padded(int64_t columns) { return (columns + 63) / 64 * 64; }

bool has_factors(const ParameterSpec& p) { return p.trainable && p.matrix; }

}  // namespace

std::vector<Stretch> stretches(const ModelSpec& spec, const Directions& directions, size_t count,
                               int64_t floats) {
  const auto all = static_cast<int>(spec.parameters.size());
  if (directions.law != Law::low_rank) return {{0, all}};
  // Rows of factors, of A and of B.
  const int64_t most = floats / std::max<int64_t>(directions.rank * static_cast<int64_t>(count), 1);
  std::vector<std::pair<int64_t, Stretch>> made;
  int64_t rows = 0;
  int first = 0;
  const auto close = [&](int end) {
    if (end > first) made.push_back({rows, {first, end}});
    first = end, rows = 0;
  };
  for (int i = 0; i < all; ++i) {
    const ParameterSpec& p = spec.parameters[static_cast<size_t>(i)];
    if (!has_factors(p)) continue;
    const int64_t of_b = padded(p.columns);
    if (rows + p.rows + of_b > most) close(i);
    if (p.rows + of_b <= most) {
      rows += p.rows + of_b;
      continue;
    }
    // B is made again for each part of the rows: as many as make that no more than A.
    const int64_t at_once = std::max((most - of_b) / rows_at_once * rows_at_once, of_b);
    for (int64_t row = 0; row < p.rows; row += at_once) {
      const int64_t end = std::min(row + at_once, p.rows);
      made.push_back({end - row + of_b, {i, i + 1, row, end}});
    }
    first = i + 1;
  }
  close(all);
  std::stable_sort(made.begin(), made.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Stretch> sorted;
  for (const auto& [size, stretch] : made) sorted.push_back(stretch);
  return sorted;
}

void Perturbation::set(const Directions& directions, std::span<const Point> points) {
  set(directions, points, {0, static_cast<int>(weights_.spec().parameters.size())});
}

void Perturbation::set(const Directions& directions, std::span<const Point> points,
                       const Stretch& stretch) {
  check_directions(directions, weights_.spec());
  directions_ = directions;
  stretch_ = stretch;
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

int64_t Perturbation::rows_of(int parameter) const {
  const int64_t rows = weights_.spec().parameters[static_cast<size_t>(parameter)].rows;
  return std::min(rows, stretch_.end_row) - stretch_.row;
}

int64_t Perturbation::factor_rows(int parameter) const {
  return rows_of(parameter) +
         padded(weights_.spec().parameters[static_cast<size_t>(parameter)].columns);
}

void Perturbation::make_factors() {
  const std::vector<ParameterSpec>& parameters = weights_.spec().parameters;
  const int64_t rank = directions_.rank;
  const auto streams = static_cast<int64_t>(streams_.size());
  const auto row_blocks = [&](int i) { return parts(rows_of(i), rows_at_once); };
  const auto blocks = [&](int i) {
    return row_blocks(i) + parts(parameters[static_cast<size_t>(i)].columns, rows_at_once);
  };
  int64_t floats = 0;
  blocks_before_.reserve(parameters.size() + 1);
  blocks_before_.assign(1, 0);
  for (int i = stretch_.parameter; i < stretch_.end; ++i) {
    const bool has = has_factors(parameters[static_cast<size_t>(i)]);
    if (has) floats += streams * rank * factor_rows(i);
    blocks_before_.push_back(blocks_before_.back() + (has ? streams * blocks(i) : 0));
  }
  float* next = factors_.reserve(static_cast<size_t>(floats));
  factors_a_.assign(parameters.size() * streams_.size(), nullptr);
  factors_b_.assign(parameters.size() * streams_.size(), nullptr);
  for (int i = stretch_.parameter; i < stretch_.end; ++i) {
    if (!has_factors(parameters[static_cast<size_t>(i)])) continue;
    for (size_t s = 0; s < streams_.size(); ++s) {
      const size_t at = static_cast<size_t>(i) * streams_.size() + s;
      factors_a_[at] = next;
      factors_b_[at] = next + rank * rows_of(i);
      next += rank * factor_rows(i);
    }
  }
  pool_.run(blocks_before_.back(), [&](int64_t item, int) {
    const auto after = std::upper_bound(blocks_before_.begin(), blocks_before_.end(), item);
    const auto i = static_cast<int>(after - blocks_before_.begin() - 1) + stretch_.parameter;
    const auto at = static_cast<size_t>(i);
    const int64_t of_parameter = item - *(after - 1);
    const auto s = static_cast<size_t>(of_parameter / blocks(i));
    const int64_t block = of_parameter % blocks(i);
    const uint64_t kept = directions_.stream_of_b(streams_[s]);
    if (block < row_blocks(i)) {
      const int64_t row = block * rows_at_once;
      kernels().factor(directions_.seed, directions_.core ? kept : streams_[s],
                       weights_.addresses().factor_a[at], stretch_.row + row,
                       std::min(rows_at_once, rows_of(i) - row), static_cast<int>(rank), false,
                       factors_a_[at * streams_.size() + s] + row * rank, rank);
    } else {
      const int64_t columns = parameters[at].columns;
      const int64_t column = (block - row_blocks(i)) * rows_at_once;
      kernels().factor(directions_.seed, kept, weights_.addresses().factor_b[at], column,
                       std::min(rows_at_once, columns - column), static_cast<int>(rank), true,
                       factors_b_[at * streams_.size() + s] + column, padded(columns));
    }
  });
  if (directions_.core) multiply_cores();
}

// A = U Z / sqrt(rank), in place.
void Perturbation::multiply_cores() {
  const int64_t rank = directions_.rank;
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(rank)));
  std::array<float, most_rank * most_rank> z;
  for (int i = stretch_.parameter; i < stretch_.end; ++i) {
    const auto at = static_cast<size_t>(i);
    if (!has_factors(weights_.spec().parameters[at])) continue;
    for (size_t s = 0; s < streams_.size(); ++s) {
      kernels().fill(directions_.seed, noise::core_stream(streams_[s]),
                     weights_.addresses().factor_a[at], rank * rank, Law::gaussian, z.data());
      float* const a = factors_a_[at * streams_.size() + s];
      const int64_t rows = rows_of(i);
      pool_.run(parts(rows, rows_at_once), [&](int64_t item, int) {
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
    noise.factors_a = factors_a_.data() + static_cast<size_t>(parameter) * streams_.size();
    noise.factors_b = factors_b_.data() + static_cast<size_t>(parameter) * streams_.size();
    noise.rank = directions_.rank;
    noise.factors_row = stretch_.row;
  }
  return noise;
}

}  // namespace zest::cpu
