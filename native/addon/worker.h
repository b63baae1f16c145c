// The thread of an engine and its queue. Work runs there in the order of the calls; results and
// errors settle promises on the JavaScript thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "addon/failure.h"
#include "addon/napi_setup.h"
#include "core/backend.h"

namespace zest::addon {

// Makes the value that a promise resolves with; runs on the JavaScript thread.
using Settle = std::function<Napi::Value(Napi::Env)>;
// Runs on the worker's thread.
using Work = std::function<Settle(const AbortFlag&)>;
// Runs on the JavaScript thread; its captures are destroyed there too.
using Call = std::function<void(Napi::Env)>;

// Every member but post() is for the JavaScript thread. The process is kept alive while work is
// pending, and only then.
class Worker {
 public:
  // `idle` is called whenever the last pending work has settled.
  Worker(Napi::Env env, std::function<void()> idle);
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  Napi::Promise submit(Napi::Env env, std::shared_ptr<AbortFlag> abort, Work work);
  bool pending() const { return pending_ > 0; }

  // Calls under way and in the queue are aborted and reject with ERR_ZEST_DISPOSED.
  void close();
  // Closes and waits for the thread. Promises that have not settled by then never do: only for an
  // idle worker or an environment that ends.
  void stop();

  // From any thread: `call` runs later on the JavaScript thread, or never if that ends first.
  void post(Call call);

 private:
  struct Task;
  static void run_posted(Napi::Env env, Napi::Function, std::nullptr_t*, Call* call);
  using Poster = Napi::TypedThreadSafeFunction<std::nullptr_t, Call, &Worker::run_posted>;

  void run();
  void look_for_work() const;
  void execute(Task& task);
  void settle(Napi::Env env, Task& task);

  Poster poster_;
  std::function<void()> idle_;
  int pending_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> waiting_ = false;  // work, or the end; what is looked at before the mutex is
  // Guarded by the mutex.
  std::deque<std::shared_ptr<Task>> queue_;
  std::shared_ptr<Task> running_;
  bool closed_ = false;

  std::thread thread_;
};

}  // namespace zest::addon
