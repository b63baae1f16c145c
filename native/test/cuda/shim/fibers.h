// The threads of one block, as fibers on the host's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "cuda_runtime.h"
#include "shim.h"

namespace zest::shim {

// Chooses one of several things that could go on.
class Chooser {
 public:
  void set(Schedule schedule, uint64_t seed) { schedule_ = schedule, state_ = seed | 1; }
  size_t choose(size_t count);

 private:
  Schedule schedule_ = Schedule::ascending;
  uint64_t state_ = 1;
};
Chooser& chooser();

// Things that can go on, in the order in which they became able to.
class Ready {
 public:
  void clear() { items_.clear(), head_ = 0; }
  void add(size_t item) { items_.push_back(item); }
  bool empty() const { return head_ == items_.size(); }
  // Takes the first, the last or any, as the schedule says.
  size_t take();

 private:
  std::vector<size_t> items_;
  size_t head_ = 0;
};

class Block {
 public:
  Block();
  ~Block();
  // Runs all threads of a block; throws std::logic_error where they wait for each other in vain.
  void run(dim3 threads, const std::function<void()>& thread);

  void barrier();
  uint64_t exchange(unsigned mask, uint64_t value, int source);
  const std::array<uint64_t, 32>& gather(unsigned mask, uint64_t value);
  unsigned ballot(unsigned mask, bool predicate);
  void fail(const char* what);

 private:
  enum class Wait { nothing, block, warp };
  struct Fiber;
  struct Thread {
    Fiber* fiber = nullptr;  // null: not started
    dim3 index;
    Wait wait = Wait::nothing;
    bool done = false;
    uint64_t exchanges = 0;  // how many exchanges of its warp it took part in
  };
  struct Warp {
    unsigned arrived = 0;
    unsigned mask = 0;
    std::array<uint64_t, 32> values[2];  // of even and odd exchanges
  };

  static void fiber_main();
  Fiber& next();
  void leave();
  void arrive(unsigned mask);

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;
  std::vector<Thread> threads_;
  Ready ready_;
  std::vector<Warp> warps_;
  const std::function<void()>* body_ = nullptr;
  size_t current_ = 0;
  size_t waiting_at_barrier_ = 0, ended_ = 0;
  std::unique_ptr<Fiber> main_;
  bool is_host_left_ = false;  // just now, for a fiber
  const char* failure_ = nullptr;
};

// Ends the block that runs, with an error.
void fail(const char* what);

}  // namespace zest::shim
