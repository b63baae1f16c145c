// Our side of the bench's products: product THREADS. Each line "rows depth columns calls" on stdin
// is answered by {"ms": of one call, "checksum": of Y} on stdout. A call is what the forward does
// for one linear layer at theta: every panel of W is packed and multiplied, and the bias added;
// threads share out the panels.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cpu/buffer.h"
#include "cpu/kernels/dispatch.h"
#include "cpu/kernels/kernels.h"
#include "cpu/ops/forward.h"
#include "cpu/thread_pool.h"

namespace zest::cpu {
namespace {

// Eighths from -1 to 1: every partial sum of a product is exact in float32.
float eighths(int64_t i, int64_t step) { return static_cast<float>(i * step % 17 - 8) / 8.0f; }

struct Linear {
  Linear(int64_t rows, int64_t depth, int64_t columns)
      : rows(rows),
        depth(depth),
        columns(columns),
        x(static_cast<size_t>(rows * row_stride(depth))),
        w(static_cast<size_t>(columns * depth)),
        bias(static_cast<size_t>(columns)),
        y(static_cast<size_t>(rows * row_stride(columns))) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < depth; ++k)
        x.data()[r * row_stride(depth) + k] = eighths(r * depth + k, 5);
    }
    for (int64_t i = 0; i < columns * depth; ++i) w.data()[i] = eighths(i, 3);
    for (int64_t i = 0; i < columns; ++i) bias.data()[i] = eighths(i, 7);
  }

  void run(ThreadPool& pool) {
    const int width = kernels().panel_width;
    const int64_t panel = panel_floats(depth, width);
    panels.reserve(static_cast<size_t>(panel * pool.threads()));
    const Matrix weights{w.data(), StorageType::float32, columns, depth, 0};
    pool.run((columns + width - 1) / width, [&](int64_t item, int thread) {
      const int64_t first = item * width, n = std::min<int64_t>(width, columns - first);
      float* packed = panels.data() + thread * panel;
      kernels().pack(weights, Noise{}, {nullptr, first, n}, &packed);
      kernels().multiply({x.data(), row_stride(depth), rows, depth, packed, static_cast<int>(n),
                          bias.data() + first, no_activation, y.data() + first,
                          row_stride(columns)});
    });
  }

  double checksum() const {
    double sum = 0;
    for (int64_t i = 0; i < rows * columns; ++i)
      sum += static_cast<double>(i % 7) * y.data()[i / columns * row_stride(columns) + i % columns];
    return sum;
  }

  const int64_t rows, depth, columns;
  Buffer<float> x, w, bias, y, panels;
};

void serve(int threads) {
  ThreadPool pool(threads);
  long rows, depth, columns, calls;
  while (std::scanf("%ld %ld %ld %ld", &rows, &depth, &columns, &calls) == 4) {
    Linear linear(rows, depth, columns);
    linear.run(pool);
    const auto start = std::chrono::steady_clock::now();
    for (long call = 0; call < calls; ++call) linear.run(pool);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    std::printf("{\"ms\": %.9g, \"checksum\": %.17g}\n", time.count() / static_cast<double>(calls),
                linear.checksum());
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace zest::cpu

int main(int, char** arguments) { zest::cpu::serve(std::atoi(arguments[1])); }
