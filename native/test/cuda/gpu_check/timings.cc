#include "test/cuda/gpu_check/timings.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "core/blocks.h"
#include "core/parameters.h"
#include "cuda/backend.h"
#include "cuda/device/cublaslt.h"
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/directions.h"
#include "test/cuda/device_arrays.h"
#include "test/cuda/gpu_check/workloads.h"
#include "test/parameter_values.h"
#include "test/step.h"

namespace zest::test {
namespace {

const AbortFlag never{false};

// The most repeats, and after how many milliseconds no more than the fewest are made.
struct Measure {
  int repeats;
  int fewest = 5;
  double enough_milliseconds = 500;

  bool goes_on(int i, double spent) const {
    return i < repeats && (i < fewest || spent < enough_milliseconds);
  }

  // The times of what `enqueue` gives to the stream, between two events.
  Timing on_device(const std::string& name, const std::function<void()>& enqueue) const {
    cudaEvent_t begin, end;
    cuda::check(cudaEventCreate(&begin), "cudaEventCreate");
    cuda::check(cudaEventCreate(&end), "cudaEventCreate");
    std::vector<double> times;
    double spent = 0;
    for (int i = -2; goes_on(i, spent); ++i) {  // two to warm up
      cuda::check(cudaEventRecord(begin, stream()), "cudaEventRecord");
      enqueue();
      cuda::check(cudaEventRecord(end, stream()), "cudaEventRecord");
      cuda::check(cudaEventSynchronize(end), "cudaEventSynchronize");
      float milliseconds = 0;
      cuda::check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
      if (i >= 0) times.push_back(milliseconds), spent += milliseconds;
    }
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    return summary(name, times);
  }

  // The times of a call that returns when the device is done: what a user waits.
  Timing of_calls(const std::string& name, const std::function<void()>& call) const {
    std::vector<double> times;
    double spent = 0;
    for (int i = -3; goes_on(i, spent); ++i) {  // eagerly, captured, as a graph
      const auto begin = std::chrono::steady_clock::now();
      call();
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - begin;
      if (i >= 0) times.push_back(took.count()), spent += took.count();
    }
    return summary(name, times);
  }

  static Timing summary(const std::string& name, std::vector<double> times) {
    std::sort(times.begin(), times.end());
    // At once, so that a limit of time that ends the program leaves what was taken before it.
    std::printf("%-60s %10.4f ms (%.4f to %.4f)\n", name.c_str(), times[times.size() / 2],
                times.front(), times.back());
    std::fflush(stdout);
    return {name,
            times[times.size() / 2],
            times.front(),
            times.back(),
            static_cast<int>(times.size()),
            0,
            ""};
  }
};

// The samples that one direction of a forward takes: all trained weights but the rows of tables
// that do not occur.
int64_t samples(const ModelSpec& spec, const Batch& batch) {
  const ModelRoles& r = spec.roles;
  const int64_t tokens = static_cast<int64_t>(batch.ids.size());
  int64_t n = dimension(spec);
  for (const int table : {r.word_embeddings, r.position_embeddings}) {
    if (table < 0 || !spec.parameters[static_cast<size_t>(table)].trainable) continue;
    // Of a tied table the head may read all.
    if (table == r.head_output.weight && batch.candidates.empty()) continue;
    const ParameterSpec& p = spec.parameters[static_cast<size_t>(table)];
    n -= std::max<int64_t>(p.rows - tokens, 0) * p.columns;
  }
  return n;
}

// The products of a forward at all points in cuBLASLt alone, each in one call.
Timing products_alone(const Measure& measure, const std::string& name, const Workload& w,
                      int64_t points, StorageType type) {
  cuda::Products products;
  const std::vector<ProductShape> list = products_of(w);
  int64_t read = 0, weight = 0, written = 0;
  for (const ProductShape& s : list) {
    read = std::max(read, s.rows * cuda::padded8(s.depth));
    weight = std::max(weight, cuda::padded8(s.outputs) * cuda::padded8(s.depth));
    written = std::max(written, s.rows * cuda::padded8(s.outputs));
  }
  const auto element = static_cast<int64_t>(element_bytes(type));
  const auto x = filled<std::byte>(static_cast<size_t>(points * read * element));
  const auto weights = filled<std::byte>(static_cast<size_t>(points * weight * element));
  const auto y = filled<float>(static_cast<size_t>(points * written));
  cuda::check(cudaMemsetAsync(x.data(), 0, x.size(), stream()), "cudaMemset");
  cuda::check(cudaMemsetAsync(weights.data(), 0, weights.size(), stream()), "cudaMemset");
  return measure.on_device(name, [&] {
    for (const ProductShape& s : list) {
      cuda::Product p;
      p.x = x.data(), p.w = weights.data(), p.y = y.data();
      p.rows = s.rows, p.outputs = s.outputs, p.depth = s.depth, p.batch = points;
      p.x_stride = cuda::padded8(s.depth), p.y_stride = cuda::padded8(s.outputs);
      p.w_stride = s.transposed ? p.y_stride : p.x_stride;
      p.x_batch = s.rows * p.x_stride, p.y_batch = s.rows * p.y_stride;
      p.w_batch = (s.transposed ? s.depth : s.outputs) * p.w_stride;
      p.transposed = s.transposed;
      p.type = type;
      products.multiply(p, stream());
    }
  });
}

// What a token of sequences that have some already reads at least: the weights, keys and values.
int64_t bytes_a_token(const RandomModel& model, StorageType type, int64_t cached_tokens) {
  const ModelSpec& spec = model.spec;
  const ModelRoles& roles = spec.roles;
  int64_t weights = 0;
  for (size_t i = 0; i < spec.parameters.size(); ++i) {
    const ParameterSpec& p = spec.parameters[i];
    if (static_cast<int>(i) == roles.word_embeddings &&
        roles.head_output.weight != roles.word_embeddings)
      continue;
    const int64_t count = p.rows * p.columns;
    weights += p.as_stored ? file_bytes(model.sources[i].type, count)
                           : count * static_cast<int64_t>(element_bytes(type));
  }
  return weights + 2 * static_cast<int64_t>(spec.roles.layers.size()) * cached_tokens *
                       spec.key_width() * static_cast<int64_t>(sizeof(float));
}

// A token of each of some sequences after prompts, at theta and at a perturbed point.
void time_generation(const Measure& measure, const std::string& name, const RandomModel& model,
                     Backend& backend, StorageType type, bool small, double bandwidth,
                     std::vector<Timing>& all) {
  struct Prompts {
    int32_t sequences, tokens;
  };
  const std::vector<Prompts> some = small ? std::vector<Prompts>{{1, 4}, {3, 4}}
                                          : std::vector<Prompts>{{1, 128}, {64, 128}, {1, 2000}};
  for (const auto& [sequences, prompt] : some) {
    for (const Point& point : {Point{}, Point{{1, 1e-3f}}}) {
      const auto count = static_cast<size_t>(sequences);
      const std::vector<int32_t> capacities(count, prompt + measure.repeats + 3);
      const auto session = backend.session({7, Law::gaussian, 0}, point, capacities, never);
      const auto extend = [&](int32_t tokens) {
        std::vector<int32_t> starts = {0};
        while (starts.size() <= count) starts.push_back(starts.back() + tokens);
        session->extend(std::vector<int32_t>(count * static_cast<size_t>(tokens), 9), starts,
                        never);
      };
      extend(prompt);
      all.push_back(measure.of_calls(name + "a token of " + std::to_string(sequences) +
                                         " after prompts of " + std::to_string(prompt) +
                                         (point.empty() ? "" : ", at a perturbed point"),
                                     [&] { extend(1); }));
      const int64_t bytes = bytes_a_token(model, type, int64_t{sequences} * prompt);
      all.back().floor = 1e3 * static_cast<double>(bytes) / bandwidth;
      all.back().floor_of = "the weights, keys and values, read once";
    }
  }
}

struct LayerProduct {
  int64_t rows, outputs, depth;
  bool add = false;  // to what is there
};

// Products in bfloat16 by cuBLASLt alone.
void time_products(std::vector<Timing>& all, const Measure& measure,
                   const std::vector<LayerProduct>& some) {
  cuda::Products products;
  int64_t read = 0, weight = 0, written = 0;
  for (const LayerProduct& s : some) {
    read = std::max(read, s.rows * cuda::padded8(s.depth));
    weight = std::max(weight, s.outputs * cuda::padded8(s.depth));
    written = std::max(written, s.rows * s.outputs);
  }
  const auto x = filled<uint16_t>(static_cast<size_t>(read));
  const auto w = filled<uint16_t>(static_cast<size_t>(weight));
  const auto y = filled<float>(static_cast<size_t>(written));
  for (const auto* operand : {&x, &w})
    cuda::check(cudaMemsetAsync(operand->data(), 0, 2 * operand->size(), stream()), "cudaMemset");
  cuda::check(cudaMemsetAsync(y.data(), 0, sizeof(float) * y.size(), stream()), "cudaMemset");
  for (const LayerProduct& s : some) {
    cuda::Product p;
    p.x = x.data(), p.w = w.data(), p.y = y.data();
    p.rows = s.rows, p.outputs = s.outputs, p.depth = s.depth;
    p.x_stride = p.w_stride = cuda::padded8(s.depth), p.y_stride = s.outputs;
    p.type = StorageType::bfloat16;
    p.add = s.add;
    all.push_back(measure.on_device(
        "product " + std::to_string(s.rows) + " x " + std::to_string(s.outputs) + " x " +
            std::to_string(s.depth) + ", bfloat16" + (s.add ? ", added" : ""),
        [&] { products.multiply(p, stream()); }));
  }
}

}  // namespace

std::vector<Timing> measure(bool small, const std::string& only) {
  const Measure measure{small ? 1 : 20};
  std::vector<Timing> all;
  const auto milliseconds = [](int64_t count, double a_second) {
    return 1e3 * static_cast<double>(count) / a_second;
  };

  // What this device can do: copies, samples.
  const size_t copied = size_t{1} << (small ? 12 : 30);
  const auto from = filled<std::byte>(copied), to = filled<std::byte>(copied);
  all.push_back(measure.on_device("copy of " + std::to_string(copied) + " bytes", [&] {
    cuda::check(cudaMemcpyAsync(to.data(), from.data(), copied, cudaMemcpyDeviceToDevice, stream()),
                "cudaMemcpy");
  }));
  const double bandwidth = 2e3 * static_cast<double>(copied) / all.back().milliseconds;
  const int64_t drawn = int64_t{1} << (small ? 10 : 27);
  const auto noise = filled<float>(static_cast<size_t>(drawn));
  double rate[2];
  for (const Law law : {Law::gaussian, Law::rademacher}) {
    const bool gaussian = law == Law::gaussian;
    all.push_back(measure.on_device(
        std::string(gaussian ? "Gaussian" : "Rademacher") + " samples, " + std::to_string(drawn),
        [&] { cuda::fill_noise(1, 2, 0, drawn, law, noise.data(), stream()); }));
    rate[gaussian ? 0 : 1] = 1e3 * static_cast<double>(drawn) / all.back().milliseconds;
  }

  // What adding to the residual costs: a layer's products of 64 x 128 tokens.
  const int64_t rows = small ? 16 : 8192;
  time_products(
      all, measure,
      {{rows, 768, 768}, {rows, 768, 768, true}, {rows, 768, 3072}, {rows, 768, 3072, true}});
  // Of all points' rows as low rank has them: by which depths is cuBLASLt at its best, and what
  // does the product with their factors cost?
  const int64_t all_rows = 10 * rows;
  time_products(all, measure,
                {{all_rows, 768, 768},
                 {all_rows, 768, 788},
                 {all_rows, 768, 792},
                 {all_rows, 768, 832},
                 {all_rows, 24, 768}});

  for (const auto& [workload, make] : small ? small_workloads() : workloads()) {
    std::optional<Workload> made;  // of some a file is written: once
    for (const StorageType type : {StorageType::bfloat16, StorageType::float32}) {
      const std::string name =
          workload + (type == StorageType::bfloat16 ? " bfloat16 " : " float32 ");
      if (name.find(only) == std::string::npos) continue;
      if (!made) made = make();
      const Workload& w = *made;
      if (type == StorageType::float32 && !w.in_float32) continue;
      const RandomModel& model = w.model;
      const Batch& batch = w.batch;
      const auto backend = make_cuda_backend(model.spec, type, 0);
      backend->load(model.sources, {}, never);
      const auto add = [&](const std::string& what, double floor, const std::string& floor_of,
                           const std::function<void()>& call) {
        all.push_back(measure.of_calls(name + what, call));
        all.back().floor = floor;
        all.back().floor_of = floor_of;
        return all.back().milliseconds;
      };
      const Directions gaussian = {7, Law::gaussian, 0}, rademacher = {7, Law::rademacher, 0},
                       low_rank = {7, Law::low_rank, 4}, sphere = {7, Law::sphere, 0};
      uint64_t next = 0;
      const auto evaluate_at = [&](const Directions& directions, const Batch& at, int points) {
        std::vector<Point> list;
        for (int i = 0; i < points; ++i) {
          list.push_back(
              points == 1 ? Point{}
                          : Point{{next + static_cast<uint64_t>(i / 2), i % 2 ? -1e-3f : 1e-3f}});
        }
        next += static_cast<uint64_t>(points);
        std::vector<double> losses(list.size() * static_cast<size_t>(at.sequences()));
        backend->sequence_losses(directions, at, list, losses.data(), never);
      };
      const auto step_of = [&](const Directions& directions, int k) {
        StepOptions options;
        options.directions = k;
        options.first_stream = next;
        options.learning_rate = 1e-7;
        next += static_cast<uint64_t>(k);
        step(*backend, directions, batch, options, never);
      };
      if (w.generates) time_generation(measure, name, model, *backend, type, small, bandwidth, all);
      all.push_back(products_alone(measure, name + "products of one forward, alone", w, 1, type));
      const double products_1 = all.back().milliseconds;
      all.push_back(products_alone(measure, name + "products of ten forwards, alone", w, 10, type));
      const double products_10 = all.back().milliseconds;
      const double forward =
          add("forward", products_1, "its products", [&] { evaluate_at(gaussian, batch, 1); });
      const Batch ten = repeated(batch, 10);
      add("forward of ten batches", products_10, "the products of ten forwards",
          [&] { evaluate_at(gaussian, ten, 1); });
      const int64_t drawn_once = samples(model.spec, batch);
      add("evaluation of ten points, Gaussian", products_10 + milliseconds(5 * drawn_once, rate[0]),
          "its products and samples", [&] { evaluate_at(gaussian, batch, 10); });
      add("step k = 5, Gaussian", 10 * forward + milliseconds(5 * drawn_once, rate[0]),
          "ten forwards and the samples", [&] { step_of(gaussian, 5); });
      add("step k = 5, Rademacher", 10 * forward, "ten forwards", [&] { step_of(rademacher, 5); });
      add("step k = 5, sphere", 10 * forward + milliseconds(10 * drawn_once, rate[0]),
          "ten forwards and the samples twice", [&] { step_of(sphere, 5); });
      add("step k = 5, low rank 4", products_10, "the products of ten forwards",
          [&] { step_of(low_rank, 5); });
      add("MeZO step", 2 * forward + milliseconds(drawn_once, rate[0]),
          "two forwards and the samples", [&] { step_of(gaussian, 1); });
      const int64_t weights = dimension(model.spec);
      const double moved =
          milliseconds(2 * weights * static_cast<int64_t>(element_bytes(type)), bandwidth);
      for (const int terms : {1, 5}) {
        Update update{0, {}};
        for (int t = 0; t < terms; ++t)
          update.terms.push_back({next + static_cast<uint64_t>(t), 1e-9f});
        add("apply of " + std::to_string(terms) + (terms == 1 ? " term" : " terms"),
            std::max(moved, milliseconds(terms * weights, rate[0])), "the copy or the samples",
            [&] {
              backend->apply(gaussian, update, never);
              weights_of(*backend, model.spec.roles.layers[0].output_norm.weight);  // waits
            });
      }
    }
  }
  return all;
}

}  // namespace zest::test
