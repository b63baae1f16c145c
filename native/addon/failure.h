// C++ exceptions as JavaScript errors with a code.
#pragma once

#include <string>

#include "addon/napi_setup.h"

namespace zest::addon {

struct Failure {
  std::string code;
  std::string message;
};

// Of the exception being handled: zest::Error keeps its code, std::bad_alloc is ERR_ZEST_MEMORY,
// anything else ERR_ZEST_INTERNAL.
Failure current_failure();

Napi::Error to_error(Napi::Env env, const Failure& failure);

// Runs `body` so that every exception reaches JavaScript with a code.
template <class Body>
auto with_code(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_error(env, current_failure());
  }
}

}  // namespace zest::addon
