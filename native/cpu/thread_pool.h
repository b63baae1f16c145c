// Threads that share the items of one loop at a time. Which thread takes which item is left to
// chance: no result may depend on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace zest {

// A call's share of the machine while it computes. Engines of a process take turns so that no more
// calls compute at once than there are cores, and those that do divide their threads between them.
class CoreShare {
 public:
  CoreShare();
  ~CoreShare();
  CoreShare(const CoreShare&) = delete;
  CoreShare& operator=(const CoreShare&) = delete;
};

class ThreadPool {
 public:
  // `threads` counts the calling thread, >= 1. Throws ERR_ZEST_THREADS if the system starts no
  // more.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(item, thread) for every item of [0, items), thread in [0, threads()); returns when
  // all are done. The body must not throw. One call at a time.
  template <class Body>
  void run(int64_t items, Body&& body) {
    run(
        items,
        [](void* context, int64_t item, int thread) {
          (*static_cast<std::remove_reference_t<Body>*>(context))(item, thread);
        },
        &body);
  }

 private:
  using Call = void (*)(void*, int64_t, int);
  void run(int64_t items, Call call, void* context);
  int share() const;
  void take_items(int thread);
  void work(int thread);
  void stop();

  static constexpr uint32_t closed = 1u << 31;
  Call call_ = nullptr;
  void* context_ = nullptr;
  int64_t items_ = 0;
  std::atomic<int64_t> next_{0};
  // A worker joins a loop by counting itself here; once the caller has closed it, nobody can.
  std::atomic<uint32_t> joined_{closed};
  std::atomic<uint32_t> most_joined_{0};
  std::atomic<uint32_t> finished_{0};
  std::atomic<uint32_t> generation_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace zest
