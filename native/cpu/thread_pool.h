// Threads that share the items of one loop at a time. Which thread takes which item is left to
// chance: no result may depend on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace zest {

// The items of a loop over `count` things, of which an item takes so many.
inline int64_t parts(int64_t count, int64_t at_once) { return (count + at_once - 1) / at_once; }

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
  // all are done. Throws what a body threw, after which no further item is begun. One call at a
  // time.
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
  bool join();
  void take_items(int thread);
  void work(int thread);
  void stop();

  Call call_ = nullptr;
  void* context_ = nullptr;
  int64_t items_ = 0;
  std::atomic<int64_t> next_{0};
  // How many workers may still join the loop: one number, which its end takes to 0, so that whoever
  // joins is counted.
  std::atomic<int> places_{0};
  std::atomic<int> finished_{0};  // of those that joined
  std::atomic<bool> failed_{false};
  std::exception_ptr failure_;
  std::atomic<uint32_t> generation_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace zest
