// Directions of a whole model: subsets, the sphere and low rank.
#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <vector>

#include "check.h"
#include "core/noise/reference.h"
#include "cpu/backend.h"
#include "cpu/kernels/dispatch.h"
#include "cpu/perturbation.h"
#include "statistics.h"

namespace zest {
namespace {

// v(stream) of every parameter; nothing where it is not trainable.
class Model {
 public:
  explicit Model(const std::vector<ParameterSpec>& parameters)
      : weights_(spec_of(parameters), StorageType::float32),
        pool_(2),
        perturbation_(weights_, pool_) {}

  std::vector<std::vector<float>> directions(const Directions& directions, uint64_t stream) {
    perturbation_.set(directions, std::initializer_list<Point>{{{stream, 1.0f}}});
    std::vector<std::vector<float>> result;
    for (size_t i = 0; i < weights_.spec().parameters.size(); ++i) {
      const cpu::Matrix& w = weights_.matrix(static_cast<int>(i));
      const cpu::Noise noise = perturbation_.of(static_cast<int>(i));
      std::vector<float>& v = result.emplace_back();
      if (noise.count == 0) continue;
      v.resize(static_cast<size_t>(w.rows * w.columns));
      cpu::kernels().direction(w, noise, {nullptr, 0, w.rows}, v.data());
    }
    return result;
  }
  int64_t dimension() const { return zest::dimension(weights_.spec()); }

 private:
  static ModelSpec spec_of(const std::vector<ParameterSpec>& parameters) {
    ModelSpec spec;
    spec.parameters = parameters;
    return spec;
  }
  cpu::Weights weights_;
  ThreadPool pool_;
  cpu::Perturbation perturbation_;
};

std::vector<ParameterSpec> parameters(bool all_trainable) {
  return {{"a", 70, 130, true, all_trainable, true},
          {"b", 1, 70, false, true, false},
          {"c", 3, 200, true, true, true},
          {"d", 1, 1, false, all_trainable, false}};
}

// What `set` says of a stretch is what it says of all, and stretches are all rows, once.
void check_stretches(const std::vector<ParameterSpec>& parameters, const Directions& directions,
                     int64_t floats, size_t expected) {
  ModelSpec spec;
  spec.parameters = parameters;
  cpu::Weights weights(spec, StorageType::float32);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::vector<std::byte> zeros(
        4 * static_cast<size_t>(parameters[i].rows * parameters[i].columns));
    weights.write(static_cast<int>(i), zeros);
  }
  ThreadPool pool(2);
  cpu::Perturbation whole(weights, pool), part(weights, pool);
  const Point terms = {{1, 1.0f}, {4, 0.5f}, {7, -2.0f}};
  whole.set(directions, {&terms, 1});
  const std::vector<cpu::Stretch> cut = cpu::stretches(spec, directions, terms.size(), floats);
  CHECK(cut.size() == expected);
  std::vector<std::set<int64_t>> rows(parameters.size());
  for (const cpu::Stretch& stretch : cut) {
    part.set(directions, {&terms, 1}, stretch);
    for (int i = stretch.parameter; i < stretch.end; ++i) {
      const cpu::Matrix& w = weights.matrix(i);
      for (int64_t row = stretch.row; row < std::min(w.rows, stretch.end_row); ++row) {
        CHECK(rows[static_cast<size_t>(i)].insert(row).second);
        if (row % 97 > 1 && row + 1 != std::min(w.rows, stretch.end_row)) continue;
        const auto moved = [&](const cpu::Perturbation& by) {
          std::vector<float> v(static_cast<size_t>(w.columns));
          float* const out = v.data();
          cpu::kernels().perturb(w, by.of(i), {nullptr, row, 1}, &out, w.columns);
          return v;
        };
        CHECK(moved(part) == moved(whole));
      }
    }
  }
  for (size_t i = 0; i < parameters.size(); ++i)
    CHECK(static_cast<int64_t>(rows[i].size()) == parameters[i].rows);
}

TEST("low rank has the factors of a stretch of the weights in memory, and they are those of all") {
  const std::vector<ParameterSpec> many = {
      {"a", 500, 60, true, true, true},  {"b", 1, 60, false, true, false},
      {"c", 3, 200, true, false, true},  {"d", 60, 500, true, true, true},
      {"e", 6000, 70, true, true, true}, {"f", 1, 1, false, true, false}};
  for (const bool core : {false, true}) {
    const Directions low_rank = {3, Law::low_rank, 16, 2, core};
    const int64_t row = 3 * low_rank.rank;  // of the factors of three directions
    check_stretches(many, low_rank, 10'000 * row, 1);
    check_stretches(many, low_rank, 5'300 * row, 4);  // a to d, e in two, f
    check_stretches(many, low_rank, 700 * row, 15);   // a to c, d, e in twelve, f
    check_stretches(many, low_rank, 0, 58);           // a in 8, e in 47: as many rows as B has
  }
  check_stretches(many, {3, Law::gaussian, 0}, 0, 1);
}

double squared_norm(const std::vector<std::vector<float>>& v) {
  double total = 0;
  for (const std::vector<float>& part : v) {
    for (const float x : part) total += static_cast<double>(x) * static_cast<double>(x);
  }
  return total;
}

TEST("the noise of a trainable subset is that of the whole, restricted") {
  Model whole(parameters(true)), subset(parameters(false));
  for (const Directions& directions :
       {Directions{3, Law::gaussian, 0}, Directions{3, Law::rademacher, 0},
        Directions{3, Law::low_rank, 7}}) {
    const auto all = whole.directions(directions, 9), some = subset.directions(directions, 9);
    CHECK(some[0].empty() && some[3].empty());
    CHECK(some[1] == all[1] && some[2] == all[2]);
  }
}

TEST("a direction of the sphere is a Gaussian one, scaled to the norm of a vector of ones") {
  for (const bool all_trainable : {true, false}) {
    Model model(parameters(all_trainable));
    for (uint64_t stream = 0; stream < 50; ++stream) {
      const auto z = model.directions({3, Law::gaussian, 0}, stream);
      const auto v = model.directions({3, Law::sphere, 0}, stream);
      const double d = static_cast<double>(model.dimension());
      CHECK_NEAR(squared_norm(v) / d, 1.0, 1e-6);
      const float radius = v[1][0] / z[1][0];
      CHECK_NEAR(radius, std::sqrt(d / squared_norm(z)), 1e-6);
      for (size_t i = 0; i < v.size(); ++i) {
        for (size_t j = 0; j < v[i].size(); ++j) CHECK_NEAR(v[i][j], radius * z[i][j], 1e-6);
      }
    }
  }
}

TEST("a vector alone has the sphere's norm, and finite directions even where it is one number") {
  for (const size_t length : {1u, 2u, 3u, 100u, 1000u}) {
    for (uint64_t stream = 0; stream < 200; ++stream) {
      std::vector<float> v(length);
      vector_direction({5, Law::sphere, 0}, stream, length, v.data());
      // z^2 is rounded to 2^-24: a small one makes a small norm inexact.
      CHECK_NEAR(squared_norm({v}) / static_cast<double>(length), 1.0, length < 3 ? 1e-2 : 1e-5);
    }
  }
  // The first value of this stream is below 2^-12.5, so that its square counts as 0.
  uint64_t stream = 0;
  while (std::fabs(noise::gaussian(5, stream, 0)) >= 0x1p-13f) ++stream;
  float v;
  vector_direction({5, Law::sphere, 0}, stream, 1, &v);
  CHECK(std::isfinite(v) && std::fabs(v) < 1);
}

TEST("vectors stay Gaussian under low rank, and alone under any law but the others") {
  Model model(parameters(true));
  const auto z = model.directions({3, Law::gaussian, 0}, 9),
             v = model.directions({3, Law::low_rank, 2}, 9);
  CHECK(v[1] == z[1] && v[3] == z[3]);
  CHECK(v[0] != z[0] && v[2] != z[2]);
  std::vector<float> gaussian(300), low_rank(300);
  vector_direction({3, Law::gaussian, 0}, 9, 300, gaussian.data());
  vector_direction({3, Law::low_rank, 2}, 9, 300, low_rank.data());
  CHECK(gaussian == low_rank);
}

TEST("a rank below 1 or above 64 is an error") {
  Model model(parameters(true));
  for (const int rank : {-1, 0, 65}) {
    CHECK_THROWS("ERR_ZEST_DIRECTIONS", model.directions({3, Law::low_rank, rank}, 9));
  }
}

// By elimination with complete pivoting; pivots below `tolerance` count as 0.
int rank_of(std::vector<float> values, int64_t rows, int64_t columns, double tolerance) {
  std::vector<double> m(values.begin(), values.end());
  const auto at = [&](int64_t i, int64_t j) -> double& {
    return m[static_cast<size_t>(i * columns + j)];
  };
  int rank = 0;
  for (int64_t step = 0; step < std::min(rows, columns); ++step, ++rank) {
    int64_t row = step, column = step;
    for (int64_t i = step; i < rows; ++i) {
      for (int64_t j = step; j < columns; ++j) {
        if (std::fabs(at(i, j)) > std::fabs(at(row, column))) row = i, column = j;
      }
    }
    if (std::fabs(at(row, column)) < tolerance) break;
    for (int64_t j = 0; j < columns; ++j) std::swap(at(step, j), at(row, j));
    for (int64_t i = 0; i < rows; ++i) std::swap(at(i, step), at(i, column));
    for (int64_t i = step + 1; i < rows; ++i) {
      const double factor = at(i, step) / at(step, step);
      for (int64_t j = step; j < columns; ++j) at(i, j) -= factor * at(step, j);
    }
  }
  return rank;
}

TEST("the rank of a low-rank direction") {
  Model model({{"w", 40, 70, true, true, true}});
  CHECK(rank_of(model.directions({3, Law::gaussian, 0}, 1)[0], 40, 70, 1e-3) == 40);
  for (const int rank : {1, 2, 5, 17, 39}) {
    CHECK(rank_of(model.directions({3, Law::low_rank, rank}, 1)[0], 40, 70, 1e-4) == rank);
  }
  CHECK(rank_of(model.directions({3, Law::low_rank, 64}, 1)[0], 40, 70, 1e-4) == 40);
}

// E v = 0, E v v' = 1 for an element with itself and 0 for two; E v^4 = 3 + 6 / r. Two tensors, so
// that factors shared between tensors, or between A and B, would show.
TEST("moments and covariance of low-rank directions") {
  constexpr int samples = 20000, elements = 2 * 3 * 4;
  Model model({{"a", 3, 4, true, true, true}, {"b", 3, 4, true, true, true}});
  for (const int rank : {1, 4}) {
    double mean[elements] = {}, product[elements][elements] = {}, fourth[elements] = {};
    for (uint64_t stream = 0; stream < samples; ++stream) {
      const auto parts = model.directions({3, Law::low_rank, rank}, stream);
      double v[elements];
      for (int i = 0; i < elements; ++i) v[i] = parts[i < 12 ? 0 : 1][static_cast<size_t>(i % 12)];
      for (int i = 0; i < elements; ++i) {
        mean[i] += v[i];
        fourth[i] += v[i] * v[i] * v[i] * v[i];
        for (int j = 0; j < elements; ++j) product[i][j] += v[i] * v[j];
      }
    }
    const double r = rank, n = samples;
    const double second = 3 + 6 / r;
    double worst = 0, fourth_mean = 0;
    for (int i = 0; i < elements; ++i) {
      worst = test::worse(worst, mean[i] / std::sqrt(n));
      fourth_mean += fourth[i] / n / elements;
      for (int j = 0; j < elements; ++j) {
        // Var v_i v_j: at most E v^4, which two elements with a common factor come near to.
        const double deviation = std::sqrt(i == j ? second - 1 : second);
        worst = test::worse(worst, (product[i][j] / n - (i == j)) * std::sqrt(n) / deviation);
      }
    }
    CHECK(worst < 5);
    CHECK_NEAR(fourth_mean / second, 1.0, 0.1);
  }
}

TEST("neighbouring streams have factors of their own") {
  Model model({{"w", 30, 30, true, true, true}});
  std::set<float> seen;
  for (uint64_t stream = 0; stream < 20; ++stream) {
    const auto v = model.directions({3, Law::low_rank, 1}, stream);
    seen.insert(v[0].begin(), v[0].end());
  }
  CHECK(seen.size() > 20 * 900 - 20);
}

}  // namespace
}  // namespace zest
