// Every item once, whatever the number of threads; a system that starts no more threads is an
// error.
#include "cpu/thread_pool.h"

#include "core/cores.h"
#include "core/floating_point.h"

#if !defined(_WIN32)
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <atomic>
#include <vector>

#include "test/check.h"
#include "test/floating_point.h"

namespace zest {
namespace {

TEST("every item runs once, on a thread of the pool") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(round));
      std::atomic<bool> known{true};
      pool.run(round, [&](int64_t item, int thread) {
        ++runs[static_cast<size_t>(item)];
        if (thread < 0 || thread >= threads) known = false;
      });
      for (const std::atomic<int>& count : runs) CHECK(count == 1);
      CHECK(known);
    }
  }
}

TEST("what a body throws reaches the caller, and the pool goes on") {
  for (const int threads : {1, 2, 8}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 50; ++round) {
      std::atomic<int> begun{0};
      CHECK_THROWS("ERR_ZEST_TEST", pool.run(1000, [&](int64_t item, int) {
        ++begun;
        if (item >= 10) throw Error("ERR_ZEST_TEST", "an item failed");
      }));
      CHECK(begun >= 11 && begun <= 10 + threads);
      std::atomic<int> done{0};
      pool.run(100, [&](int64_t, int) { ++done; });
      CHECK(done == 100);
    }
  }
}

// Other calls end meanwhile, so that a loop has more places than the one before.
TEST("every item runs once while the share of a call changes") {
  std::atomic<bool> over{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      while (!over.load()) const CoreShare share;
    });
  }
  ThreadPool pool(8);
  for (int round = 0; round < 20000; ++round) {
    const CoreShare share;
    std::atomic<int> done{0};
    pool.run(9, [&](int64_t, int) { ++done; });
    CHECK(done == 9);
  }
  over.store(true);
  for (std::thread& other : others) other.join();
}

TEST("calls take turns: no more at once than there are cores, and all get theirs") {
  std::atomic<int> now{0}, most{0}, done{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int call = 0; call < 50; ++call) {
        const CoreShare share;
        const int calls = ++now;
        for (int seen = most.load(); calls > seen && !most.compare_exchange_weak(seen, calls);) {
        }
        --now;
        ++done;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(done == 8 * 50);
  CHECK(most <= available_cores());
}

// A caller may be overtaken by later ones between taking its turn and looking whether it has come.
TEST("a call that others overtake gets its turn") {
  std::atomic<int> done{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int call = 0; call < 20000; ++call) {
        const CoreShare share;
        ++done;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(done == 8 * 20000);
}

TEST("the caller's rounding and flush-to-zero are set aside, and come back") {
  volatile float one = 1.0f, three = 3.0f, least = 0x1p-126f, half = 0.5f;
  const float third = one / three;
  const uint64_t saved = test::floating_point_control();
  for (const uint64_t mode : {test::flush_to_zero, test::round_upward}) {
    test::set_floating_point_control(saved | mode);
    const uint64_t before = test::floating_point_control();
    float seen = 0, small = 0;
    {
      const DefaultFloatingPoint environment;
      seen = one / three;
      small = least * half;
    }
    const uint64_t after = test::floating_point_control();
    test::set_floating_point_control(saved);
    CHECK(after == before);
    CHECK(seen == third);
    CHECK(small == 0x1p-127f);
  }
}

#if !defined(_WIN32)  // which has no limit to set, and no fork
TEST("too many threads are an error, not the end of the process") {
#if defined(ZEST_SANITIZED)
  return check::skip("a sanitizer needs the memory that this takes from the process");
#endif
  const pid_t child = fork();
  if (child == 0) {
    const rlimit memory{rlim_t{1} << 30,
                        rlim_t{1} << 30};  // bytes of addresses; a stack takes 8 MiB
    setrlimit(RLIMIT_AS, &memory);
    try {
      ThreadPool pool(4000);
    } catch (const Error& error) {
      _exit(std::string(error.code()) == "ERR_ZEST_THREADS" ? 0 : 2);
    }
    _exit(1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

}  // namespace
}  // namespace zest
