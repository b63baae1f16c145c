// The kernels of every instruction set against the one-element reference, bit for bit.
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "core/noise/reference.h"
#include "instruction_sets.h"

namespace zest::cpu {
namespace {

using test::instruction_sets;

std::mt19937_64 random_bits(1);  // the same cases in every run
int64_t below(int64_t n) { return static_cast<int64_t>(random_bits() % static_cast<uint64_t>(n)); }
// All magnitudes alike.
uint64_t any_number(int bits = 64) { return random_bits() >> (64 - bits) >> below(bits); }
float any_float() {
  return static_cast<float>(static_cast<double>(below(1 << 24)) * 0x1p-23 - 1.0);
}
uint16_t to_bfloat16(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}
float from_bfloat16(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

// False, and one line for the first difference.
bool same(const std::vector<float>& actual, const std::vector<float>& expected,
          const std::string& what) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::bit_cast<uint32_t>(actual[i]) == std::bit_cast<uint32_t>(expected[i])) continue;
    check::fail(__FILE__, __LINE__,
                what + ": element " + std::to_string(i) + " is " + std::to_string(actual[i]) +
                    ", expected " + std::to_string(expected[i]));
    return false;
  }
  return true;
}

float element(uint64_t seed, uint64_t stream, uint64_t offset, Law law) {
  return law == Law::rademacher ? noise::rademacher(seed, stream, offset)
                                : noise::gaussian(seed, stream, offset);
}

TEST("fill at any offset and length") {
  for (const Kernels* set : instruction_sets()) {
    for (int i = 0; i < 400; ++i) {
      // Counters leave 32 bits at 2^34 (Gaussian) and 2^39 (Rademacher).
      const uint64_t edges[] = {any_number(), (uint64_t{1} << 34) - 100, (uint64_t{1} << 39) - 100};
      const uint64_t seed = any_number(), stream = any_number(),
                     offset = edges[i % 3] + random_bits() % 200;
      const int64_t length = below(400);
      const Law law = i % 2 ? Law::rademacher : Law::gaussian;
      std::vector<float> actual(static_cast<size_t>(length) + 1, 123.0f), expected = actual;
      for (int64_t j = 0; j < length; ++j) {
        expected[static_cast<size_t>(j)] =
            element(seed, stream, offset + static_cast<uint64_t>(j), law);
      }
      set->fill(seed, stream, offset, length, law, actual.data());
      if (!same(actual, expected, std::string(set->name) + " fill")) return;
    }
  }
}

TEST("the sum of squares") {
  for (const Kernels* set : instruction_sets()) {
    for (int i = 0; i < 300; ++i) {
      const uint64_t seed = any_number(), stream = any_number(), offset = any_number(57) * 128;
      const int64_t length = 1 + below(300);
      int64_t expected = 0;
      for (int64_t j = 0; j < length; ++j) {
        const float z = noise::gaussian(seed, stream, offset + static_cast<uint64_t>(j));
        const float square = z * z;
        expected += std::llrint(static_cast<double>(square) * 0x1p24);
      }
      CHECK(set->sum_of_squares(seed, stream, offset, length) == expected);
    }
  }
}

// A matrix, its directions and all that the kernels want of them.
struct Case {
  Matrix w;
  Noise noise;
  std::vector<float> weights;    // float32, or
  std::vector<uint16_t> halves;  // bfloat16
  std::vector<uint64_t> streams;
  std::vector<float> radius, scales[Noise::max_points];
  uint64_t base_a, base_b;
  std::vector<std::vector<float>> a, b;
  std::vector<const float*> factors_a, factors_b;
  std::vector<int32_t> index;
  Rows rows;

  // Rows at most `most_rows` of the matrix, in any order or consecutive.
  Case(const Kernels& set, int64_t most_rows) {
    const int64_t widths[] = {1, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 200, 257};
    w.rows = 1 + below(40), w.columns = widths[below(13)], w.base = any_number(50) * 128;
    const size_t size = static_cast<size_t>(w.rows * w.columns);
    for (size_t i = 0; i < size; ++i) weights.push_back(any_float());
    for (const float value : weights) halves.push_back(to_bfloat16(value));
    w.type = below(2) ? StorageType::bfloat16 : StorageType::float32;
    w.data = w.type == StorageType::float32 ? static_cast<void*>(weights.data()) : halves.data();
    noise.seed = any_number();
    noise.law = static_cast<Law>(below(4));
    noise.count = static_cast<int>(below(4));
    noise.points = 1 + static_cast<int>(below(2));
    for (int i = 0; i < noise.count; ++i) {
      streams.push_back(any_number(63));
      radius.push_back(1.0f + 0.01f * any_float());
      for (auto& s : scales) s.push_back(any_float());
    }
    noise.streams = streams.data(), noise.radius = radius.data();
    for (int p = 0; p < Noise::max_points; ++p) noise.scales[p] = scales[p].data();
    if (noise.law == Law::low_rank) add_factors(set);
    const int64_t count = 1 + below(most_rows);
    if (below(2)) {
      for (int64_t i = 0; i < count; ++i) index.push_back(static_cast<int32_t>(below(w.rows)));
      rows = {index.data(), 0, count};
    } else {
      rows.count = count < w.rows ? count : w.rows;
      rows.first = below(w.rows - rows.count + 1);
    }
  }
  Case(const Case&) = delete;

  void add_factors(const Kernels& set) {
    noise.rank = 1 + static_cast<int>(below(64));
    base_a = any_number(50) * 128, base_b = any_number(50) * 128;
    const int64_t padded = (w.columns + 63) / 64 * 64;
    for (const uint64_t stream : streams) {
      std::vector<float>& rows_of_a = a.emplace_back(static_cast<size_t>(w.rows * noise.rank));
      std::vector<float>& columns_of_b = b.emplace_back(static_cast<size_t>(noise.rank * padded));
      // In two parts, as threads would.
      const auto make = [&](uint64_t base, int64_t count, bool transposed, float* out,
                            int64_t stride) {
        const int64_t middle = count / 2;
        set.factor(noise.seed, stream, base, 0, middle, noise.rank, transposed, out, stride);
        set.factor(noise.seed, stream, base, middle, count - middle, noise.rank, transposed,
                   out + (transposed ? middle : middle * stride), stride);
      };
      make(base_a, w.rows, false, rows_of_a.data(), noise.rank);
      make(base_b, w.columns, true, columns_of_b.data(), padded);
      factors_a.push_back(rows_of_a.data()), factors_b.push_back(columns_of_b.data());
    }
    noise.factors_a = factors_a.data(), noise.factors_b = factors_b.data();
  }

  uint64_t offset(int64_t row, int64_t column) const {
    return w.base + static_cast<uint64_t>(row) * noise::row_span(w.columns) +
           static_cast<uint64_t>(column);
  }
  float weight(int64_t row, int64_t column) const {
    const size_t i = static_cast<size_t>(row * w.columns + column);
    return w.type == StorageType::float32 ? weights[i] : from_bfloat16(halves[i]);
  }
  float v(int stream, int64_t row, int64_t column) const {
    const uint64_t s = streams[static_cast<size_t>(stream)];
    if (noise.law == Law::low_rank) {
      float sum = 0;
      for (int q = 0; q < noise.rank; ++q) {
        sum = std::fma(
            noise::gaussian(noise.seed, s, base_a + static_cast<uint64_t>(row * 128 + q)),
            noise::gaussian(noise.seed, s, base_b + static_cast<uint64_t>(column * 128 + q)), sum);
      }
      return static_cast<float>(1 / std::sqrt(static_cast<double>(noise.rank))) * sum;
    }
    const float z = element(noise.seed, s, offset(row, column), noise.law);
    return noise.law == Law::sphere ? radius[static_cast<size_t>(stream)] * z : z;
  }
  float perturbed(int point, int64_t row, int64_t column) const {
    float value = weight(row, column);
    for (int i = 0; i < noise.count; ++i)
      value = std::fma(noise.scales[point][i], v(i, row, column), value);
    return value;
  }
  std::string name(const Kernels& set, const char* kernel) const {
    return std::string(set.name) + " " + kernel + ", law " +
           std::to_string(static_cast<int>(noise.law)) + ", " + std::to_string(w.rows) + " x " +
           std::to_string(w.columns);
  }
};

template <class Body>
void for_each_case(int64_t most_rows, int cases, Body body) {
  for (const Kernels* set : instruction_sets()) {
    for (int i = 0; i < cases; ++i) {
      Case c(*set, most_rows ? most_rows : set->panel_width);
      if (!body(*set, c)) return;
    }
  }
}

constexpr float untouched = 123.0f;

TEST("directions of rows under every law") {
  for_each_case(20, 150, [](const Kernels& set, Case& c) {
    if (c.noise.count == 0) return true;
    std::vector<float> expected;
    for (int64_t i = 0; i < c.rows.count; ++i) {
      for (int64_t column = 0; column < c.w.columns; ++column)
        expected.push_back(c.v(0, c.rows[i], column));
    }
    std::vector<float> actual(expected.size() + 1, untouched);
    expected.push_back(untouched);
    set.direction(c.w, c.noise, c.rows, actual.data());
    return same(actual, expected, c.name(set, "direction"));
  });
}

TEST("perturbed rows under every law, for one point and two, of float32 and bfloat16") {
  for_each_case(20, 150, [](const Kernels& set, Case& c) {
    const int64_t stride = c.w.columns + below(20);
    const size_t size = static_cast<size_t>(c.rows.count * stride);
    std::vector<float> actual[2] = {std::vector<float>(size, untouched),
                                    std::vector<float>(size, untouched)};
    float* const out[2] = {actual[0].data(), actual[1].data()};
    set.perturb(c.w, c.noise, c.rows, out, stride);
    for (int p = 0; p < c.noise.points; ++p) {
      std::vector<float> expected(size, untouched);
      for (int64_t i = 0; i < c.rows.count; ++i) {
        for (int64_t k = 0; k < c.w.columns; ++k) {
          expected[static_cast<size_t>(i * stride + k)] = c.perturbed(p, c.rows[i], k);
        }
      }
      if (!same(actual[p], expected, c.name(set, "perturb"))) return false;
    }
    return true;
  });
}

TEST("packed panels hold the same, transposed, and zeros") {
  for_each_case(0, 150, [](const Kernels& set, Case& c) {
    const int64_t width = set.panel_width;
    const size_t size = static_cast<size_t>(panel_floats(c.w.columns, set.panel_width));
    std::vector<float> actual[2] = {std::vector<float>(size, untouched),
                                    std::vector<float>(size, untouched)};
    float* const out[2] = {actual[0].data(), actual[1].data()};
    set.pack(c.w, c.noise, c.rows, out);
    for (int p = 0; p < c.noise.points; ++p) {
      std::vector<float> expected(size, 0.0f);
      for (int64_t i = 0; i < c.rows.count; ++i) {
        for (int64_t k = 0; k < c.w.columns; ++k) {
          expected[static_cast<size_t>(k * width + i)] = c.perturbed(p, c.rows[i], k);
        }
      }
      if (!same(actual[p], expected, c.name(set, "pack"))) return false;
    }
    return true;
  });
}

// The rules again, element by element, from docs/noise.md.
struct RuledElement {
  float theta, momentum, second;
};

RuledElement move(const Step& step, float theta, float anchor, float g, float first, float second) {
  const float pull = step.decay * (step.anchored ? theta - anchor : theta);
  float direction = 0;
  switch (step.rule) {
    case Rule::plain:
      return {theta - g, first, second};
    case Rule::sign:
      direction = g > 0 ? 1.0f : g < 0 ? -1.0f : 0.0f;
      break;
    case Rule::momentum:
      direction = first = std::fma(step.beta1, first, g);
      break;
    case Rule::adam:
      first = std::fma(step.beta1, first, (1 - step.beta1) * g);
      second = std::fma(step.beta2, second, (1 - step.beta2) * g * g);
      direction = first / (std::sqrt(second) + step.epsilon);
  }
  return {theta - std::fma(step.rate, direction, pull), first, second};
}

TEST("an update by every rule, with stochastic rounding where the weights are bfloat16") {
  for_each_case(21, 200, [](const Kernels& set, Case& c) {
    c.index.clear();
    c.rows = {nullptr, c.w.rows / 3, c.w.rows - c.w.rows / 3};
    Step step;
    step.rule = static_cast<Rule>(below(4));
    step.decay = below(3) ? 0.125f * any_float() : 0.0f;
    step.anchored = below(2) == 1;
    step.rate = 0.03f, step.beta1 = 0.9f, step.beta2 = 0.99f, step.epsilon = 1e-3f;
    const uint64_t stream = noise::rounding_stream + any_number(63);
    const size_t size = static_cast<size_t>(c.w.rows * c.w.columns);
    std::vector<float> first(size), second(size), anchor(size);
    for (size_t i = 0; i < size; ++i) {
      first[i] = any_float(), second[i] = std::fabs(any_float()), anchor[i] = any_float();
    }
    StateOf state;
    if (step.rule == Rule::momentum || step.rule == Rule::adam) state.first = first.data();
    if (step.rule == Rule::adam) state.second = second.data();
    if (step.anchored) state.anchor = anchor.data();
    std::vector<float> expected, expected_first = first, expected_second = second;
    for (int64_t row = 0; row < c.w.rows; ++row) {
      for (int64_t k = 0; k < c.w.columns; ++k) {
        const float theta = c.weight(row, k);
        if (row < c.rows.first) {
          expected.push_back(theta);
          continue;
        }
        const size_t at = static_cast<size_t>(row * c.w.columns + k);
        float g = 0;
        if (step.rule == Rule::plain) g = step.decay * (step.anchored ? theta - anchor[at] : theta);
        for (int i = 0; i < c.noise.count; ++i)
          g = std::fma(c.noise.scales[0][i], c.v(i, row, k), g);
        const RuledElement moved = move(step, theta, anchor[at], g, first[at], second[at]);
        float updated = moved.theta;
        if (state.first) expected_first[at] = moved.momentum;
        if (state.second) expected_second[at] = moved.second;
        if (c.w.type == StorageType::bfloat16) {
          const uint32_t random = noise::rounding_bits(c.noise.seed, stream, c.offset(row, k));
          updated = from_bfloat16(
              static_cast<uint16_t>((std::bit_cast<uint32_t>(updated) + random) >> 16));
        }
        expected.push_back(updated);
      }
    }
    set.apply(c.w, c.noise, c.rows, step, state, stream);
    std::vector<float> actual;
    for (int64_t row = 0; row < c.w.rows; ++row) {
      for (int64_t k = 0; k < c.w.columns; ++k) actual.push_back(c.weight(row, k));
    }
    return same(first, expected_first, c.name(set, "first")) &&
           same(second, expected_second, c.name(set, "second")) &&
           same(actual, expected, c.name(set, "apply"));
  });
}

}  // namespace
}  // namespace zest::cpu
