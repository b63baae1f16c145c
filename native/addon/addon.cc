// The exports of zest.node: NativeBinding of lib/native/binding.ts.
#include "addon/abort.h"
#include "addon/convert.h"
#include "addon/cuda.h"
#include "addon/engine.h"
#include "addon/failure.h"
#include "addon/file_lock.h"
#include "addon/napi_setup.h"
#include "addon/values.h"
#include "core/cores.h"
#include "core/floating_point.h"
#include "core/parameters.h"
#include "cpu/backend.h"

namespace zest::addon {
namespace {

// What one environment holds: Node's main thread and every worker thread have their own.
struct Classes {
  Napi::FunctionReference abort;
  Napi::FunctionReference engine;
};

Napi::Value isa(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return with_code(env, [&]() -> Napi::Value {
    const IsaReport report = isa_report();
    const Napi::Array available = Napi::Array::New(env);
    for (const char* name : report.available) available.Set(available.Length(), name);
    const Napi::Object result = Napi::Object::New(env);
    result.Set("used", report.used);
    result.Set("available", available);
    return result;
  });
}

Napi::Value noise(const Napi::CallbackInfo& info) {
  return with_code(info.Env(), [&]() -> Napi::Value {
    auto values = info[3].IsNumber() ? make_array<float>(info.Env(), to_int32(info[3]))
                                     : to_array<float>(info[3]);
    fill_noise(to_uint64(info[0]), to_uint64(info[1]), to_uint64(info[2]), values.ElementLength(),
               named<Law>(info[4].As<Napi::String>().Utf8Value()), values.Data());
    return values;
  });
}

Napi::Value vector_direction(const Napi::CallbackInfo& info) {
  return with_code(info.Env(), [&]() -> Napi::Value {
    auto values = make_array<float>(info.Env(), to_int32(info[2]));
    zest::vector_direction(to_directions(info[0]), to_uint64(info[1]), values.ElementLength(),
                           values.Data());
    return values;
  });
}

Napi::Value coefficients(const Napi::CallbackInfo& info) {
  return with_code(info.Env(), [&]() -> Napi::Value {
    const DefaultFloatingPoint environment;
    const std::vector<double> losses = copy<double>(info[0]);
    return from_coefficients(info.Env(), zest::coefficients(losses, to_estimator_options(info[1])));
  });
}

Napi::Value cores(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), available_cores());
}

Napi::Value cuda(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return with_code(env, [&]() -> Napi::Value {
    const std::optional<CudaReport> report = cuda_report();
    if (!report) return env.Null();
    const Napi::Array devices = Napi::Array::New(env);
    for (const std::string& device : report->devices) devices.Set(devices.Length(), device);
    const Napi::Object result = Napi::Object::New(env);
    result.Set("driver", report->driver);
    result.Set("runtime", report->runtime);
    result.Set("devices", devices);
    result.Set("failure", report->failure);
    result.Set("missingCublaslt", report->missing_cublaslt);
    return result;
  });
}

Napi::Value create_abort(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Classes>()->abort.New({});
}

Napi::Value lock_file(const Napi::CallbackInfo& info) {
  return with_code(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), try_lock(to_int32(info[0])));
  });
}

Napi::Value create_engine(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Classes>()->engine.New({info[0]});
}

Napi::Object names(Napi::Env env) {
  const Napi::Object all = Napi::Object::New(env);
  for_each_enum([&]<class Enum>(Names<Enum> of) {
    const Napi::Array list = Napi::Array::New(env);
    for (const Name<Enum>& entry : of.table) list.Set(list.Length(), entry.name);
    all.Set(of.kind, list);
  });
  return all;
}

Napi::Object limits(Napi::Env env) {
  const Napi::Object all = Napi::Object::New(env);
  all.Set("rank", most_rank);
  all.Set("packedTokens", cpu::most_packed_tokens);
  return all;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* classes =
      new Classes{Napi::Persistent(Abort::define(env)), Napi::Persistent(Engine::define(env))};
  env.SetInstanceData(classes);
  exports.Set("version", ZEST_VERSION);
  exports.Set("names", names(env));
  exports.Set("limits", limits(env));
  exports.Set("isa", Napi::Function::New<isa>(env, "isa"));
  exports.Set("noise", Napi::Function::New<noise>(env, "noise"));
  exports.Set("vectorDirection", Napi::Function::New<vector_direction>(env, "vectorDirection"));
  exports.Set("coefficients", Napi::Function::New<coefficients>(env, "coefficients"));
  exports.Set("cores", Napi::Function::New<cores>(env, "cores"));
  exports.Set("cuda", Napi::Function::New<cuda>(env, "cuda"));
  exports.Set("lockFile", Napi::Function::New<lock_file>(env, "lockFile"));
  exports.Set("createAbort", Napi::Function::New<create_abort>(env, "createAbort"));
  exports.Set("createEngine", Napi::Function::New<create_engine>(env, "createEngine"));
  return exports;
}

}  // namespace
}  // namespace zest::addon

static Napi::Object zest_init(Napi::Env env, Napi::Object exports) {
  return zest::addon::init(env, exports);
}
NODE_API_MODULE(zest, zest_init)
