// The statistics of the noise on ten million draws, and mutants of the generator that these checks
// find.
#include <cstdio>

#include "check.h"
#include "cpu/backend.h"
#include "cpu/kernels/dispatch.h"
#include "noise_checks.h"
#include "noise_mutants.h"

namespace zest::test {
namespace {

template <Law law>
void engine_fill(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length, float* out) {
  fill_noise(seed, stream, offset, static_cast<size_t>(length), law, out);
}

void check_passes(const Generator& generator, int64_t rows, int64_t columns) {
  const Scores s = scores(generator, rows, columns);
  std::printf("%s, %lld draws:", generator.name, static_cast<long long>(10 * rows * columns));
  for (const auto& [check, score] : s.of) {
    std::printf(" %s %.2f", check.c_str(), score);
    if (s.fails(check)) {
      check::fail(__FILE__, __LINE__,
                  std::string(generator.name) + ": " + check + " is " + std::to_string(score));
    }
  }
  std::printf("\n");
}

TEST("ten million Gaussian draws") {
  check_passes({"Gaussian", Law::gaussian, engine_fill<Law::gaussian>}, 1000, 1003);
}

TEST("ten million Rademacher draws") {
  check_passes({"Rademacher", Law::rademacher, engine_fill<Law::rademacher>}, 1000, 1003);
}

constexpr int64_t mutant_rows = 60, mutant_columns = 1003;

TEST("the checks pass on as few draws as the mutants get") {
  check_passes({"few Gaussian", Law::gaussian, engine_fill<Law::gaussian>}, mutant_rows,
               mutant_columns);
  check_passes({"few Rademacher", Law::rademacher, engine_fill<Law::rademacher>}, mutant_rows,
               mutant_columns);
}

TEST("every mutant is found by the check that is meant for it") {
  for (const Mutant& mutant : noise_mutants()) {
    const Scores s = scores(mutant.generator, mutant_rows, mutant_columns);
    std::printf("%-32s", mutant.generator.name);
    for (const auto& [check, score] : s.of) {
      if (s.fails(check)) std::printf(" %s %.0f", check.c_str(), score);
    }
    std::printf("\n");
    if (!s.fails(mutant.found_by)) {
      check::fail(__FILE__, __LINE__,
                  std::string("mutant '") + mutant.generator.name + "' passes " + mutant.found_by);
    }
  }
}

}  // namespace
}  // namespace zest::test
