#include "addon/failure.h"

#include <exception>
#include <new>

#include "core/error.h"

namespace zest::addon {

Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {"ERR_ZEST_MEMORY", "there is not enough memory for this call"};
  } catch (const std::exception& error) {
    return {"ERR_ZEST_INTERNAL", error.what()};
  } catch (...) {
    return {"ERR_ZEST_INTERNAL", "the engine threw something that is not an exception"};
  }
}

Napi::Error to_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", failure.code);
  return error;
}

}  // namespace zest::addon
