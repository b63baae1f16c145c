// Which instruction set runs. The choice is made once a process, so each is asked for in a child.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "check.h"
#include "cpu/dispatch.h"
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

std::string report_of_child(const char* zest_isa) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    zest_isa ? setenv("ZEST_ISA", zest_isa, 1) : unsetenv("ZEST_ISA");
    const std::string text = report();
    const ssize_t written = write(ends[1], text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char piece[256];
  for (ssize_t n; (n = read(ends[0], piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? text : "the child ended with status " + std::to_string(status);
}

std::string names() {
  std::string text;
  for (const cpu::Kernels* set : test::instruction_sets()) text += std::string(" ") + set->name;
  return text;
}

void check_report(const char* zest_isa, const std::string& expected) {
  const std::string actual = report_of_child(zest_isa);
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
  for (const char* name : {"avx512", "avx2"}) {
    if (names().find(std::string(" ") + name) == std::string::npos)
      check_report(name, "ERR_ZEST_ISA");
  }
}

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
