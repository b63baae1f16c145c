// Weights that stay quantised on CUDA: the CPU's values to the bit, its losses to 2e-5, and the
// memory of what is stored.
#include <cmath>
#include <cstring>
#include <memory>

#include "cpu/backend.h"
#include "cuda/backend.h"
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/dequantize.h"
#include "test/check.h"
#include "test/cuda/device_arrays.h"
#include "test/cuda/schedules.h"
#include "test/random_blocks.h"

namespace zest::test {
namespace {

const AbortFlag never{false};
const Directions gaussian = {7, Law::gaussian, 0};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// Rows 4, 0 and 2 of five, one that is left out between them; all columns, or those from 256 on.
template <class T>
void check_rows(FileType type, int64_t first_column) {
  constexpr int64_t rows = 5, columns = 512, points = 2, count = 4;
  const int64_t width = columns - first_column, stride = width + 8;
  const std::vector<uint8_t> bytes = random_blocks(type, rows * columns, 9);
  std::vector<float> values(rows * columns);
  dequantize(type, bytes.data(), 0, rows * columns, values.data());
  const std::vector<int32_t> index = {4, 0, -1, 2};
  const auto d_bytes = uploaded(bytes);
  const auto d_index = uploaded(index);
  const std::vector<T> before(static_cast<size_t>(points * count * stride), T{});
  const auto d_out = uploaded(before);
  cuda::Parameter p;
  p.data = d_bytes.data(), p.blocks = type, p.rows = rows, p.columns = columns;
  const StorageType stored = sizeof(T) == 4 ? StorageType::float32 : StorageType::bfloat16;
  cuda::dequantize_rows(p, {d_index.data(), 0, count, first_column, first_column > 0 ? width : 0},
                        points, {d_out.data(), stored, stride, count * stride}, stream());
  std::vector<T> expected = before;
  for (int64_t point = 0; point < points; ++point) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = index[static_cast<size_t>(i)];
      for (int64_t c = 0; row >= 0 && c < width; ++c) {
        expected[static_cast<size_t>((point * count + i) * stride + c)] =
            cuda::from_float<T>(values[static_cast<size_t>(row * columns + first_column + c)]);
      }
    }
  }
  CHECK(same_bits(downloaded(d_out, expected.size()), expected));
}

TEST("rows of every format have the CPU's values, to the bit") {
  for (const FileType type : quantized_types) {
    for (const int64_t first_column : {0, 256}) {
      under_some_schedule([&] { check_rows<float>(type, first_column); });
      under_some_schedule([&] { check_rows<cuda::bfloat16>(type, first_column); });
    }
  }
}

DecoderShape small() {
  DecoderShape shape = decoder_shapes().front();
  shape.hidden = shape.embedding = shape.intermediate = 256;
  shape.heads = 4, shape.key_value_heads = 2, shape.head_width = 64, shape.rotary = 32;
  shape.layers = 1, shape.adapter_rank = 3, shape.prefixes = 2;
  return shape;
}

std::unique_ptr<Backend> loaded(std::unique_ptr<Backend> backend, const RandomModel& model) {
  backend->load(model.sources, {}, never);
  return backend;
}

std::vector<double> losses(Backend& backend, const Directions& directions, const Batch& batch) {
  const std::vector<Point> points = {{{5, 1e-2f}}, {{5, -1e-2f}}, {{6, 1e-2f}}};
  std::vector<double> all(points.size() * static_cast<size_t>(batch.sequences()), NAN);
  backend.sequence_losses(directions, batch, points, all.data(), never);
  return all;
}

TEST("adapters and a prefix on a quantised base: losses are the CPU's, weights its bytes") {
  const QuantizedDecoder model(small());
  const auto cpu = loaded(make_cpu_backend(model.spec, StorageType::float32, {}, 1), model);
  const auto cuda = loaded(make_cuda_backend(model.spec, StorageType::float32, 0), model);
  Batch words = next_token_batch({5, 3}, model.spec.vocabulary);
  words.candidates = {7, 90, 3};
  for (ScoredPosition& at : words.scored) at.label %= 3, at.candidates_end = 3;
  for (const Batch& batch : {next_token_batch({7, 4}, model.spec.vocabulary), words}) {
    for (const Directions& directions : {gaussian, Directions{7, Law::low_rank, 2}}) {
      const std::vector<double> expected = losses(*cpu, directions, batch);
      for (int run = 0; run < 3; ++run) {  // as kernels, captured, as a graph
        under_some_schedule([&] {
          CHECK_NEAR(check::most_different(losses(*cuda, directions, batch), expected), 0, 2e-5);
        });
      }
    }
  }
  for (int i = 0; i < static_cast<int>(model.spec.parameters.size()); ++i) {
    const std::span<const std::byte> theirs = cpu->bytes(i), ours = cuda->bytes(i);
    CHECK(std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end()));
    const ParameterSpec& p = model.spec.parameters[static_cast<size_t>(i)];
    std::vector<float> a(static_cast<size_t>(p.rows * p.columns)), b = a;
    cpu->read(i, a.data()), cuda->read(i, b.data());
    CHECK(same_bits(a, b));
  }
}

TEST("in bfloat16 a base that stays quantised is rounded once") {
  const QuantizedDecoder model(small());
  const Batch batch = next_token_batch({7, 4}, model.spec.vocabulary);
  const auto cpu = loaded(make_cpu_backend(model.spec, StorageType::float32, {}, 1), model);
  const auto cuda = loaded(make_cuda_backend(model.spec, StorageType::bfloat16, 0), model);
  const std::vector<double> expected = losses(*cpu, gaussian, batch);
  under_some_schedule([&] {
    CHECK_NEAR(check::most_different(losses(*cuda, gaussian, batch), expected), 0, 0.05);
  });
}

TEST("sequences of a quantised model grow with the CPU's logits") {
  const QuantizedDecoder model(small());
  const auto cpu = loaded(make_cpu_backend(model.spec, StorageType::float32, {}, 1), model);
  const auto cuda = loaded(make_cuda_backend(model.spec, StorageType::float32, 0), model);
  const std::vector<int32_t> capacities = {6};
  const Point point = {{3, 0.01f}};
  const auto expected = cpu->session(gaussian, point, capacities, never),
             grown = cuda->session(gaussian, point, capacities, never);
  for (const std::vector<int32_t>& ids : {std::vector<int32_t>{3, 99, 4, 17}, {5}, {60}}) {
    const std::vector<int32_t> starts = {0, static_cast<int32_t>(ids.size())};
    const std::span<const float> theirs = expected->extend(ids, starts, never);
    under_some_schedule([&] {
      const std::span<const float> ours = grown->extend(ids, starts, never);
      CHECK(ours.size() == theirs.size());
      for (size_t i = 0; i < ours.size(); ++i) CHECK_NEAR(ours[i], theirs[i], 2e-5);
    });
  }
}

size_t memory_of(const QuantizedDecoder& model) {
  size_t before = 0, after = 0, total = 0;
  cuda::check(cudaMemGetInfo(&before, &total), "cudaMemGetInfo");
  const auto backend = loaded(make_cuda_backend(model.spec, StorageType::float32, 0), model);
  cuda::check(cudaMemGetInfo(&after, &total), "cudaMemGetInfo");
  return before - after;
}

TEST("a quantised base takes the memory of its blocks") {
  DecoderShape shape = small();
  shape.vocabulary = 40000;
  const QuantizedDecoder stays(shape), widened(shape, false);
  int64_t blocks = 0, floats = 0;
  for (size_t i = 0; i < stays.spec.parameters.size(); ++i) {
    const ParameterSpec& p = stays.spec.parameters[i];
    if (!p.as_stored) continue;
    blocks += file_bytes(stays.sources[i].type, p.rows * p.columns);
    floats += p.rows * p.columns * static_cast<int64_t>(sizeof(float));
  }
  const auto saved =
      static_cast<int64_t>(memory_of(widened)) - static_cast<int64_t>(memory_of(stays));
  CHECK(floats > 3 * blocks);
  CHECK_NEAR(static_cast<double>(saved) / static_cast<double>(floats - blocks), 1, 0.1);
}

TEST("bad input: an aborted load, a file that was cut") {
  QuantizedDecoder model(small());
  const auto cuda = make_cuda_backend(model.spec, StorageType::float32, 0);
  const AbortFlag stopped{true};
  CHECK_THROWS("ERR_ZEST_ABORTED", cuda->load(model.sources, {}, stopped));
  for (ParameterSource& source : model.sources) {
    if (source.type == FileType::q6_k) source.offset += int64_t{1} << 40;
  }
  CHECK_THROWS("ERR_ZEST_SAFETENSORS", cuda->load(model.sources, {}, never));
}

}  // namespace
}  // namespace zest::test
