#include "addon/worker.h"

#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/floating_point.h"

namespace zest::addon {
namespace {

// How long the thread looks for more work before it sleeps: as long as JavaScript takes to hear of
// a result and to ask for what follows from it, such as a step's update. To wake a thread takes as
// long as a small model's forward on a card.
constexpr std::chrono::microseconds look_for{200};

}  // namespace

// Made and destroyed on the JavaScript thread: what the work captured may hold JavaScript
// references.
struct Worker::Task {
  Napi::Promise::Deferred promise;
  std::shared_ptr<AbortFlag> abort;
  Work work;
  Settle settle;
  std::optional<Failure> failure;
};

Worker::Worker(Napi::Env env, std::function<void()> idle)
    : poster_(Poster::New(env, "zest", 0, 1)), idle_(std::move(idle)) {
  poster_.Unref(env);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    poster_.Release();
    throw Error("ERR_ZEST_THREADS",
                std::string("the engine's thread did not start: ") + error.what());
  }
}

Napi::Promise Worker::submit(Napi::Env env, std::shared_ptr<AbortFlag> abort, Work work) {
  auto task = std::make_shared<Task>(
      Task{Napi::Promise::Deferred::New(env), std::move(abort), std::move(work), {}, {}});
  const Napi::Promise promise = task->promise.Promise();
  if (pending_++ == 0) poster_.Ref(env);
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
    waiting_.store(true, std::memory_order_relaxed);
  }
  changed_.notify_one();
  return promise;
}

void Worker::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting_.store(true, std::memory_order_relaxed);
    if (running_) running_->abort->store(true);
    for (const std::shared_ptr<Task>& task : queue_) task->abort->store(true);
  }
  changed_.notify_one();
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  close();
  thread_.join();
  poster_.Release();
}

void Worker::post(Call call) {
  // Refused only where JavaScript has ended; the call is then left alone, since its captures may
  // not be destroyed on this thread.
  poster_.NonBlockingCall(new Call(std::move(call)));
}

void Worker::run_posted(Napi::Env env, Napi::Function, std::nullptr_t*, Call* call) {
  const std::unique_ptr<Call> owned(call);
  if (static_cast<napi_env>(env) != nullptr) (*owned)(env);
}

void Worker::run() {
  const DefaultFloatingPoint environment;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
    if (queue_.empty()) return;
    running_ = std::move(queue_.front());
    queue_.pop_front();
    waiting_.store(closed_ || !queue_.empty(), std::memory_order_relaxed);
    lock.unlock();
    execute(*running_);
    lock.lock();
    if (closed_ && running_->failure && running_->failure->code == "ERR_ZEST_ABORTED") {
      running_->failure = {"ERR_ZEST_DISPOSED", "the model was disposed before this call was done"};
    }
    post([this, task = std::exchange(running_, nullptr)](Napi::Env env) { settle(env, *task); });
    lock.unlock();
    look_for_work();
    lock.lock();
  }
}

void Worker::look_for_work() const {
  const auto end = std::chrono::steady_clock::now() + look_for;
  while (!waiting_.load(std::memory_order_relaxed) && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
}

void Worker::execute(Task& task) {
  try {
    if (task.abort->load()) throw Error("ERR_ZEST_ABORTED", "the call was aborted before it began");
    task.settle = task.work(*task.abort);
  } catch (...) {
    task.failure = current_failure();
  }
}

void Worker::settle(Napi::Env env, Task& task) {
  if (--pending_ == 0) poster_.Unref(env);
  try {
    if (task.failure) throw to_error(env, *task.failure);
    task.promise.Resolve(with_code(env, [&] { return task.settle(env); }));
  } catch (const Napi::Error& error) {
    task.promise.Reject(error.Value());
  }
  if (pending_ == 0) idle_();
}

}  // namespace zest::addon
