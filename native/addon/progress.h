// Tells a JavaScript function how far a call is, without waiting for it: reports that come faster
// than it takes them are merged.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "addon/napi_setup.h"
#include "addon/worker.h"

namespace zest::addon {

class Progress : public std::enable_shared_from_this<Progress> {
 public:
  Progress(Worker& worker, const Napi::Function& callback)
      : worker_(worker), callback_(Napi::Persistent(callback)) {}

  // From the worker's thread.
  void report(int64_t done, int64_t total) {
    done_ = done;
    total_ = total;
    if (posted_.exchange(true)) return;
    worker_.post([self = shared_from_this()](Napi::Env env) { self->call(env); });
  }

 private:
  void call(Napi::Env env) {
    posted_ = false;
    callback_.Call({Napi::Number::New(env, static_cast<double>(done_)),
                    Napi::Number::New(env, static_cast<double>(total_))});
  }

  Worker& worker_;
  Napi::FunctionReference callback_;
  std::atomic<int64_t> done_{0};
  std::atomic<int64_t> total_{0};
  std::atomic<bool> posted_{false};
};

}  // namespace zest::addon
