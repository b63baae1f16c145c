// Which instruction set runs. The choice is made once a process, so each is asked for in a child.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "check.h"
#include "child.h"
#include "cpu/backend.h"
#include "cpu/kernels/dispatch.h"
#include "instruction_sets.h"
#include "noise_vectors.h"

namespace zest {
namespace {

// What a process says of itself: the set in use, those available, and some noise; or the code of
// its error.
std::string report() {
  try {
    const IsaReport isa = isa_report();
    std::string text = isa.used;
    for (const char* name : isa.available) text += std::string(" ") + name;
    for (const test::Place& place : test::gaussian_vectors) {
      float values[8];
      fill_noise(place.seed, place.stream, place.offset, 8, Law::gaussian, values);
      if (std::memcmp(values, place.values, sizeof values) != 0) text += " wrong noise";
    }
    return text;
  } catch (const Error& error) {
    return error.code();
  }
}

std::string names() {
  std::string text;
  for (const cpu::Kernels* set : test::instruction_sets()) text += std::string(" ") + set->name;
  return text;
}

#if defined(_WIN32)
TEST("the best instruction set runs, or the one that ZEST_ISA names; here no other is tried") {
  const char* wanted = std::getenv("ZEST_ISA");
  const std::string used = wanted ? wanted : test::instruction_sets().front()->name;
  CHECK(report() == used + names());
}
#else
void check_report(const char* zest_isa, const std::string& expected) {
  const std::string actual = test::in_child(zest_isa, report);
  std::printf("ZEST_ISA %s: %s\n", zest_isa ? zest_isa : "unset", actual.c_str());
  if (actual != expected)
    check::fail(__FILE__, __LINE__, "'" + actual + "', expected '" + expected + "'");
}

TEST("every instruction set of the processor runs when asked for, and makes the same noise") {
  for (const cpu::Kernels* set : test::instruction_sets())
    check_report(set->name, set->name + names());
}

TEST("the best instruction set runs when none is asked for") {
  const std::string best = test::instruction_sets().front()->name;
  check_report(nullptr, best + names());
  check_report("", best + names());
}

TEST("an instruction set that is unknown or not there is an error") {
  for (const char* name : {"sse2", "AVX2", "avx512 "}) check_report(name, "ERR_ZEST_ISA");
  for (const char* name : {"avx512", "avx2", "neon"}) {
    if (names().find(std::string(" ") + name) == std::string::npos)
      check_report(name, "ERR_ZEST_ISA");
  }
  const std::string filled = test::in_child("sse2", [] {
    std::vector<float> values(1 << 20);  // so many that several threads fill them
    fill_noise(1, 2, 3, values.size(), Law::gaussian, values.data());
    return std::string("filled");
  });
  CHECK(filled.find("ZEST_ISA is 'sse2'") == 0);
}
#endif

#if defined(__linux__) && defined(__x86_64__)
TEST("the instruction sets are those that the system says the processor has") {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && line.rfind("flags", 0) != 0) {
  }
  std::istringstream words(line);
  const std::set<std::string> flags{std::istream_iterator<std::string>(words), {}};
  const auto has = [&](std::initializer_list<const char*> wanted) {
    return std::all_of(wanted.begin(), wanted.end(),
                       [&](const char* flag) { return flags.count(flag) > 0; });
  };
  std::string expected;
  const bool avx2 = has({"avx2", "fma"});
  if (avx2 && has({"avx512f", "avx512vl", "avx512dq", "avx512bw"})) expected += " avx512";
  if (avx2) expected += " avx2";
  CHECK(names() == expected + " portable");
}
#endif

TEST("the instruction sets have kernels of their own") {
  const std::vector<const cpu::Kernels*> sets = test::instruction_sets();
  for (size_t i = 1; i < sets.size(); ++i) {
    CHECK(sets[i]->fill != sets[i - 1]->fill);
    CHECK(sets[i]->pack != sets[i - 1]->pack);
    CHECK(std::strcmp(sets[i]->name, sets[i - 1]->name) != 0);
  }
}

}  // namespace
}  // namespace zest
