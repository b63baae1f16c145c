// The kernels of the forward pass against the CPU's, or against a sum in float64, over random
// shapes.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "cpu/kernels/dispatch.h"
#include "cuda/device/cublaslt.h"
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/loss.h"
#include "cuda/kernels/low_rank.h"
#include "cuda/kernels/rows.h"
#include "test/check.h"
#include "test/cuda/device_arrays.h"
#include "test/cuda/kernel_checks.h"
#include "test/cuda/schedules.h"

namespace zest::test {
namespace {

using cuda::bfloat16;
using cuda::padded8;

struct RowShape {
  int64_t points, rows, columns;
};
// In columns: rows that a warp keeps in registers, by two to eight accesses of a lane, and others.
const std::vector<RowShape> row_shapes = {{1, 1, 1},   {2, 3, 7},   {3, 5, 32},
                                          {1, 9, 33},  {2, 17, 36}, {2, 8, 300},
                                          {1, 3, 700}, {2, 3, 900}, {1, 2, 1028}};

TEST("normalisation of a sum and its bias is the CPU's to 2e-6, in place too") {
  std::vector<RowShape> shapes = row_shapes;
  shapes.push_back({1, 2, 12300});  // more than a block keeps
  bool in_place = false;
  for (const RowShape& s : shapes) {
    in_place = !in_place;
    for (const Norming norming : normings) {
      under_some_schedule([&] {
        const bool with_bias = norming != Norming::layer_without_bias;
        const int64_t stride = padded8(s.columns), all = s.points * s.rows * stride;
        const int64_t vectors = 3 * stride;  // weight, bias, the sum's bias
        const std::vector<float> sum = random_values(size(all), 1);
        const std::vector<float> vector = random_values(size(s.points * vectors), 3);
        const auto d_sum = uploaded(sum), d_vector = uploaded(vector);
        const auto other = filled<float>(size(all));
        const auto& out = in_place ? d_sum : other;
        const auto operand = filled<uint16_t>(size(all));
        cuda::Normalization n;
        n.sum = d_sum.data();
        n.bias = with_bias ? d_vector.data() + 2 * stride : nullptr;
        n.norm = norm_vectors(norming, d_vector.data(), d_vector.data() + stride, vectors);
        n.points = s.points, n.rows = s.rows, n.columns = s.columns, n.stride = stride;
        n.hidden = out.data();
        n.operand = {operand.data(), StorageType::bfloat16, stride};
        cuda::normalize(n, stream());
        std::vector<float> expected(size(all));
        for (int64_t i = 0; i < s.points * s.rows; ++i) {
          const float* own = vector.data() + i / s.rows * vectors;
          std::vector<const float*> terms = {sum.data() + i * stride};
          if (with_bias) terms.push_back(own + 2 * stride);
          normalize_row(norming, expected.data() + i * stride, terms, own, own + stride, s.columns);
        }
        const std::vector<float> got = downloaded(out, size(all));
        // One column is its own mean.
        CHECK_NEAR(difference(got, expected, s.columns, stride), 0, 4e-6);
        check_operand(operand, got, s.columns, stride);
      });
    }
  }
}

TEST("embeddings are summed and normalised; tokens without a row give the norm's bias") {
  for (const RowShape& s : row_shapes) {
    bool projected = false;  // words come as a product with its bias
    for_each_schedule([&] {
      projected = !projected;
      const int64_t stride = padded8(s.columns), all = s.points * s.rows * stride, rows = 3;
      const std::vector<float> table = random_values(size(s.points * rows * stride), 5);
      const std::vector<float> vector = random_values(size(s.points * 3 * stride), 6);
      const std::vector<float> product = random_values(size(all), 7);
      std::vector<int32_t> slots;
      for (int64_t i = 0; i < s.rows; ++i) slots.push_back(static_cast<int32_t>(i % 4) - 1);
      const auto d_table = uploaded(table), d_vector = uploaded(vector);
      const auto d_product = uploaded(product);
      const auto d_slots = uploaded(slots);
      const auto out = filled<float>(size(all));
      cuda::Embedding e;
      if (projected) {
        e.product = d_product.data();
        e.product_bias = d_vector.data() + 2 * stride;
      }
      e.tables[0] = {d_table.data(), rows * stride, d_slots.data()};
      e.tables[1] = {d_table.data(), rows * stride, d_slots.data()};
      e.norm = norm_vectors(Norming::layer, d_vector.data(), d_vector.data() + stride, 3 * stride);
      e.points = s.points, e.tokens = s.rows, e.columns = s.columns;
      e.hidden = out.data();
      e.stride = stride;
      cuda::embed(e, stream());
      std::vector<float> expected(size(all));
      const std::vector<float> zeros(size(stride), 0.0f);
      for (int64_t i = 0; i < s.points * s.rows; ++i) {
        const int64_t p = i / s.rows;
        const int32_t slot = slots[size(i % s.rows)];
        const float* row = slot < 0 ? zeros.data() : table.data() + (p * rows + slot) * stride;
        const float* own = vector.data() + p * 3 * stride;
        std::vector<const float*> terms = {row, row};
        if (projected) terms = {product.data() + i * stride, own + 2 * stride, row, row};
        normalize_row(Norming::layer, expected.data() + i * stride, terms, own, own + stride,
                      s.columns);
      }
      CHECK_NEAR(difference(downloaded(out, size(all)), expected, s.columns, stride), 0, 4e-6);
    });
  }
}

TEST("bias and activation are the CPU's to 4e-6") {
  for (const RowShape& s : row_shapes) {
    for (int activation = no_activation; activation <= 5; ++activation) {
      under_some_schedule([&] {
        const int64_t stride = padded8(s.columns), all = s.points * s.rows * stride;
        const std::vector<float> product = widened(rounded(random_values(size(all), 7, 3.0f)));
        const std::vector<float> bias = random_values(size(s.points * stride), 8);
        const auto d_product = uploaded(product), d_bias = uploaded(bias);
        const auto d_halves = uploaded(rounded(product));
        const auto out = filled<float>(size(all));
        const auto halves = filled<uint16_t>(size(all));
        cuda::BiasActivation b;
        b.product = d_product.data();
        b.stride = stride;
        b.bias = d_bias.data();
        b.vector_stride = stride;
        b.activation = activation;
        b.points = s.points, b.rows = s.rows, b.columns = s.columns;
        b.out = {out.data(), StorageType::float32, stride};
        cuda::bias_activation(b, stream());
        b.product = d_halves.data();
        b.out = {halves.data(), StorageType::bfloat16, stride};
        cuda::bias_activation(b, stream());
        std::vector<float> expected = product;
        for (int64_t i = 0; i < s.points * s.rows; ++i) {
          cpu::kernels().accumulate(expected.data() + i * stride, bias.data() + i / s.rows * stride,
                                    1.0f, activation, s.columns);
        }
        const std::vector<float> got = downloaded(out, size(all));
        CHECK_NEAR(difference(got, expected, s.columns, stride), 0, 4e-6);
        check_approximate_operand(halves, got, s.columns, stride);
      });
    }
  }
}

TEST("gates multiply, each with its bias") {
  for (const RowShape& s : row_shapes) {
    for (const bool biased : {true, false}) {
      under_some_schedule([&] {
        const int64_t stride = padded8(s.columns), all = s.points * s.rows * stride;
        const std::vector<float> product = widened(rounded(random_values(size(all), 10, 3.0f)));
        const std::vector<float> gate = widened(rounded(random_values(size(all), 11, 3.0f)));
        const std::vector<float> biases = random_values(size(s.points * 2 * stride), 12);
        const auto d_product = uploaded(product), d_gate = uploaded(gate),
                   d_biases = uploaded(biases);
        const auto d_halves = uploaded(rounded(product)), d_gate_halves = uploaded(rounded(gate));
        const auto out = filled<float>(size(all));
        const auto halves = filled<uint16_t>(size(all));
        cuda::BiasActivation b;
        b.product = d_product.data(), b.gate = d_gate.data();
        b.stride = stride;
        if (biased) b.bias = d_biases.data(), b.gate_bias = d_biases.data() + stride;
        b.vector_stride = 2 * stride;
        b.activation = static_cast<int>(Activation::silu);
        b.points = s.points, b.rows = s.rows, b.columns = s.columns;
        b.out = {out.data(), StorageType::float32, stride};
        cuda::bias_activation(b, stream());
        b.product = d_halves.data(), b.gate = d_gate_halves.data();
        b.out = {halves.data(), StorageType::bfloat16, stride};
        cuda::bias_activation(b, stream());
        std::vector<float> expected = gate, factor = product;
        const std::vector<float> zeros(size(stride), 0.0f);
        for (int64_t i = 0; i < s.points * s.rows; ++i) {
          const float* own = biases.data() + i / s.rows * 2 * stride;
          float* row = expected.data() + i * stride;
          cpu::kernels().accumulate(row, biased ? own + stride : zeros.data(), 1.0f, b.activation,
                                    s.columns);
          cpu::kernels().accumulate(factor.data() + i * stride, biased ? own : zeros.data(), 1.0f,
                                    no_activation, s.columns);
          cpu::kernels().gate(row, factor.data() + i * stride, s.columns);
        }
        const std::vector<float> got = downloaded(out, size(all));
        CHECK_NEAR(difference(got, expected, s.columns, stride), 0, 1e-5);
        check_approximate_operand(halves, got, s.columns, stride);
      });
    }
  }
}

TEST("gathered rows are the rows") {
  for (const RowShape& s : row_shapes) {
    under_some_schedule([&] {
      const int64_t stride = padded8(s.columns), from_rows = s.rows + 2;
      const std::vector<float> from = random_values(size(s.points * from_rows * stride), 9);
      std::vector<int32_t> index;
      for (int64_t i = 0; i < s.rows; ++i) index.push_back(static_cast<int32_t>(s.rows + 1 - i));
      const auto d_from = uploaded(from);
      const auto d_index = uploaded(index);
      const auto out = filled<float>(size(s.points * s.rows * stride));
      cuda::RowGather g;
      g.from = d_from.data();
      g.from_rows = from_rows;
      g.index = d_index.data();
      g.points = s.points, g.rows = s.rows, g.columns = s.columns, g.stride = stride;
      g.to = out.data();
      cuda::gather_rows(g, stream());
      std::vector<float> expected;
      for (int64_t i = 0; i < s.points * s.rows; ++i) {
        const int64_t row = i / s.rows * from_rows + index[size(i % s.rows)];
        expected.insert(expected.end(), from.begin() + row * stride,
                        from.begin() + (row + 1) * stride);
      }
      CHECK(difference(downloaded(out, expected.size()), expected, s.columns, stride) == 0);
    });
  }
}

TEST("cross-entropy and means are the CPU's; all outputs or a few words") {
  for_each_schedule([&] {
    const int64_t points = 2, rows = 3, outputs = 75, stride = padded8(outputs);
    const std::vector<float> product = random_values(size(points * rows * stride), 40, 8.0f);
    const std::vector<float> bias = random_values(size(points * stride), 41);
    const std::vector<int32_t> row = {0, 2, 1, 1, 0}, label = {1, 60, 0, 2, 0},
                               first = {0, -1, 2, 2, -1}, count = {2, 75, 3, 3, 0},
                               columns = {7, 74, 0, 13, 33}, starts = {0, 2, 4, 4};
    const auto d_product = uploaded(product), d_bias = uploaded(bias);
    const auto d_row = uploaded(row), d_label = uploaded(label), d_first = uploaded(first),
               d_count = uploaded(count), d_columns = uploaded(columns),
               d_starts = uploaded(starts);
    cuda::ScoredLogits l;
    l.product = d_product.data();
    l.stride = stride, l.rows = rows;
    l.bias = d_bias.data();
    l.vector_stride = stride;
    l.points = points, l.scored = 5;
    l.row = d_row.data(), l.label = d_label.data(), l.first = d_first.data();
    l.count = d_count.data(), l.columns = d_columns.data();
    const auto losses = filled<float>(10);
    const auto means = filled<double>(6);
    cuda::scored_losses(l, losses.data(), stream());
    cuda::sequence_means(losses.data(), points, 5, d_starts.data(), 3, means.data(), stream());
    const std::vector<float> got = downloaded(losses, 10);
    const std::vector<double> got_means = downloaded(means, 6);
    for (size_t p = 0; p < 2; ++p) {
      double sums[2] = {};
      for (size_t i = 0; i < 4; ++i) {
        std::vector<float> logits;
        for (int32_t c = 0; c < count[i]; ++c) {
          const int32_t column = first[i] < 0 ? c : columns[size(first[i] + c)];
          logits.push_back(product[(p * 3 + size(row[i])) * size(stride) + size(column)] +
                           bias[p * size(stride) + size(column)]);
        }
        const float expected = cpu::kernels().cross_entropy(logits.data(), count[i], label[i]);
        CHECK_NEAR(got[p * 5 + i], expected, 1e-5);
        sums[i / 2] += static_cast<double>(got[p * 5 + i]);
      }
      CHECK(got_means[p * 3] == sums[0] / 2);
      CHECK(got_means[p * 3 + 1] == sums[1] / 2);
      CHECK(got_means[p * 3 + 2] == 0);
    }
    const std::vector<int32_t> logit_starts = {0, 2, 77, 80, 83};
    const auto d_logit_starts = uploaded(logit_starts);
    const auto logits = filled<float>(83);
    cuda::copy_logits(l, d_logit_starts.data(), logits.data(), stream());
    const std::vector<float> copied = downloaded(logits, 83);
    CHECK(copied[1] == product[74] + bias[74]);
    CHECK(copied[2 + 60] == product[size(2 * stride) + 60] + bias[60]);
    CHECK(copied[82] == product[size(stride) + 33] + bias[33]);
  });
}

TEST("losses against a reference are those of one candidate") {
  const std::vector<float> product = {1.5f,   -40.0f, 0, 0, 0, 0, 0, 0,
                                      -0.25f, 90.0f,  0, 0, 0, 0, 0, 0};
  const std::vector<float> reference = {1.0f, 0.0f};
  const std::vector<int32_t> row = {0, 0}, first = {0, 1}, one = {1, 1}, columns = {0, 1};
  const auto d_product = uploaded(product), d_reference = uploaded(reference);
  const auto d_row = uploaded(row), d_first = uploaded(first), d_one = uploaded(one),
             d_columns = uploaded(columns);
  cuda::ScoredLogits l;
  l.product = d_product.data();
  l.stride = 8, l.rows = 1, l.points = 2, l.scored = 2;
  l.row = l.label = d_row.data(), l.first = d_first.data(), l.count = d_one.data();
  l.columns = d_columns.data();
  l.reference = d_reference.data();
  for (const Loss loss : {Loss::squared_error, Loss::binary_cross_entropy}) {
    l.loss = loss;
    const auto losses = filled<float>(4);
    cuda::scored_losses(l, losses.data(), stream());
    const std::vector<float> got = downloaded(losses, 4);
    for (size_t i = 0; i < 4; ++i) {
      const double x = product[8 * (i / 2) + i % 2], r = reference[i % 2];
      const double expected = loss == Loss::squared_error
                                  ? (x - r) * (x - r)
                                  : std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))) - r * x;
      CHECK_NEAR(got[i], expected, 1e-6 * std::fmax(1, expected));
    }
  }
}

TEST("a loss that is not a number stays one") {
  const std::vector<float> product = {1.0f, NAN, 2.0f, 0, 0, 0, 0, 0};
  const std::vector<int32_t> zero = {0}, all = {-1}, three = {3}, starts = {0, 1};
  const auto d_product = uploaded(product);
  const auto d_zero = uploaded(zero), d_all = uploaded(all), d_three = uploaded(three);
  cuda::ScoredLogits l;
  l.product = d_product.data();
  l.stride = 8, l.rows = 1, l.points = 1, l.scored = 1;
  l.row = l.label = d_zero.data(), l.first = d_all.data(), l.count = d_three.data();
  const auto losses = filled<float>(1);
  cuda::scored_losses(l, losses.data(), stream());
  CHECK(std::isnan(downloaded(losses, 1)[0]));
  CHECK(std::isnan(cuda::to_float(cuda::to_bfloat16(NAN))));
}

struct ProductShape {
  int64_t rows, outputs, depth, batch;
  bool shared, add, transposed = false;
};

TEST("products are those of float64 to a part in 10^6 of their size, or to bfloat16's rounding") {
  cuda::Products products;
  const std::vector<ProductShape> shapes = {
      {1, 1, 1, 1, false, false},       {5, 3, 7, 2, false, false},
      {17, 33, 40, 3, true, false},     {9, 16, 100, 2, false, true},
      {5, 3, 7, 2, false, false, true}, {17, 40, 33, 3, true, true, true}};
  struct Types {
    StorageType of_factors, of_result;
  };
  const Types all_types[] = {{StorageType::float32, StorageType::float32},
                             {StorageType::bfloat16, StorageType::float32},
                             {StorageType::bfloat16, StorageType::bfloat16}};
  for (const ProductShape& s : shapes) {
    for (const auto [type, y_type] : all_types) {
      const int64_t depth = padded8(s.depth), width = padded8(s.outputs);
      const int64_t w_rows = s.transposed ? s.depth : s.outputs;
      const int64_t w_stride = s.transposed ? width : depth;
      std::vector<float> x = random_values(size(s.batch * s.rows * depth), 50),
                         w = random_values(size(s.batch * w_rows * w_stride), 51),
                         y = random_values(size(s.batch * s.rows * width), 52);
      std::vector<uint16_t> x_halves, w_halves;
      if (type == StorageType::bfloat16) {
        for (float& v : x)
          x_halves.push_back(cuda::to_bfloat16(v).bits),
              v = cuda::to_float(bfloat16{x_halves.back()});
        for (float& v : w)
          w_halves.push_back(cuda::to_bfloat16(v).bits),
              v = cuda::to_float(bfloat16{w_halves.back()});
      }
      if (y_type == StorageType::bfloat16) y = widened(rounded(y));
      const auto d_x = uploaded(x), d_w = uploaded(w);
      const DeviceRows d_y(y, y_type);
      const auto d_x_halves = uploaded(x_halves), d_w_halves = uploaded(w_halves);
      cuda::Product p;
      p.type = type;
      p.x = type == StorageType::float32 ? static_cast<const void*>(d_x.data()) : d_x_halves.data();
      p.w = type == StorageType::float32 ? static_cast<const void*>(d_w.data()) : d_w_halves.data();
      p.y = d_y.at(0);
      p.y_type = y_type;
      p.rows = s.rows, p.outputs = s.outputs, p.depth = s.depth, p.batch = s.batch;
      p.x_stride = depth, p.w_stride = w_stride, p.y_stride = width;
      p.transposed = s.transposed;
      p.x_batch = s.rows * depth, p.y_batch = s.rows * width;
      p.w_batch = s.shared ? 0 : w_rows * w_stride;
      p.scale = 0.5f;
      p.add = s.add;
      products.multiply(p, stream());
      products.multiply({}, stream());  // nothing to do
      std::vector<float> expected = y;
      for (int64_t b = 0; b < s.batch; ++b) {
        for (int64_t i = 0; i < s.rows; ++i) {
          for (int64_t j = 0; j < s.outputs; ++j) {
            double sum = 0;
            for (int64_t k = 0; k < s.depth; ++k) {
              const int64_t row = s.transposed ? k : j, column = s.transposed ? j : k;
              sum += static_cast<double>(x[size((b * s.rows + i) * depth + k)]) *
                     static_cast<double>(
                         w[size(((s.shared ? 0 : b) * w_rows + row) * w_stride + column)]);
            }
            float& out = expected[size((b * s.rows + i) * width + j)];
            out = static_cast<float>(0.5 * sum + (s.add ? out : 0));
          }
        }
      }
      const std::vector<float> got = d_y.values(y.size());
      if (y_type == StorageType::float32) {
        CHECK_NEAR(difference(got, expected, s.outputs, width), 0, 1e-5);
        continue;
      }
      for (size_t i = 0; i < got.size(); ++i) {
        CHECK_NEAR(got[i], expected[i], 1e-5 + std::fabs(expected[i]) / 256);
      }
    }
  }
}

TEST("factors of low-rank directions: each point's own, scaled; beside the weights all of them") {
  const int64_t points = 4, columns = 24, outputs = 5;
  const int32_t rank = 2, terms = 3;
  const int64_t appended = cuda::appended_columns(terms, rank);
  CHECK(appended == 8);
  for (const StorageType type : {StorageType::float32, StorageType::bfloat16}) {
    for_each_schedule([&] {
      // Points 0, 1: +- of term 0; point 2: none; point 3: terms 1 and 2.
      const auto groups = uploaded<cuda::Group>({{0, 1, 0, 2}, {1, 0, 2, 1}, {1, 2, 3, 1}});
      const auto device_terms =
          uploaded<cuda::Term>({{1, {0.5f, -0.5f}}, {2, {2.0f, 0}}, {3, {-1.0f, 0}}});
      cuda::Plan plan{};
      plan.law = Law::low_rank;
      plan.rank = rank;
      plan.rank_scale = 0.75f;
      plan.group_count = 3;
      plan.groups = groups.data();
      plan.terms = device_terms.data();
      const int64_t padded = cuda::padded_columns(columns);
      const std::vector<float> a = random_values(size(terms * outputs * rank), 60),
                               b = random_values(size(terms * rank * padded), 61),
                               w = widened(rounded(random_values(size(outputs * columns), 62)));
      const auto d_a = uploaded(a), d_b = uploaded(b);
      const DeviceRows d_w(w, type);
      cuda::Parameter p{};
      p.data = d_w.at(0);
      p.rows = outputs, p.columns = columns;
      p.factor_a = d_a.data(), p.factor_b = d_b.data();
      const auto same = [&](float got, float expected) {
        return got == (type == StorageType::float32 ? expected
                                                    : cuda::to_float(cuda::to_bfloat16(expected)));
      };
      const DeviceRows scaled(std::vector<float>(size(points * appended * columns), NAN), type);
      cuda::scale_factors(plan, terms, type, p, points, scaled.at(0), stream());
      const std::vector<float> got = scaled.values(size(points * appended * columns));
      const float scales[4][4] = {{0.5f}, {-0.5f}, {}, {0, 2.0f, -1.0f}};  // the last is no term
      bool right = true;
      for (int64_t point = 0; point < points; ++point) {
        for (int64_t z = 0; z < appended; ++z) {
          const float scale = scales[point][z / rank] * 0.75f;
          for (int64_t c = 0; c < columns; ++c) {
            const float expected = scale == 0.0f ? 0.0f : scale * b[size(z * padded + c)];
            right = right && same(got[size((point * appended + z) * columns + c)], expected);
          }
        }
      }
      CHECK(right);

      const std::vector<int32_t> index = {4, 0};
      const auto d_index = uploaded(index);
      const int64_t stride = columns + appended;
      const DeviceRows out(std::vector<float>(size(2 * stride), NAN), type);
      cuda::extend_weights(plan, terms, type, p, {d_index.data(), 0, 2}, out.at(0), stride,
                           stream());
      const std::vector<float> extended = out.values(size(2 * stride));
      right = true;
      for (int64_t i = 0; i < 2; ++i) {
        const int64_t row = index[size(i)];
        for (int64_t c = 0; c < stride; ++c) {
          const int64_t z = c - columns;
          float expected = 0.0f;
          if (c < columns) {
            expected = w[size(row * columns + c)];
          } else if (z < terms * rank) {
            expected = a[size((z / rank * outputs + row) * rank + z % rank)];
          }
          right = right && same(extended[size(i * stride + c)], expected);
        }
      }
      CHECK(right);
    });
  }
}

}  // namespace
}  // namespace zest::test
