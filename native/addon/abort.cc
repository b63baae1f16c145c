#include "addon/abort.h"

namespace zest::addon {
namespace {

constexpr napi_type_tag tag = {0x6e6f64652d7a6573, 0x742d61626f727431};

}  // namespace

Napi::Function Abort::define(Napi::Env env) {
  return DefineClass(env, "NativeAbort", {InstanceMethod<&Abort::abort>("abort")});
}

Abort::Abort(const Napi::CallbackInfo& info)
    : ObjectWrap(info), flag_(std::make_shared<AbortFlag>(false)) {
  Value().TypeTag(&tag);
}

std::shared_ptr<AbortFlag> Abort::flag(const Napi::Value& value) {
  if (value.IsUndefined()) return std::make_shared<AbortFlag>(false);
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag)) {
    throw Napi::TypeError::New(value.Env(), "an abort handle is expected");
  }
  return Unwrap(value.As<Napi::Object>())->flag_;
}

Napi::Value Abort::abort(const Napi::CallbackInfo& info) {
  flag_->store(true);
  return info.Env().Undefined();
}

}  // namespace zest::addon
