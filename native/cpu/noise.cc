// Noise for callers: values of a stream, and directions of a lone vector.
#include <algorithm>

#include "core/cores.h"
#include "core/floating_point.h"
#include "cpu/backend.h"
#include "cpu/kernels/dispatch.h"
#include "cpu/thread_pool.h"

namespace zest {

void fill_noise(uint64_t seed, uint64_t stream, uint64_t offset, size_t length, Law law,
                float* out) {
  const DefaultFloatingPoint environment;
  constexpr int64_t block = 1 << 16;            // values
  constexpr int64_t values_a_thread = 1 << 18;  // what takes longer than a thread to start
  const int64_t n = static_cast<int64_t>(length);
  const cpu::Kernels& kernels = cpu::kernels();
  auto fill = [&](int64_t item, int) {
    const int64_t first = item * block;
    kernels.fill(seed, stream, offset + static_cast<uint64_t>(first), std::min(block, n - first),
                 law, out + first);
  };
  ThreadPool pool(static_cast<int>(std::clamp<int64_t>(n / values_a_thread, 1, available_cores())));
  pool.run((n + block - 1) / block, fill);
}

void vector_direction(const Directions& directions, uint64_t stream, size_t length, float* out) {
  const DefaultFloatingPoint environment;
  const int64_t n = static_cast<int64_t>(length);
  const Law law = directions.law == Law::rademacher ? Law::rademacher : Law::gaussian;
  cpu::kernels().fill(directions.seed, stream, 0, n, law, out);
  if (directions.law != Law::sphere) return;
  const float radius =
      cpu::sphere_radius(n, cpu::kernels().sum_of_squares(directions.seed, stream, 0, n));
  for (int64_t i = 0; i < n; ++i) out[i] = radius * out[i];
}

}  // namespace zest
