#include "cpu/dispatch.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/scalar_math.h"
#include "cpu/processor.h"
#include "cpu/thread_pool.h"

namespace zest {
namespace cpu {
namespace {

std::vector<const Kernels*> usable() {
  std::vector<const Kernels*> sets;
#if defined(__x86_64__)
  const Processor has = processor();
  if (has.avx512) sets.push_back(&kernels_avx512);
  if (has.avx2) sets.push_back(&kernels_avx2);
#elif defined(__aarch64__)
  sets.push_back(&kernels_neon);  // every such processor has it
#endif
  sets.push_back(&kernels_portable);
  return sets;
}

const Kernels& choose() {
  const std::vector<const Kernels*> sets = usable();
  const char* wanted = std::getenv("ZEST_ISA");
  if (!wanted || !*wanted) return *sets.front();
  std::string names;
  for (const Kernels* set : sets) {
    if (std::strcmp(set->name, wanted) == 0) return *set;
    names += names.empty() ? set->name : std::string(", ") + set->name;
  }
  throw Error("ERR_ZEST_ISA", "ZEST_ISA is '" + std::string(wanted) +
                                  "', which this processor or binary does not have; it has " +
                                  names);
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

double natural_log(double x) { return scalar::log(x); }

float sphere_radius(int64_t dimension, int64_t sum_of_squares) {
  const double squares = static_cast<double>(sum_of_squares > 0 ? sum_of_squares : 1) * 0x1p-24;
  return static_cast<float>(std::sqrt(static_cast<double>(dimension) / squares));
}

}  // namespace cpu

IsaReport isa_report() {
  IsaReport report{cpu::kernels().name, {}};
  for (const cpu::Kernels* set : cpu::usable()) report.available.push_back(set->name);
  return report;
}

void fill_noise(uint64_t seed, uint64_t stream, uint64_t offset, size_t length, Law law,
                float* out) {
  const DefaultFloatingPoint environment;
  constexpr int64_t block = 1 << 16;            // values
  constexpr int64_t values_a_thread = 1 << 18;  // what takes longer than a thread to start
  const int64_t n = static_cast<int64_t>(length);
  auto fill = [&](int64_t item, int) {
    const int64_t first = item * block;
    cpu::kernels().fill(seed, stream, offset + static_cast<uint64_t>(first),
                        std::min(block, n - first), law, out + first);
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
