// Heads on their way to attention, and attention, against the CPU's.
#include <algorithm>
#include <cmath>

#include "cpu/kernels/dispatch.h"
#include "cuda/kernels/attention.h"
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/heads.h"
#include "cuda/kernels/perturbation_plan.h"
#include "test/check.h"
#include "test/cuda/device_arrays.h"
#include "test/cuda/kernel_checks.h"
#include "test/cuda/schedules.h"

namespace zest::test {
namespace {

using cuda::padded8;

struct PlacedShape {
  int64_t points, rows, heads, width, step, half;
};

TEST("heads with their bias are normed and turned as the CPU's, between those of others") {
  const std::vector<PlacedShape> shapes = {{1, 1, 1, 1, 1, 0},      {2, 5, 3, 12, 12, 6},
                                           {1, 9, 2, 7, 21, 3},     {3, 4, 2, 64, 64, 32},
                                           {2, 3, 1, 128, 400, 20}, {1, 17, 5, 34, 36, 17}};
  for (const PlacedShape& s : shapes) {
    for (const Norming norming : normings) {
      for (const bool biased : {true, false}) {
        const StorageType type = biased ? StorageType::float32 : StorageType::bfloat16;
        under_some_schedule([&] {
          const int64_t columns = (s.heads - 1) * s.step + s.width, stride = padded8(columns + 3);
          const int64_t all = s.points * s.rows * stride, norm_at = padded8(columns);
          const int64_t vectors = norm_at + 2 * padded8(s.width);
          std::vector<float> rows = random_values(size(all), 13);
          if (type == StorageType::bfloat16) rows = widened(rounded(rows));
          const std::vector<float> vector = random_values(size(s.points * vectors), 14);
          const int64_t positions = s.rows + 3;
          const std::vector<float> angles = random_values(size(positions * s.half), 15);
          std::vector<float> cosines, sines;
          for (const float angle : angles)
            cosines.push_back(std::cos(angle)), sines.push_back(std::sin(angle));
          std::vector<int32_t> places;
          for (int64_t i = 0; i < s.rows; ++i)
            places.push_back(static_cast<int32_t>((5 * i + 2) % positions));
          const DeviceRows d_rows(rows, type);
          const auto d_vector = uploaded(vector), d_cosines = uploaded(cosines),
                     d_sines = uploaded(sines);
          const auto d_places = uploaded(places);
          cuda::HeadPlacement p;
          p.heads = {{d_rows.at(0), type, stride}, s.step, biased ? d_vector.data() : nullptr};
          p.points = s.points, p.rows = s.rows;
          p.count = static_cast<int32_t>(s.heads), p.width = static_cast<int32_t>(s.width);
          p.vector_stride = vectors;
          const float* weight = d_vector.data() + norm_at;
          p.norm = norm_vectors(norming, weight, weight + padded8(s.width), vectors);
          p.cosines = d_cosines.data(), p.sines = d_sines.data();
          p.half = static_cast<int32_t>(s.half);
          p.places = d_places.data();
          cuda::place_heads(p, stream());
          std::vector<float> expected = rows;
          for (int64_t i = 0; i < s.points * s.rows; ++i) {
            const float* own = vector.data() + i / s.rows * vectors;
            const float* norm = own + norm_at;
            const int64_t turn = places[size(i % s.rows)] * s.half;
            for (int64_t h = 0; h < s.heads; ++h) {
              float* head = expected.data() + i * stride + h * s.step;
              std::vector<const float*> terms = {head};
              if (biased) terms.push_back(own + h * s.step);
              normalize_row(norming, head, terms, norm, norm + padded8(s.width), s.width);
              cpu::kernels().rotate(head, 1, s.width, cosines.data() + turn, sines.data() + turn,
                                    s.half);
            }
          }
          // One column is its own mean. In bfloat16 values to 4, rounded once.
          CHECK_NEAR(difference(d_rows.values(size(all)), expected, stride, stride), 0,
                     type == StorageType::float32 ? 5e-6 : 0x1p-7);
        });
      }
    }
  }
}

struct AttentionCase {
  std::vector<int32_t> lengths;
  int32_t heads, width;
  int32_t prefixes = 0;
  int64_t points = 1;
  int32_t key_heads = 0;  // 0: as many
  bool causal = false;
  int32_t window = 0;
  // Queries, keys and values of each head lie one after the other in one product, of which every
  // third row has queries.
  bool fused = false;
  // The first sequence's tokens come before those of the others.
  bool shared = false;
};

// A product's rows with their bias, those of one point.
std::vector<float> with_bias(const std::vector<float>& rows, int64_t first, int64_t count,
                             const float* bias, int64_t stride) {
  std::vector<float> sums(rows.begin() + first * stride, rows.begin() + (first + count) * stride);
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += bias[static_cast<int64_t>(i) % stride];
  return sums;
}

void check_attention(const AttentionCase& c, float size_of_values, double tolerance = 1e-5,
                     StorageType type = StorageType::float32) {
  const int64_t key_heads = c.key_heads ? c.key_heads : c.heads, group = c.heads / key_heads;
  const int64_t columns = int64_t{c.heads} * c.width, out_stride = padded8(columns);
  const int64_t step = c.fused ? 3 * c.width : c.width;
  // Of queries, keys and values.
  const int64_t first[3] = {0, c.fused ? c.width : 0, c.fused ? 2 * c.width : 0};
  const int64_t strides[3] = {padded8(c.heads * step), padded8(key_heads * step),
                              padded8(key_heads * step)};
  const int64_t prefix_stride = padded8(key_heads * c.width);
  std::vector<cuda::AttentionTile> tiles;
  std::vector<int32_t> places, own_places, query_tokens;  // of queries
  std::vector<int32_t> query_starts = {0}, starts = {0};
  const int32_t at_once = cuda::queries_a_tile(type);
  for (const int32_t length : c.lengths) {
    const int32_t shared = c.shared && starts.size() > 1 ? c.lengths[0] : 0;
    for (int32_t i = 0; i < length; i += c.fused ? 3 : 1) {
      places.push_back(shared + i), own_places.push_back(i);
      query_tokens.push_back(starts.back() + i);
    }
    query_starts.push_back(static_cast<int32_t>(places.size()));
    const int32_t begin = query_starts[query_starts.size() - 2], end = query_starts.back();
    for (int32_t q = begin; q < end; q += at_once)
      tiles.push_back({q, std::min(at_once, end - q), starts.back(), shared + length, 0, shared});
    starts.push_back(starts.back() + length);
  }
  tiles.push_back({});
  if (c.prefixes == 0) {  // what fills a bucket attends to nothing: zeros
    tiles.push_back({query_starts.back(), 3, 0, 0, 0, 0});
    places.insert(places.end(), 3, 0), query_tokens.insert(query_tokens.end(), 3, 0);
  }
  const int64_t queries = static_cast<int64_t>(places.size()), keys = starts.back();
  const int64_t counts[3] = {c.fused ? keys : queries, keys, keys};
  std::vector<float> rows[3];
  int64_t bias_at[3], vectors = 0;
  for (uint32_t i = 0; i < 3; ++i) {
    rows[i] = random_values(size(c.points * counts[i] * strides[i]), c.fused ? 20 : 20 + i,
                            size_of_values);
    if (type == StorageType::bfloat16) rows[i] = widened(rounded(rows[i]));
    bias_at[i] = vectors;
    if (!c.fused || i == 2) vectors += strides[i];
  }
  const int64_t prefix_at = vectors;
  vectors += 2 * c.prefixes * prefix_stride;
  const std::vector<float> vector = random_values(size(c.points * vectors), 30);
  const DeviceRows query(rows[0], type), key(rows[1], type), value(rows[2], type);
  const auto d_vector = uploaded(vector);
  const auto d_tiles = uploaded(tiles);
  const auto d_places = uploaded(places), d_query_tokens = uploaded(query_tokens);
  const DeviceRows out(std::vector<float>(size(c.points * queries * out_stride), NAN), type);
  const auto heads = [&](int i, const DeviceRows& product) {
    return cuda::HeadRows{
        {product.at(first[i]), type, strides[i]}, step, d_vector.data() + bias_at[i] + first[i]};
  };
  cuda::Attention a;
  a.query = heads(0, query), a.key = heads(1, key), a.value = heads(2, value);
  if (c.prefixes > 0) {
    a.prefix_key = d_vector.data() + prefix_at;
    a.prefix_value = a.prefix_key + c.prefixes * prefix_stride;
  }
  a.prefixes = c.prefixes, a.prefix_stride = prefix_stride;
  a.vector_stride = vectors;
  a.points = c.points, a.query_rows = queries, a.key_rows = keys;
  if (c.fused) a.query_tokens = d_query_tokens.data();
  a.heads = c.heads, a.group = static_cast<int32_t>(group), a.width = c.width;
  a.scale = 1.0f / std::sqrt(static_cast<float>(c.width));
  if (c.causal) a.places = d_places.data();
  a.window = c.window;
  a.tiles = d_tiles.data();
  a.tile_count = static_cast<int64_t>(tiles.size());
  a.out = {out.at(0), type, out_stride};
  cuda::attend(a, stream());

  std::vector<float> expected(size(c.points * queries * out_stride), 0.0f);
  for (int64_t p = 0; p < c.points; ++p) {
    const float* own = vector.data() + p * vectors;
    std::vector<float> sums[3];
    for (int i = 0; i < 3; ++i)
      sums[i] = with_bias(rows[i], p * counts[i], counts[i], own + bias_at[i], strides[i]);
    std::vector<float> packed(size(queries * strides[0]));  // queries one after the other
    for (int64_t q = 0; q < queries; ++q) {
      const int64_t row = c.fused ? query_tokens[size(q)] : q;
      std::copy_n(sums[0].begin() + row * strides[0], strides[0], packed.begin() + q * strides[0]);
    }
    for (size_t s = 0; s < c.lengths.size(); ++s) {
      for (int32_t head = 0; head < c.heads; ++head) {
        const int64_t first_query = query_starts[s], key_head = head / group;
        const int64_t key_at = starts[s] * strides[1] + first[1] + key_head * step;
        const int64_t value_at = starts[s] * strides[2] + first[2] + key_head * step;
        cpu::Attention b{};
        b.q = packed.data() + first_query * strides[0] + first[0] + head * step;
        b.q_stride = strides[0];
        b.queries = query_starts[s + 1] - first_query;
        b.group = 1;
        const float* prefix = own + prefix_at + key_head * c.width;
        if (c.prefixes > 0)
          b.spans[0] = {prefix, prefix + c.prefixes * prefix_stride, prefix_stride, c.prefixes};
        if (c.shared && s > 0) {
          b.spans[1] = {sums[1].data() + first[1] + key_head * step,
                        sums[2].data() + first[2] + key_head * step, strides[1], c.lengths[0]};
        }
        b.spans[2] = {sums[1].data() + key_at, sums[2].data() + value_at, strides[1], c.lengths[s]};
        b.width = c.width, b.scale = a.scale;
        b.places = c.causal ? own_places.data() + first_query : nullptr;
        b.window = c.window;
        b.out = expected.data() + (p * queries + first_query) * out_stride + head * c.width;
        b.out_stride = out_stride;
        std::vector<float> scratch(
            size(cpu::attention_scratch(b.keys(), c.width, cpu::kernels().panel_width)));
        b.scratch = scratch.data();
        cpu::kernels().attend(b);
      }
    }
  }
  CHECK_NEAR(difference(out.values(expected.size()), expected, columns, out_stride), 0, tolerance);
}

TEST("attention is the CPU's to 1e-5: ragged sequences, odd heads, prefixes, one token") {
  for_each_schedule([&] { check_attention({{1, 7, 33, 16, 2}, 2, 12, 0, 2}, 2.0f); });
  for_each_schedule([&] { check_attention({{40}, 1, 64}, 2.0f); });
  under_some_schedule([&] { check_attention({{1}, 1, 1}, 2.0f); });
  under_some_schedule([&] { check_attention({{70, 5}, 3, 7, 5, 2}, 2.0f); });
  under_some_schedule([&] { check_attention({{3, 65}, 1, 128, 33}, 2.0f); });
  under_some_schedule([&] { check_attention({{48, 17}, 2, 32}, 30.0f, 3e-3); });  // scores to 900
}

// Groups of heads, causal, with a window shorter and longer than a tile and than a block of keys,
// with a prefix, and out of one product.
const std::vector<AttentionCase> causal_cases = {
    {{1, 7, 33, 16, 2}, 4, 12, 0, 2, 2, true},
    {{150}, 2, 64, 0, 1, 1, true},
    {{70, 5}, 3, 7, 5, 2, 1, true},
    {{150, 3}, 2, 16, 0, 1, 1, true, 1},
    {{150, 40}, 2, 16, 3, 2, 2, true, 5},
    {{150, 66}, 2, 32, 40, 1, 1, true, 70},
    {{40, 1, 200}, 3, 12, 0, 2, 0, true, 0, true},
    {{70, 9}, 3, 8, 2, 2, 0, true, 20, true},
    {{70, 9}, 6, 8, 0, 1, 3},
    {{100, 1, 40, 7}, 4, 12, 0, 2, 2, true, 0, false, true},
    {{33, 5, 70}, 2, 8, 3, 1, 1, true, 0, false, true},
    {{150, 3, 20}, 2, 16, 0, 2, 1, true, 90, false, true},
    {{40, 9, 2}, 3, 12, 0, 1, 0, true, 8, true, true},
};

TEST("causal attention is the CPU's to 1e-5: groups of heads, windows, fused products") {
  for (const AttentionCase& c : causal_cases)
    under_some_schedule([&] { check_attention(c, 2.0f); });
}

// The last token of each sequence, over keys of unlike number; queries without keys between them.
struct PartsCase {
  std::vector<int32_t> keys;
  int32_t heads, key_heads, width;
  int32_t prefixes = 0, window = 0;
  int64_t points = 1;
};

std::vector<float> in_parts(const PartsCase& c, StorageType type, int64_t parts) {
  const int64_t stride = padded8(c.heads * c.width), key_stride = padded8(c.key_heads * c.width);
  std::vector<cuda::AttentionTile> tiles;
  std::vector<int32_t> places;
  int32_t keys = 0;
  for (const int32_t count : c.keys) {
    const auto query = static_cast<int32_t>(places.size());
    const int32_t queries = count == 0 ? 3 : 1;
    tiles.push_back({query, queries, keys, count, 0, 0});
    places.insert(places.end(), static_cast<size_t>(queries), std::max(count - 1, 0));
    keys += count;
  }
  tiles.push_back({});
  const auto queries = static_cast<int64_t>(places.size());
  const int64_t vectors = stride + 2 * c.prefixes * key_stride;
  const auto rows = [&](int64_t count, int64_t columns, uint32_t seed) {
    return DeviceRows(random_values(size(c.points * count * columns), seed), type);
  };
  const DeviceRows query = rows(queries, stride, 41), key = rows(keys, key_stride, 42),
                   value = rows(keys, key_stride, 43);
  const auto d_vector = uploaded(random_values(size(c.points * vectors), 44));
  const auto d_tiles = uploaded(tiles);
  const auto d_places = uploaded(places);
  const DeviceRows out(std::vector<float>(size(c.points * queries * stride), NAN), type);
  cuda::Attention a;
  a.query = {{query.at(0), type, stride}, c.width, d_vector.data()};
  a.key = {{key.at(0), type, key_stride}, c.width, nullptr};
  a.value = {{value.at(0), type, key_stride}, c.width, nullptr};
  if (c.prefixes > 0) {
    a.prefix_key = d_vector.data() + stride;
    a.prefix_value = a.prefix_key + c.prefixes * key_stride;
  }
  a.prefixes = c.prefixes, a.prefix_stride = key_stride, a.vector_stride = vectors;
  a.points = c.points, a.query_rows = queries, a.key_rows = keys;
  a.heads = c.heads, a.group = c.heads / c.key_heads, a.width = c.width;
  a.scale = 1.0f / std::sqrt(static_cast<float>(c.width));
  a.places = d_places.data(), a.window = c.window;
  a.tiles = d_tiles.data(), a.tile_count = static_cast<int64_t>(tiles.size());
  a.out = {out.at(0), type, stride};
  if (parts == 0) {
    cuda::attend(a, stream());
  } else {
    const auto scratch = filled<float>(
        size(c.points * cuda::floats_of_parts(a.tile_count, c.heads, c.width, parts)));
    cuda::attend_in_parts(a, parts, scratch.data(), stream());
    return out.values(size(c.points * queries * stride));
  }
  return out.values(size(c.points * queries * stride));
}

TEST("attention in parts of the keys is the attention, whatever else is computed") {
  const std::vector<PartsCase> cases = {
      {{300, 0, 1, 256, 513}, 4, 2, 12, 0, 0, 2},
      {{257, 600}, 6, 1, 64},
      {{520}, 2, 2, 128, 33},
      {{700, 30}, 3, 3, 7, 5, 300},
      {{600}, 5, 1, 32, 0, 10},
  };
  for (const PartsCase& c : cases) {
    const int64_t stride = padded8(c.heads * c.width), columns = int64_t{c.heads} * c.width;
    for (const StorageType type : {StorageType::float32, StorageType::bfloat16}) {
      std::vector<float> whole, parts;
      under_some_schedule([&] { whole = in_parts(c, type, 0); });
      for_each_schedule([&] {
        parts = in_parts(c, type, 3);
        const auto more = in_parts(c, type, 7);
        CHECK_NEAR(difference(parts, more, columns, stride), 0, 0);
      });
      CHECK_NEAR(difference(parts, whole, columns, stride), 0,
                 type == StorageType::float32 ? 1e-5 : 0.02);
    }
  }
}

// Values to 1 and scores to some tens: 2^-8 of the largest value, and half that of the weights.
TEST("attention on tensor cores is the CPU's to bfloat16's rounding") {
  const auto check = [](const AttentionCase& c) {
    check_attention(c, 1.0f, 0.02, StorageType::bfloat16);
  };
  for_each_schedule([&] { check({{1, 7, 33, 16, 2}, 2, 12, 0, 2}); });
  for_each_schedule([&] { check({{100}, 1, 64}); });
  under_some_schedule([&] { check({{1}, 1, 1}); });
  under_some_schedule([&] { check({{70, 5}, 3, 7, 5, 2}); });
  under_some_schedule([&] { check({{3, 130}, 1, 128, 33}); });
  under_some_schedule([&] { check({{64, 17}, 2, 32}); });
  for (const AttentionCase& c : causal_cases) under_some_schedule([&] { check(c); });
}

}  // namespace
}  // namespace zest::test
