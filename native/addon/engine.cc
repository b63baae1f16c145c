#include "addon/engine.h"

#include <string>
#include <utility>

#include "addon/abort.h"
#include "addon/cuda.h"
#include "addon/failure.h"
#include "addon/progress.h"
#include "addon/values.h"
#include "addon/write_file.h"
#include "core/blocks.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/evaluate.h"
#include "core/names.h"
#include "core/parameters.h"
#include "cpu/backend.h"

namespace zest::addon {
namespace {

std::shared_ptr<AbortFlag> no_abort() { return std::make_shared<AbortFlag>(false); }

int64_t weight_bytes(const Model& model, StorageType storage) {
  int64_t bytes = 0;
  for (size_t i = 0; i < model.spec.parameters.size(); ++i) {
    const ParameterSpec& p = model.spec.parameters[i];
    const int64_t elements = p.rows * p.columns;
    bytes += p.as_stored ? file_bytes(model.sources[i].type, elements)
                         : elements * static_cast<int64_t>(element_bytes(storage));
  }
  return bytes;
}

Napi::Value undefined(Napi::Env env) { return env.Undefined(); }

}  // namespace

Napi::Function Engine::define(Napi::Env env) {
  return DefineClass(env, "NativeEngine",
                     {InstanceMethod<&Engine::load>("load"),
                      InstanceMethod<&Engine::example_losses>("sequenceLosses"),
                      InstanceMethod<&Engine::evaluate>("evaluate"),
                      InstanceMethod<&Engine::logits>("logits"),
                      InstanceMethod<&Engine::embeddings>("embeddings"),
                      InstanceMethod<&Engine::open_session>("openSession"),
                      InstanceMethod<&Engine::extend_session>("extendSession"),
                      InstanceMethod<&Engine::close_session>("closeSession"),
                      InstanceMethod<&Engine::apply>("apply"),
                      InstanceMethod<&Engine::parameter>("parameter"),
                      InstanceMethod<&Engine::apply_all>("applyAll"),
                      InstanceMethod<&Engine::direction>("direction"),
                      InstanceMethod<&Engine::state>("state"),
                      InstanceMethod<&Engine::restore_state>("restoreState"),
                      InstanceMethod<&Engine::states>("states"),
                      InstanceMethod<&Engine::digest>("digest"),
                      InstanceMethod<&Engine::not_finite>("notFinite"),
                      InstanceMethod<&Engine::write_file>("writeFile"),
                      InstanceMethod<&Engine::version>("version"),
                      InstanceMethod<&Engine::forwards>("forwards"),
                      InstanceMethod<&Engine::dispose>("dispose"),
                      InstanceMethod<&Engine::stop>("stop")});
}

Engine::Engine(const Napi::CallbackInfo& info) : ObjectWrap(info), env_(info.Env()) {
  with_code(info.Env(), [&] {
    const auto options = info[0].As<Napi::Object>();
    model_ = to_model(options.Get("spec"));
    storage_ = choice<StorageType>(options, "storage");
    shortcuts_ = to_shortcuts(options.Get("shortcuts"));
    threads_ = options.Get("threads").As<Napi::Number>().Int32Value();
    if (options.Has("cudaDevice")) {
      cuda_device_ = options.Get("cudaDevice").As<Napi::Number>().Int32Value();
    }
    worker_ = std::make_unique<Worker>(info.Env(), [this] {
      if (disposed_) release();
      Unref();
    });
  });
  // Hooks run last in, first out: the thread ends before the thread-safe function that it posts to.
  napi_add_env_cleanup_hook(env_, &Engine::end_with_environment, this);
}

Engine::~Engine() {
  release();
  napi_remove_env_cleanup_hook(env_, &Engine::end_with_environment, this);
}

void Engine::end_with_environment(void* engine) { static_cast<Engine*>(engine)->release(); }

void Engine::release() {
  if (worker_) worker_->stop();
  generations_.clear();
  backend_.reset();
  account(0);
}

void Engine::account(int64_t bytes) {
  if (bytes == accounted_bytes_) return;
  Napi::MemoryManagement::AdjustExternalMemory(Env(), bytes - accounted_bytes_);
  accounted_bytes_ = bytes;
}

template <class Prepare>
Napi::Value Engine::submit(const Napi::CallbackInfo& info, std::shared_ptr<AbortFlag> abort,
                           Prepare prepare) {
  return with_code(info.Env(), [&]() -> Napi::Value {
    if (disposed_) throw Error("ERR_ZEST_DISPOSED", "the model has been disposed");
    Work work = prepare();
    if (!worker_->pending()) Ref();
    return worker_->submit(info.Env(), std::move(abort), std::move(work));
  });
}

Backend& Engine::backend() {
  if (!backend_)
    throw Error("ERR_ZEST_INTERNAL", "the engine has no weights: load did not succeed");
  return *backend_;
}

Batch Engine::batch_of(const Napi::Value& value) const {
  Batch batch = to_batch(value);
  check_batch(batch, model_.spec);
  return batch;
}

int32_t Engine::check_parameter(int32_t index) const {
  if (index < 0 || static_cast<size_t>(index) >= model_.spec.parameters.size()) {
    throw Error("ERR_ZEST_INTERNAL", "there is no parameter " + std::to_string(index));
  }
  return index;
}

void Engine::note_states() {
  uint32_t there = 0;
  for (int s = 0; s < state_count; ++s) {
    if (backend().has_state(static_cast<RuleState>(s))) there |= uint32_t{1} << s;
  }
  states_ = there;
}

// What took effect counts, also where `apply` throws in the middle.
template <class Apply>
void Engine::count_updates(Apply apply) {
  size_t done = 0;
  const auto note = [&] {
    version_ += done;
    note_states();
  };
  try {
    apply(done);
  } catch (...) {
    note();
    throw;
  }
  note();
}

int32_t Engine::check_trained(int32_t index) const {
  if (model_.spec.parameters[static_cast<size_t>(check_parameter(index))].trainable) return index;
  throw Error("ERR_ZEST_PARAMETER", "a parameter that is not trained has no state");
}

void Engine::check_version(int64_t at_version) const {
  if (at_version < 0 || static_cast<uint64_t>(at_version) == version_) return;
  throw Error("ERR_ZEST_VERSION",
              "the evaluation was asked for at version " + std::to_string(at_version) +
                  ", but the weights are at version " + std::to_string(version_));
}

void Engine::count_forwards(const Batch& batch, size_t points) {
  const size_t examples =
      batch.examples.empty() ? static_cast<size_t>(batch.sequences()) : batch.examples.size();
  forwards_ += examples * points;
}

Napi::Value Engine::load(const Napi::CallbackInfo& info) {
  return submit(info, Abort::flag(info[1]), [&]() -> Work {
    std::shared_ptr<Progress> progress;
    if (info[0].IsFunction()) {
      progress = std::make_shared<Progress>(*worker_, info[0].As<Napi::Function>());
    }
    return [this, progress](const AbortFlag& abort) -> Settle {
      generations_.clear();
      backend_.reset();
      states_ = 0;
      auto backend = cuda_device_ >= 0
                         ? make_cuda(model_.spec, storage_, cuda_device_)
                         : make_cpu_backend(model_.spec, storage_, shortcuts_, threads_);
      backend->load(
          model_.sources,
          [&](int64_t done, int64_t total) {
            if (progress) progress->report(done, total);
          },
          abort);
      backend_ = std::move(backend);
      return [this](Napi::Env env) {
        account(weight_bytes(model_, storage_));
        return env.Undefined();
      };
    };
  });
}

Napi::Value Engine::example_losses(const Napi::CallbackInfo& info) {
  return submit(info, Abort::flag(info[5]), [&]() -> Work {
    return [this, directions = to_directions(info[0]), batch = batch_of(info[1]),
            points = to_points(info[2]), micro_batch = to_int32(info[3]),
            at_version = to_int64(info[4])](const AbortFlag& abort) -> Settle {
      check_version(at_version);
      std::vector<double> losses =
          zest::example_losses(backend(), directions, batch, points, micro_batch, abort);
      count_forwards(batch, points.size());
      return [losses = std::move(losses)](Napi::Env env) { return from_vector(env, losses); };
    };
  });
}

Napi::Value Engine::evaluate(const Napi::CallbackInfo& info) {
  return submit(info, Abort::flag(info[5]), [&]() -> Work {
    return [this, directions = to_directions(info[0]), batch = batch_of(info[1]),
            points = to_points(info[2]), micro_batch = to_int32(info[3]),
            at_version = to_int64(info[4])](const AbortFlag& abort) -> Settle {
      check_version(at_version);
      std::vector<double> losses =
          zest::evaluate(backend(), directions, batch, points, micro_batch, abort);
      count_forwards(batch, points.size());
      return [losses = std::move(losses)](Napi::Env env) { return from_vector(env, losses); };
    };
  });
}

Napi::Value Engine::logits(const Napi::CallbackInfo& info) {
  return submit(info, Abort::flag(info[3]), [&]() -> Work {
    return [this, directions = to_directions(info[0]), batch = batch_of(info[1]),
            points = to_points(info[2])](const AbortFlag& abort) -> Settle {
      auto rows =
          zest::logits(backend(), directions, batch, points.empty() ? Point{} : points[0], abort);
      count_forwards(batch, 1);
      return [rows = std::move(rows)](Napi::Env env) { return from_rows(env, rows); };
    };
  });
}

Napi::Value Engine::embeddings(const Napi::CallbackInfo& info) {
  return submit(info, Abort::flag(info[3]), [&]() -> Work {
    return [this, directions = to_directions(info[0]), batch = batch_of(info[1]),
            points = to_points(info[2])](const AbortFlag& abort) -> Settle {
      auto rows =
          backend().embeddings(directions, batch, points.empty() ? Point{} : points[0], abort);
      count_forwards(batch, 1);
      return [rows = std::move(rows)](Napi::Env env) { return from_rows(env, rows); };
    };
  });
}

Napi::Value Engine::open_session(const Napi::CallbackInfo& info) {
  return submit(info, Abort::flag(info[4]), [&]() -> Work {
    return [this, directions = to_directions(info[0]), points = to_points(info[1]),
            capacities = copy<int32_t>(info[2]),
            sampling = to_sampling(info[3])](const AbortFlag& abort) -> Settle {
      const Point point = points.empty() ? Point{} : points[0];
      auto session = backend().session(directions, point, capacities, abort);
      const int32_t id =
          generations_.open(std::move(session), sampling, capacities.size(), version_);
      return [id](Napi::Env env) { return Napi::Number::New(env, id); };
    };
  });
}

Napi::Value Engine::extend_session(const Napi::CallbackInfo& info) {
  return submit(info, Abort::flag(info[3]), [&]() -> Work {
    return [this, generation = to_int32(info[0]), ids = copy<int32_t>(info[1]),
            starts = copy<int32_t>(info[2])](const AbortFlag& abort) -> Settle {
      std::vector<int32_t> next =
          generations_.extend(generation, ids, starts, model_.spec, version_, abort);
      forwards_ += next.size();
      return [next = std::move(next)](Napi::Env env) { return from_vector(env, next); };
    };
  });
}

Napi::Value Engine::close_session(const Napi::CallbackInfo& info) {
  return submit(info, no_abort(), [&]() -> Work {
    return [this, generation = to_int32(info[0])](const AbortFlag&) -> Settle {
      generations_.close(generation);
      return undefined;
    };
  });
}

Napi::Value Engine::apply(const Napi::CallbackInfo& info) {
  return submit(info, Abort::flag(info[2]), [&]() -> Work {
    return [this, directions = to_directions(info[0]),
            update = to_update(info[1])](const AbortFlag& abort) -> Settle {
      count_updates([&](size_t& done) {
        backend().apply(directions, update, abort);
        done = 1;
      });
      return undefined;
    };
  });
}

Napi::Value Engine::apply_all(const Napi::CallbackInfo& info) {
  return submit(info, Abort::flag(info[2]), [&]() -> Work {
    const Napi::Array given = info[1].As<Napi::Array>();
    std::vector<Update> updates;
    for (uint32_t i = 0; i < given.Length(); ++i) updates.push_back(to_update(given.Get(i)));
    return [this, directions = to_directions(info[0]),
            updates = std::move(updates)](const AbortFlag& abort) -> Settle {
      count_updates([&](size_t& done) { backend().apply_all(directions, updates, abort, done); });
      return undefined;
    };
  });
}

// An array of a parameter's size, which `fill` writes on the worker's thread.
template <class Fill>
Work Engine::fill_array(Napi::Env env, int32_t parameter, Fill fill) {
  const ParameterSpec& p = model_.spec.parameters[static_cast<size_t>(parameter)];
  auto array = make_array<float>(env, p.rows * p.columns);
  const auto held = std::make_shared<Napi::Reference<Napi::Float32Array>>(Napi::Persistent(array));
  return [held, fill, out = array.Data()](const AbortFlag&) -> Settle {
    fill(out);
    return [held](Napi::Env) { return held->Value(); };
  };
}

Napi::Value Engine::parameter(const Napi::CallbackInfo& info) {
  return submit(info, no_abort(), [&]() -> Work {
    const int32_t index = check_parameter(to_int32(info[0]));
    return fill_array(info.Env(), index, [this, index](float* out) { backend().read(index, out); });
  });
}

Napi::Value Engine::direction(const Napi::CallbackInfo& info) {
  return submit(info, no_abort(), [&]() -> Work {
    const int32_t index = check_parameter(to_int32(info[2]));
    return fill_array(
        info.Env(), index,
        [this, index, directions = to_directions(info[0]), stream = to_uint64(info[1])](
            float* out) { backend().direction(directions, stream, index, out); });
  });
}

Napi::Value Engine::state(const Napi::CallbackInfo& info) {
  return submit(info, no_abort(), [&]() -> Work {
    const RuleState state = named<RuleState>(info[0].As<Napi::String>().Utf8Value());
    const int32_t index = check_trained(to_int32(info[1]));
    return fill_array(info.Env(), index, [this, state, index](float* out) {
      if (!backend().has_state(state)) {
        throw Error("ERR_ZEST_PARAMETER", std::string("no update has made a state ") +
                                              name_of(state) +
                                              "; expected one that uses it before");
      }
      backend().read_state(state, index, out);
    });
  });
}

Napi::Value Engine::restore_state(const Napi::CallbackInfo& info) {
  return submit(info, no_abort(), [&]() -> Work {
    const int32_t index = check_trained(to_int32(info[1]));
    std::vector<float> values = copy<float>(info[2]);
    const ParameterSpec& p = model_.spec.parameters[static_cast<size_t>(index)];
    if (static_cast<int64_t>(values.size()) != p.rows * p.columns) {
      throw Error("ERR_ZEST_INTERNAL", "the state is not of the parameter's size");
    }
    return [this, index, values = std::move(values),
            state = named<RuleState>(info[0].As<Napi::String>().Utf8Value())](
               const AbortFlag&) -> Settle {
      backend().write_state(state, index, values);
      note_states();
      return undefined;
    };
  });
}

Napi::Value Engine::states(const Napi::CallbackInfo& info) {
  const Napi::Array names = Napi::Array::New(info.Env());
  for (uint32_t s = 0; s < state_count; ++s) {
    if (states_ >> s & 1u) names.Set(names.Length(), name_of(static_cast<RuleState>(s)));
  }
  return names;
}

Napi::Value Engine::digest(const Napi::CallbackInfo& info) {
  const Part part = info[0].ToBoolean() ? Part::frozen : Part::trainable;
  return submit(info, no_abort(), [&]() -> Work {
    return [this, part](const AbortFlag&) -> Settle {
      return [digest = zest::digest(backend(), part)](Napi::Env env) {
        return Napi::String::New(env, digest);
      };
    };
  });
}

Napi::Value Engine::not_finite(const Napi::CallbackInfo& info) {
  return submit(info, no_abort(), [&]() -> Work {
    return [this](const AbortFlag&) -> Settle {
      return [index = first_not_finite(backend())](Napi::Env env) {
        return Napi::Number::New(env, index);
      };
    };
  });
}

Napi::Value Engine::write_file(const Napi::CallbackInfo& info) {
  return submit(info, no_abort(), [&]() -> Work {
    std::vector<int32_t> indexes = copy<int32_t>(info[2]);
    for (const int32_t index : indexes) check_parameter(index);
    return [this, path = info[0].As<Napi::String>().Utf8Value(), header = copy<uint8_t>(info[1]),
            indexes = std::move(indexes)](const AbortFlag& abort) -> Settle {
      addon::write_file(path, header, indexes, backend(), abort);
      return undefined;
    };
  });
}

Napi::Value Engine::version(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), version_.load());
}

Napi::Value Engine::forwards(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), forwards_.load());
}

Napi::Value Engine::dispose(const Napi::CallbackInfo& info) {
  disposed_ = true;
  worker_->close();
  if (!worker_->pending()) release();
  return info.Env().Undefined();
}

Napi::Value Engine::stop(const Napi::CallbackInfo& info) {
  disposed_ = true;
  release();
  return info.Env().Undefined();
}

}  // namespace zest::addon
