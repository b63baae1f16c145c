// The handle that stops a call: `abort()` sets a flag that the engine polls.
#pragma once

#include <memory>

#include "addon/napi_setup.h"
#include "core/backend.h"

namespace zest::addon {

class Abort : public Napi::ObjectWrap<Abort> {
 public:
  static Napi::Function define(Napi::Env env);
  // The flag of a handle, or a new one for undefined; throws if the value is neither.
  static std::shared_ptr<AbortFlag> flag(const Napi::Value& value);

  explicit Abort(const Napi::CallbackInfo& info);

 private:
  Napi::Value abort(const Napi::CallbackInfo& info);

  std::shared_ptr<AbortFlag> flag_;
};

}  // namespace zest::addon
