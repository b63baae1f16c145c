// NativeEngine of lib/native/binding.ts: one model and the thread that it runs on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "addon/convert.h"
#include "addon/generations.h"
#include "addon/napi_setup.h"
#include "addon/worker.h"
#include "core/backend.h"

namespace zest::addon {

class Engine : public Napi::ObjectWrap<Engine> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit Engine(const Napi::CallbackInfo& info);
  ~Engine() override;

 private:
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value example_losses(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value logits(const Napi::CallbackInfo& info);
  Napi::Value embeddings(const Napi::CallbackInfo& info);
  Napi::Value open_session(const Napi::CallbackInfo& info);
  Napi::Value extend_session(const Napi::CallbackInfo& info);
  Napi::Value close_session(const Napi::CallbackInfo& info);
  Napi::Value apply(const Napi::CallbackInfo& info);
  Napi::Value apply_all(const Napi::CallbackInfo& info);
  Napi::Value parameter(const Napi::CallbackInfo& info);
  Napi::Value direction(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);
  Napi::Value restore_state(const Napi::CallbackInfo& info);
  Napi::Value states(const Napi::CallbackInfo& info);
  Napi::Value digest(const Napi::CallbackInfo& info);
  Napi::Value not_finite(const Napi::CallbackInfo& info);
  Napi::Value write_file(const Napi::CallbackInfo& info);
  Napi::Value version(const Napi::CallbackInfo& info);
  Napi::Value forwards(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);

  // Queues the work that `prepare` makes of the arguments.
  template <class Prepare>
  Napi::Value submit(const Napi::CallbackInfo& info, std::shared_ptr<AbortFlag> abort,
                     Prepare prepare);
  template <class Fill>
  Work fill_array(Napi::Env env, int32_t parameter, Fill fill);
  Batch batch_of(const Napi::Value& value) const;
  int32_t check_parameter(int32_t index) const;
  void count_forwards(const Batch& batch, size_t points);
  // Of the worker's thread.
  Backend& backend();
  void check_version(int64_t at_version) const;  // below 0: any
  void note_states();
  template <class Apply>
  void count_updates(Apply apply);

  // The parameter whose state is asked for, which is trained.
  int32_t check_trained(int32_t index) const;

  // Ends the thread and frees the weights. Pending promises never settle: only for an idle engine
  // or an environment that ends.
  void release();
  static void end_with_environment(void* engine);
  // Tells the collector how many bytes the object really holds.
  void account(int64_t bytes);

  const napi_env env_;
  Model model_;
  StorageType storage_ = StorageType::float32;
  Shortcuts shortcuts_;
  int threads_ = 1;
  int cuda_device_ = -1;  // below 0: the CPU

  std::unique_ptr<Backend> backend_;  // made by load, used on the worker's thread
  Generations generations_;           // used on the worker's thread, before the backend ends
  std::atomic<uint64_t> version_{0};
  std::atomic<uint64_t> forwards_{0};
  std::atomic<uint32_t> states_{0};  // a bit for each RuleState that the backend has
  int64_t accounted_bytes_ = 0;
  bool disposed_ = false;
  std::unique_ptr<Worker> worker_;
};

}  // namespace zest::addon
