// Noise, perturbed rows and updates hold the CPU's bits, over shapes with ragged ends.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "core/noise/address.h"
#include "cpu/backend.h"
#include "cpu/kernels/dispatch.h"
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/directions.h"
#include "cuda/kernels/perturb.h"
#include "cuda/kernels/update.h"
#include "test/check.h"
#include "test/cuda/device_arrays.h"
#include "test/cuda/schedules.h"

namespace zest::test {
namespace {

using cuda::bfloat16;
using cuda::padded8;

constexpr uint64_t seed = 0x123456789abcdef0u;
struct Size {
  int64_t rows, columns;
};
// One element, ragged chunks, a whole chunk, several, columns that 4 and 8 do and do not divide.
const std::vector<Size> sizes = {{1, 1},   {1, 7},  {3, 16}, {2, 63},  {5, 64}, {1, 129},
                                 {7, 100}, {4, 36}, {9, 72}, {2, 257}, {3, 768}};
const std::vector<Law> laws = {Law::gaussian, Law::sphere, Law::rademacher, Law::low_rank};
constexpr int rank = 3;
constexpr uint64_t base = 128 * 5, base_a = 128 * 100000, base_b = 128 * 200000;

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

std::vector<uint16_t> halves(const std::vector<float>& values) {
  std::vector<uint16_t> result;
  for (const float x : values) result.push_back(cuda::to_bfloat16(x).bits);
  return result;
}

// One parameter under some terms, on the CPU and on the device.
struct Case {
  Case(Size size, Law law, StorageType type, const std::vector<uint64_t>& streams)
      : law(law), type(type), streams(streams), rows(size.rows), columns(size.columns) {
    weights = random_values(static_cast<size_t>(rows * columns), 3);
    weight_halves = halves(weights);
    radius = std::vector<float>(streams.size(), 1.0f);
    for (size_t t = 0; t < streams.size(); ++t) radius[t] = 0.75f + 0.125f * static_cast<float>(t);
    matrix = {type == StorageType::float32 ? static_cast<void*>(weights.data())
                                           : static_cast<void*>(weight_halves.data()),
              type, rows, columns, base};
    if (law == Law::low_rank) make_factors();
    noise.seed = seed;
    noise.law = law;
    noise.count = static_cast<int>(streams.size());
    noise.streams = this->streams.data();
    noise.radius = radius.data();
    if (law == Law::low_rank) {
      noise.factors_a = factors_a.data();
      noise.factors_b = factors_b.data();
      noise.rank = rank;
    }

    device_weights = uploaded(weights);
    device_halves = uploaded(weight_halves);
    device_radius = uploaded(radius);
    parameter.data = type == StorageType::float32 ? static_cast<void*>(device_weights.data())
                                                  : static_cast<void*>(device_halves.data());
    parameter.rows = rows, parameter.columns = columns, parameter.base = base;
    parameter.trainable = parameter.decays = 1;
  }

  void make_factors() {
    const int64_t padded = cuda::padded_columns(columns);
    a.resize(streams.size() * static_cast<size_t>(rows * rank));
    b.resize(streams.size() * static_cast<size_t>(rank * padded));
    for (size_t t = 0; t < streams.size(); ++t) {
      float* own_a = a.data() + t * static_cast<size_t>(rows * rank);
      float* own_b = b.data() + t * static_cast<size_t>(rank * padded);
      cpu::kernels().factor(seed, streams[t], base_a, 0, rows, rank, false, own_a, rank);
      cpu::kernels().factor(seed, streams[t], base_b, 0, columns, rank, true, own_b, padded);
      factors_a.push_back(own_a);
      factors_b.push_back(own_b);
    }
  }

  // The plan of the groups, with the factors made by the device.
  cuda::Plan plan(const std::vector<cuda::Group>& groups, const std::vector<cuda::Term>& terms) {
    device_groups = uploaded(groups);
    device_terms = uploaded(terms);
    cuda::Plan plan{};
    plan.keys = philox::Keys(seed);
    plan.law = law;
    plan.rank = law == Law::low_rank ? rank : 0;
    plan.rank_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(rank)));
    plan.group_count = static_cast<int32_t>(groups.size());
    plan.groups = device_groups.data();
    plan.terms = device_terms.data();
    plan.radius = device_radius.data();
    if (law == Law::low_rank) {
      device_a = filled<float>(a.size());
      device_b = filled<float>(b.size());
      sources = uploaded<cuda::FactorSource>(
          {{base_a, base_b, rows, columns, device_a.data(), device_b.data()}});
      std::vector<cuda::BlockShare> list;
      for (int64_t first = 0; first < rows + columns; first += cuda::factor_rows_a_block) {
        list.push_back({0, first});
      }
      shares = uploaded(list);
      cuda::make_factors(plan, static_cast<int32_t>(streams.size()), sources.data(), shares.data(),
                         static_cast<int64_t>(list.size()), stream());
      parameter.factor_a = device_a.data();
      parameter.factor_b = device_b.data();
    }
    return plan;
  }

  Law law;
  StorageType type;
  std::vector<uint64_t> streams;
  int64_t rows, columns;
  std::vector<float> weights, radius, a, b;
  std::vector<uint16_t> weight_halves;
  std::vector<const float*> factors_a, factors_b;
  cpu::Matrix matrix;
  cpu::Noise noise;
  cuda::Parameter parameter;
  DeviceMemory<float> device_weights, device_radius, device_a, device_b;
  DeviceMemory<uint16_t> device_halves;
  DeviceMemory<cuda::Group> device_groups;
  DeviceMemory<cuda::Term> device_terms;
  DeviceMemory<cuda::FactorSource> sources;
  DeviceMemory<cuda::BlockShare> shares;
};

TEST("filled noise is the CPU's") {
  for (const Law law : {Law::gaussian, Law::rademacher}) {
    for (const int64_t length : {1, 15, 64, 100, 1000}) {
      for (const uint64_t offset : {uint64_t{0}, uint64_t{64}, uint64_t{1} << 40}) {
        std::vector<float> expected(static_cast<size_t>(length));
        fill_noise(seed, 77, offset, expected.size(), law, expected.data());
        under_some_schedule([&] {
          const auto out = filled<float>(expected.size());
          cuda::fill_noise(seed, 77, offset, length, law, out.data(), stream());
          CHECK(same_bits(downloaded(out, expected.size()), expected));
        });
      }
    }
  }
}

TEST("a direction's rows are the CPU's, under every law") {
  for (const Size size : sizes) {
    for (const Law law : laws) {
      under_some_schedule([&] {
        Case c(size, law, StorageType::float32, {9});
        std::vector<float> expected(c.weights.size());
        cpu::kernels().direction(c.matrix, c.noise, {nullptr, 0, c.rows}, expected.data());
        const auto out = filled<float>(expected.size());
        const cuda::Plan plan = c.plan({{0, 1, 0, 1}}, {{9, {1, 0}}});
        cuda::direction(plan, c.parameter, out.data(), stream());
        CHECK(same_bits(downloaded(out, expected.size()), expected));
      });
    }
  }
}

TEST("perturbed rows are the CPU's: pairs, sums of directions, the weights themselves") {
  // Points 0, 1: +- of stream 5; point 2: a sum of 1 and 2^40; point 3: no noise; 4, 5: +- of 8.
  const std::vector<uint64_t> streams = {5, 1, uint64_t{1} << 40, 8};
  const std::vector<cuda::Group> groups = {{0, 1, 0, 2}, {1, 2, 2, 1}, {3, 0, 3, 1}, {3, 1, 4, 2}};
  const std::vector<cuda::Term> terms = {
      {5, {0.01f, -0.01f}}, {1, {0.5f, 0}}, {streams[2], {-0.25f, 0}}, {8, {1e-3f, -1e-3f}}};
  constexpr int points = 6;
  const auto check = [&](Size size, Law law, StorageType type, StorageType out_type) {
    Case c(size, law, type, streams);
    const int64_t stride = padded8(c.columns), point = c.rows * stride;
    std::vector<float> expected(static_cast<size_t>(points * point), 0.0f);
    for (const cuda::Group& group : groups) {
      cpu::Noise noise = c.noise;
      std::vector<float> scales[2];
      for (int p = 0; p < group.points; ++p) {
        for (int t = 0; t < group.terms; ++t) {
          scales[p].push_back(terms[static_cast<size_t>(group.first_term + t)].scale[p]);
        }
        noise.scales[p] = scales[p].data();
      }
      noise.count = group.terms;
      noise.points = group.points;
      noise.streams += group.first_term;
      noise.radius += group.first_term;
      if (noise.factors_a) noise.factors_a += group.first_term, noise.factors_b += group.first_term;
      float* out[2] = {expected.data() + group.first_point * point,
                       expected.data() + (group.first_point + 1) * point};
      cpu::kernels().perturb(c.matrix, noise, {nullptr, 0, c.rows}, out, stride);
    }
    const cuda::Plan plan = c.plan(groups, terms);
    // In two pieces: the first 128 columns at a time, the second by an index that reverses the rows
    // and leaves one out.
    const int64_t half = c.rows / 2;
    std::vector<int32_t> index;
    for (int64_t row = c.rows - 1; row >= half; --row) index.push_back(static_cast<int32_t>(row));
    index.push_back(-1);
    const auto device_index = uploaded(index);
    const size_t bytes = out_type == StorageType::float32 ? 4 : 2;
    const auto out = filled<std::byte>(expected.size() * bytes);
    for (int64_t column = 0; column < c.columns; column += 128) {
      const int64_t columns = std::min<int64_t>(128, c.columns - column);
      const cuda::PerturbedRows first{out.data() + static_cast<size_t>(column) * bytes, out_type,
                                      stride, point};
      cuda::perturb_rows(plan, type, c.parameter, {nullptr, 0, half, column, columns}, first,
                         stream());
    }
    const cuda::PerturbedRows second{out.data() + static_cast<size_t>(half * stride) * bytes,
                                     out_type, stride, point};
    const int64_t rest = static_cast<int64_t>(index.size()) - 1;
    cuda::perturb_rows(plan, type, c.parameter, {device_index.data(), 0, rest}, second, stream());
    const std::vector<std::byte> got = downloaded(out, expected.size() * bytes);
    const auto want_at = [&](int p, int64_t row, int64_t column) {
      return expected[static_cast<size_t>(p * point + row * stride + column)];
    };
    const auto rounding_error = [](float x) { return cuda::to_float(cuda::to_bfloat16(x)) - x; };
    bool same = true;
    for (int p = 0; p < points; ++p) {
      for (int64_t row = 0; row < c.rows; ++row) {
        const int64_t source = row < half ? row : c.rows - 1 - (row - half);
        for (int64_t column = 0; column < c.columns; ++column) {
          const float want = want_at(p, source, column);
          const size_t at = static_cast<size_t>(p * point + row * stride + column) * bytes;
          if (bytes == 4) {
            same = same && std::memcmp(&got[at], &want, 4) == 0;
          } else {
            const bool second = p == 1 || p == 5;  // of a pair
            const float error = second ? rounding_error(want_at(p - 1, source, column)) : 0.0f;
            const bfloat16 rounded = cuda::to_bfloat16(want + error);
            same = same && std::memcmp(&got[at], &rounded, 2) == 0;
          }
        }
      }
    }
    CHECK(same);
  };
  for (const Size size : sizes) {
    for (const Law law : laws) {
      under_some_schedule([&] { check(size, law, StorageType::float32, StorageType::float32); });
    }
    under_some_schedule(
        [&] { check(size, Law::gaussian, StorageType::bfloat16, StorageType::float32); });
    under_some_schedule(
        [&] { check(size, Law::gaussian, StorageType::bfloat16, StorageType::bfloat16); });
  }
  for_each_schedule([&] {
    check({5, 100}, Law::gaussian, StorageType::float32, StorageType::float32);
  });
}

TEST("an update is the CPU's, in float32 and in bfloat16 with stochastic rounding") {
  const auto check = [&](Size size, Law law, StorageType type, size_t terms,
                         Rule rule = Rule::plain, bool anchored = false) {
    std::vector<uint64_t> streams;
    std::vector<cuda::Term> factors;
    std::vector<float> scales;
    for (size_t t = 0; t < terms; ++t) {
      streams.push_back(11 + t * t);
      scales.push_back(0.01f * static_cast<float>(t + 1) * (t % 2 ? -1.0f : 1.0f));
      factors.push_back({streams[t], {scales[t], 0}});
    }
    Case c(size, law, type, streams);
    const uint64_t rounding_stream = noise::rounding_stream + 11;
    const float decay = 0.001f;
    const cuda::Plan plan = c.plan({{0, static_cast<int32_t>(terms), 0, 1}},
                                   factors.empty() ? std::vector<cuda::Term>{{}} : factors);
    cpu::Noise noise = c.noise;
    noise.scales[0] = scales.data();
    const Step step{rule, decay, 0.03f, 0.9f, 0.99f, 1e-3f, anchored};
    std::vector<float> first, second, anchor;
    for (int64_t i = 0; i < c.rows * c.columns; ++i) {
      first.push_back(0.25f * static_cast<float>(i % 7) - 0.5f);
      second.push_back(0.125f * static_cast<float>(i % 5));
      anchor.push_back(0.01f * static_cast<float>(i % 11));
    }
    auto device_first = uploaded(first), device_second = uploaded(second),
         device_anchor = uploaded(anchor);
    const bool has_first = rule == Rule::momentum || rule == Rule::adam;
    const bool has_second = rule == Rule::adam;
    const cpu::StateOf state{has_first ? first.data() : nullptr,
                             has_second ? second.data() : nullptr,
                             anchored ? anchor.data() : nullptr};
    const cuda::StateTensors tensors{has_first ? device_first.data() : nullptr,
                                     has_second ? device_second.data() : nullptr,
                                     anchored ? device_anchor.data() : nullptr};
    cpu::kernels().apply(c.matrix, noise, {nullptr, 0, c.rows}, step, state, rounding_stream);
    const auto parameters = uploaded<cuda::Parameter>({c.parameter});
    std::vector<cuda::BlockShare> list;
    for (int64_t first = 0; first < cuda::update_units(type, c.rows, c.columns);
         first += cuda::update_threads) {
      list.push_back({0, first});
    }
    const auto shares = uploaded(list);
    cuda::update(plan, type, parameters.data(), shares.data(), static_cast<int64_t>(list.size()),
                 step, tensors, rounding_stream, stream());
    CHECK(same_bits(downloaded(device_first, first.size()), first));
    CHECK(same_bits(downloaded(device_second, second.size()), second));
    if (type == StorageType::float32) {
      CHECK(same_bits(downloaded(c.device_weights, c.weights.size()), c.weights));
    } else {
      CHECK(same_bits(downloaded(c.device_halves, c.weight_halves.size()), c.weight_halves));
    }
  };
  for (const Size size : sizes) {
    for (const StorageType type : {StorageType::float32, StorageType::bfloat16}) {
      for (const Law law : laws) under_some_schedule([&] { check(size, law, type, 2); });
    }
  }
  for (const StorageType type : {StorageType::float32, StorageType::bfloat16}) {
    for (const Rule rule : {Rule::plain, Rule::sign, Rule::momentum, Rule::adam}) {
      for (const bool anchored : {false, true}) {
        under_some_schedule([&] { check({3, 100}, Law::gaussian, type, 2, rule, anchored); });
      }
    }
  }
  under_some_schedule([&] { check({3, 100}, Law::gaussian, StorageType::float32, 0); });
  under_some_schedule([&] { check({3, 100}, Law::gaussian, StorageType::bfloat16, 1); });
  for_each_schedule([&] { check({2, 72}, Law::gaussian, StorageType::bfloat16, 32); });
}

TEST("the sphere's sums and radii are the CPU's") {
  for_each_schedule([&] {
    std::vector<cuda::Parameter> list;
    std::vector<cuda::BlockShare> blocks;
    int64_t dimension = 0;
    for (const Size size : sizes) {
      cuda::Parameter p{};
      p.rows = size.rows, p.columns = size.columns;
      p.base = 128 * static_cast<uint64_t>(1 + 1000 * list.size());
      for (int64_t first = 0; first < cuda::sphere_units(p.rows, p.columns);
           first += cuda::sphere_threads) {
        blocks.push_back({static_cast<int32_t>(list.size()), first});
      }
      dimension += p.rows * p.columns;
      list.push_back(p);
    }
    const std::vector<cuda::Term> terms = {{3, {}}, {uint64_t{1} << 62, {}}};
    const auto device_terms = uploaded(terms);
    const auto parameters = uploaded(list);
    const auto shares = uploaded(blocks);
    const auto sums = filled<unsigned long long>(2);
    const auto radius = filled<float>(2);
    cuda::Plan plan{};
    plan.keys = philox::Keys(seed);
    plan.law = Law::sphere;
    plan.terms = device_terms.data();
    cuda::sphere_sums(plan, 2, parameters.data(), shares.data(),
                      static_cast<int64_t>(blocks.size()), sums.data(), stream());
    cuda::sphere_radius(sums.data(), 2, dimension, radius.data(), stream());
    const auto got = downloaded(sums, 2);
    const auto got_radius = downloaded(radius, 2);
    for (size_t t = 0; t < 2; ++t) {
      int64_t expected = 0;
      for (const cuda::Parameter& p : list) {
        for (int64_t row = 0; row < p.rows; ++row) {
          expected += cpu::kernels().sum_of_squares(
              seed, terms[t].stream,
              p.base + static_cast<uint64_t>(row) * noise::row_span(p.columns), p.columns);
        }
      }
      CHECK(static_cast<int64_t>(got[t]) == expected);
      CHECK(got_radius[t] == cpu::sphere_radius(dimension, expected));
    }
  });
}

TEST("the sphere's sums of more terms than blocks take at once") {
  const std::vector<cuda::Parameter> list = [] {
    cuda::Parameter p{};
    p.rows = 1, p.columns = 5, p.base = 0;
    return std::vector{p};
  }();
  std::vector<cuda::Term> terms(1026);
  for (size_t t = 0; t < terms.size(); ++t) terms[t].stream = t;
  const auto device_terms = uploaded(terms);
  const auto parameters = uploaded(list);
  const auto shares = uploaded<cuda::BlockShare>({{0, 0}});
  const auto sums = filled<unsigned long long>(terms.size());
  cuda::Plan plan{};
  plan.keys = philox::Keys(seed);
  plan.law = Law::sphere;
  plan.terms = device_terms.data();
  cuda::sphere_sums(plan, static_cast<int32_t>(terms.size()), parameters.data(), shares.data(), 1,
                    sums.data(), stream());
  const auto got = downloaded(sums, terms.size());
  for (const size_t t : {size_t{0}, size_t{1}, size_t{1023}, size_t{1024}, size_t{1025}}) {
    CHECK(static_cast<int64_t>(got[t]) == cpu::kernels().sum_of_squares(seed, t, 0, 5));
  }
}

// In one launch, so that indexes are as large as in a large parameter.
TEST("10^8 samples, on the host 10^6, are the CPU's") {
  const size_t count = many_samples();
  std::vector<float> expected(count);
  for (const Law law : {Law::gaussian, Law::rademacher}) {
    fill_noise(seed, 5, 0, count, law, expected.data());
    const auto out = filled<float>(count);
    cuda::fill_noise(seed, 5, 0, static_cast<int64_t>(count), law, out.data(), stream());
    CHECK(same_bits(downloaded(out, count), expected));
  }
}

}  // namespace
}  // namespace zest::test
