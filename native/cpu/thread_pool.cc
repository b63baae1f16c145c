#include "cpu/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/cores.h"
#include "core/error.h"
#include "core/floating_point.h"

namespace zest {
namespace {

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// The loops of a step follow each other within microseconds; a thread that slept through the gap
// would cost more than the spin.
constexpr auto spin_time = std::chrono::microseconds(50);

// Spins until done() or the spin time is over; says whether it was done.
template <class Done>
bool spin(Done done) {
  const auto until = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < until);
  return done();
}

// Calls of all engines of the process take their turns in the order of their tickets: one that
// computes again and again starves nobody.
std::atomic<uint32_t> tickets{0}, finished_calls{0};

uint32_t most_calls() {
  static const uint32_t cores = static_cast<uint32_t>(available_cores());
  return cores;
}

}  // namespace

CoreShare::CoreShare() {
  const uint32_t ticket = tickets.fetch_add(1);
  // Signed: calls that overtake this one may finish before it looks.
  for (uint32_t finished = finished_calls.load();
       static_cast<int32_t>(ticket - finished) >= static_cast<int32_t>(most_calls());
       finished = finished_calls.load()) {
    finished_calls.wait(finished);
  }
}

CoreShare::~CoreShare() {
  finished_calls.fetch_add(1);
  finished_calls.notify_all();
}

ThreadPool::ThreadPool(int threads) {
  workers_.reserve(static_cast<size_t>(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (const std::system_error& error) {
    const size_t started = workers_.size();
    stop();
    throw Error("ERR_ZEST_THREADS", "the system starts no more than " + std::to_string(started) +
                                        " of " + std::to_string(threads - 1) +
                                        " threads: " + error.what());
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stop_.store(true);
  generation_.fetch_add(1);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

int ThreadPool::share() const {
  const int calls =
      static_cast<int>(std::min(tickets.load() - finished_calls.load(), most_calls()));
  return calls > 1 ? std::max(1, threads() / calls) : threads();
}

void ThreadPool::take_items(int thread) {
  try {
    for (int64_t item = next_.fetch_add(1); item < items_; item = next_.fetch_add(1))
      call_(context_, item, thread);
  } catch (...) {
    if (!failed_.exchange(true)) failure_ = std::current_exception();
    next_.store(items_);
  }
}

// Takes one of the loop's places, if any is left.
bool ThreadPool::join() {
  int places = places_.load();
  while (places > 0)
    if (places_.compare_exchange_weak(places, places - 1)) return true;
  return false;
}

void ThreadPool::run(int64_t items, Call call, void* context) {
  const int places = share() - 1;
  if (places == 0 || items <= 1) {
    for (int64_t item = 0; item < items; ++item) call(context, item, 0);
    return;
  }
  call_ = call;
  context_ = context;
  items_ = items;
  next_.store(0);
  finished_.store(0);
  places_.store(places);  // opens the loop: all of the above is visible to whoever joins
  generation_.fetch_add(1);
  generation_.notify_all();
  take_items(0);
  const int joined = places - places_.exchange(0);
  while (!spin([&] { return finished_.load() == joined; })) {
    const int finished = finished_.load();
    if (finished != joined) finished_.wait(finished);
  }
  if (failed_.exchange(false)) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadPool::work(int thread) {
  const DefaultFloatingPoint environment;
  uint32_t seen = 0;
  while (true) {
    if (!spin([&] { return generation_.load() != seen; })) generation_.wait(seen);
    if (stop_.load()) return;
    seen = generation_.load();
    if (!join()) continue;  // too late, or not needed
    take_items(thread);
    finished_.fetch_add(1);
    finished_.notify_one();
  }
}

}  // namespace zest
