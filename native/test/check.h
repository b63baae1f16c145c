// All that a C++ test needs. A test executable is one file: it includes this header, which has
// main (or not, with CHECK_WITHOUT_MAIN), and lists tests:
//
//   TEST("sqrt inverts squaring") { CHECK_NEAR(std::sqrt(4.0), 2.0, 1e-15); }
//
// A test that cannot run where it is says so by skip().
//
// A failed check is printed and the test goes on; a test fails if a check in it failed or an
// exception left it. Closes with a line `N passed, N failed`, and `, N skipped` where some were;
// the exit status is 0 if none failed.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "core/error.h"

namespace check {

struct Test {
  const char* name;
  void (*body)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

struct Registration {
  Registration(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

inline const char* running = "";
inline int failures = 0;  // of the running test
inline int failed = 0;    // tests
inline int skipped = 0;   // tests

inline void fail(const char* file, int line, const std::string& what) {
  ++failures;
  std::fprintf(stderr, "%s:%d: [%s] %s\n", file, line, running, what.c_str());
}

// For the first line of a test, as `if (…) return check::skip("why");`.
inline void skip(const char* why) {
  ++skipped;
  std::printf("skipped: [%s] %s\n", running, why);
}

// NaN is near nothing; an infinity is near itself.
inline void near(double actual, double expected, double tolerance, const char* expression,
                 const char* file, int line) {
  if (actual == expected || std::fabs(actual - expected) <= tolerance) return;
  char text[160];
  std::snprintf(text, sizeof text, " is %.17g, expected %.17g within %.3g", actual, expected,
                tolerance);
  fail(file, line, expression + std::string(text));
}

// The largest difference of two lists: NaN where one is NaN, or the lists are not as long.
inline double most_different(const std::vector<double>& a, const std::vector<double>& b) {
  double most = a.size() == b.size() ? 0 : NAN;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double d = std::fabs(a[i] - b[i]);
    if (!(d <= most) && most == most) most = d;
  }
  return most;
}

template <typename Body>
void throws(const char* code, Body body, const char* expression, const char* file, int line) {
  try {
    body();
  } catch (const zest::Error& error) {
    if (std::string(error.code()) == code) return;
    return fail(file, line, std::string(expression) + " threw " + error.code() + ", not " + code);
  }
  fail(file, line, std::string(expression) + " did not throw " + code);
}

// Runs all tests and says how many passed; 0 if none failed.
inline int run() {
  failed = skipped = 0;
  for (const Test& test : tests()) {
    running = test.name;
    failures = 0;
    try {
      test.body();
    } catch (const std::exception& error) {
      fail(__FILE__, __LINE__, std::string("threw: ") + error.what());
    }
    failed += failures > 0;
  }
  std::printf("%d passed, %d failed", static_cast<int>(tests().size()) - failed - skipped, failed);
  if (skipped > 0) std::printf(", %d skipped", skipped);
  std::printf("\n");
  return failed == 0 ? 0 : 1;
}

}  // namespace check

#define CHECK_JOIN_(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN_(a, b)
#define TEST(name)                                                      \
  static void CHECK_JOIN(test_, __LINE__)();                            \
  static const check::Registration CHECK_JOIN(registration_, __LINE__)( \
      name, CHECK_JOIN(test_, __LINE__));                               \
  static void CHECK_JOIN(test_, __LINE__)()

#define CHECK(condition)                                           \
  do {                                                             \
    if (!(condition)) check::fail(__FILE__, __LINE__, #condition); \
  } while (false)
#define CHECK_NEAR(actual, expected, tolerance) \
  check::near(actual, expected, tolerance, #actual, __FILE__, __LINE__)
// The expression throws a zest::Error with this code.
#define CHECK_THROWS(code, expression) \
  check::throws(                       \
      code, [&] { static_cast<void>(expression); }, #expression, __FILE__, __LINE__)

#if !defined(CHECK_WITHOUT_MAIN)
int main() { return check::run(); }
#endif
