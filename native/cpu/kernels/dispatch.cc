#include "cpu/kernels/dispatch.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/scalar_math.h"
#include "cpu/backend.h"
#include "cpu/kernels/processor.h"

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

}  // namespace zest
