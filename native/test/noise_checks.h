// What noise must satisfy, as functions of a generator: they pass for the engine's, and each mutant
// fails one.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/noise/address.h"
#include "core/parameters.h"
#include "core/transformer/spec.h"
#include "noise_vectors.h"
#include "statistics.h"

namespace zest::test {

struct Generator {
  const char* name;
  Law law;  // gaussian or rademacher
  void (*fill)(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length, float* out);
  std::vector<uint64_t> (*bases)(const ModelSpec&) = [](const ModelSpec& spec) {
    return addresses(spec).base;
  };
  uint64_t (*span)(int64_t columns) = [](int64_t columns) { return noise::row_span(columns); };

  // v(stream) of one parameter.
  std::vector<float> draw(const ModelSpec& spec, uint64_t seed, uint64_t stream,
                          size_t parameter) const {
    const ParameterSpec& p = spec.parameters[parameter];
    const uint64_t base = bases(spec)[parameter];
    std::vector<float> v(static_cast<size_t>(p.rows * p.columns));
    for (int64_t row = 0; row < p.rows; ++row) {
      fill(seed, stream, base + static_cast<uint64_t>(row) * span(p.columns), p.columns,
           v.data() + row * p.columns);
    }
    return v;
  }
};

// The model of docs/noise.md.
inline ModelSpec vectors_model() {
  ModelSpec spec;
  for (const Tensor& t : model_tensors)
    spec.parameters.push_back({t.name, t.rows, t.columns, t.matrix, t.trainable, true});
  return spec;
}

template <size_t n>
int differences(const float* actual, const uint32_t (&expected)[n]) {
  int count = 0;
  for (size_t i = 0; i < n; ++i) count += std::bit_cast<uint32_t>(actual[i]) != expected[i];
  return count;
}

// How many values differ from the vectors of docs/noise.md.
inline double known_answers(const Generator& generator) {
  int wrong = 0;
  for (const Place& place :
       generator.law == Law::gaussian ? gaussian_vectors : rademacher_vectors) {
    float values[8];
    generator.fill(place.seed, place.stream, place.offset, 8, values);
    wrong += differences(values, place.values);
  }
  const ModelSpec spec = vectors_model();
  for (const Direction& d : model_directions) {
    if (d.law != static_cast<int>(generator.law)) continue;
    const std::vector<float> v =
        generator.draw(spec, model_seed, model_stream, static_cast<size_t>(d.parameter));
    wrong += differences(v.data(), d.first) + differences(v.data() + v.size() - 3, d.last);
  }
  return wrong;
}

// Ten draws of rows x columns: two tensors from each of five sources (seed and stream). The second
// has a neighbouring stream, the others differ from the first in the upper half of the stream, of
// the seed, and in the seed by one.
struct Draws {
  static constexpr uint64_t high = uint64_t{1} << 32;
  static constexpr uint64_t sources[5][2] = {
      {11, 4}, {11, 5}, {11, 4 + high}, {11 + high, 4}, {12, 4}};
  int64_t rows, columns;
  std::vector<float> v[5][2];

  Draws(const Generator& generator, int64_t row_count, int64_t column_count)
      : rows(row_count), columns(column_count) {
    ModelSpec spec;
    spec.parameters = {{"a", rows, columns, true, true, true},
                       {"b", rows, columns, true, true, true}};
    for (int s = 0; s < 5; ++s) {
      for (size_t t = 0; t < 2; ++t)
        v[s][t] = generator.draw(spec, sources[s][0], sources[s][1], t);
    }
  }

  std::vector<float> all() const {
    std::vector<float> samples;
    for (const auto& tensors : v) {
      for (const auto& tensor : tensors)
        samples.insert(samples.end(), tensor.begin(), tensor.end());
    }
    return samples;
  }
};

// Score of the correlation of two samples, and for the Gaussian law of their squares.
inline double correlation_score(Law law, const std::vector<float>& x, const std::vector<float>& y,
                                int64_t n, size_t shift = 0) {
  const double scale = 1 / std::sqrt(static_cast<double>(n));
  const double values = sum_of_products(x.data(), y.data() + shift, n, value) * scale;
  if (law == Law::rademacher) return worse(0, values);
  return worse(worse(0, values), sum_of_products(x.data(), y.data() + shift, n, energy) * scale);
}

// Elements of a row that are 1 .. 128 apart.
inline double neighbours_score(Law law, const Draws& draws) {
  double worst = 0;
  for (int64_t lag = 1; lag <= 128; ++lag) {
    double values = 0, energies = 0;
    for (const auto& tensors : draws.v) {
      for (const std::vector<float>& tensor : tensors) {
        for (int64_t row = 0; row < draws.rows; ++row) {
          const float* x = tensor.data() + row * draws.columns;
          values += sum_of_products(x, x + lag, draws.columns - lag, value);
          if (law == Law::gaussian)
            energies += sum_of_products(x, x + lag, draws.columns - lag, energy);
        }
      }
    }
    const double scale =
        1 / std::sqrt(10.0 * static_cast<double>(draws.rows * (draws.columns - lag)));
    worst = worse(worse(worst, values * scale), energies * scale);
  }
  return worst;
}

// The same column of rows that are one and two apart.
inline double rows_score(Law law, const Draws& draws) {
  double worst = 0;
  for (const auto& tensors : draws.v) {
    for (const std::vector<float>& tensor : tensors) {
      for (int64_t apart = 1; apart <= 2; ++apart) {
        const int64_t shift = apart * draws.columns;
        worst =
            worse(worst, correlation_score(law, tensor, tensor, draws.rows * draws.columns - shift,
                                           static_cast<size_t>(shift)));
      }
    }
  }
  return worst;
}

// The same element of draws from two sources.
inline double sources_score(Law law, const Draws& draws, int first, int second) {
  const int64_t n = draws.rows * draws.columns;
  double worst = 0;
  for (int t = 0; t < 2; ++t)
    worst = worse(worst, correlation_score(law, draws.v[first][t], draws.v[second][t], n));
  return worst;
}

inline double signs_score(const std::vector<float>& samples) {
  double sum = 0;
  for (const float x : samples) sum += std::fabs(x) == 1 ? static_cast<double>(x) : std::nan("");
  return worse(0, sum / std::sqrt(static_cast<double>(samples.size())));
}

struct Scores {
  std::map<std::string, double> of;  // check -> score

  static double limit(const std::string& check) {
    if (check == "known answers") return 0;
    return check == "distribution" ? 1.95 : 5;
  }
  bool fails(const std::string& check) const { return !(of.at(check) <= limit(check)); }
};

inline Scores scores(const Generator& generator, int64_t rows, int64_t columns) {
  const Law law = generator.law;
  const Draws draws(generator, rows, columns);
  Scores s;
  s.of["known answers"] = known_answers(generator);
  const std::vector<float> all = draws.all();
  s.of["moments"] = law == Law::gaussian ? moments_score(all) : signs_score(all);
  if (law == Law::gaussian) s.of["distribution"] = kolmogorov_smirnov(all);
  s.of["neighbours"] = neighbours_score(law, draws);
  s.of["rows"] = rows_score(law, draws);
  s.of["tensors"] = 0;
  for (const auto& tensors : draws.v) {
    s.of["tensors"] =
        worse(s.of["tensors"], correlation_score(law, tensors[0], tensors[1], rows * columns));
  }
  s.of["streams"] = worse(sources_score(law, draws, 0, 1), sources_score(law, draws, 0, 2));
  s.of["seeds"] = worse(sources_score(law, draws, 0, 3), sources_score(law, draws, 0, 4));
  s.of["seeds"] = worse(s.of["seeds"], sources_score(law, draws, 1, 4));  // of the same sum
  return s;
}

}  // namespace zest::test
