// Members of JavaScript objects and typed arrays, as C++ values. Everything is copied.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "addon/napi_setup.h"

namespace zest::addon {

inline int32_t to_int32(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

inline uint64_t to_uint64(const Napi::Value& value) {
  bool lossless = false;
  const uint64_t result = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (lossless) return result;
  throw Napi::RangeError::New(value.Env(), "a bigint from 0 to 2^64 - 1 is expected");
}

inline Napi::Object object(const Napi::Value& value) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), "an object is expected");
  return value.As<Napi::Object>();
}

inline double number(const Napi::Object& from, const char* key) {
  return from.Get(key).As<Napi::Number>().DoubleValue();
}

inline int32_t integer(const Napi::Object& from, const char* key) {
  return from.Get(key).As<Napi::Number>().Int32Value();
}

inline int64_t long_integer(const Napi::Object& from, const char* key) {
  return from.Get(key).As<Napi::Number>().Int64Value();
}

inline bool boolean(const Napi::Object& from, const char* key) {
  return from.Get(key).As<Napi::Boolean>().Value();
}

inline std::string text(const Napi::Object& from, const char* key) {
  return from.Get(key).As<Napi::String>().Utf8Value();
}

template <class T>
constexpr napi_typedarray_type array_type() {
  if constexpr (std::is_same_v<T, uint8_t>) return napi_uint8_array;
  if constexpr (std::is_same_v<T, int32_t>) return napi_int32_array;
  if constexpr (std::is_same_v<T, float>) return napi_float32_array;
  if constexpr (std::is_same_v<T, double>) return napi_float64_array;
  if constexpr (std::is_same_v<T, uint64_t>) return napi_biguint64_array;
}

template <class T>
std::vector<T> copy(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != array_type<T>()) {
    throw Napi::TypeError::New(value.Env(), "a typed array of another type is expected");
  }
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  return std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

// Made by JavaScript's own constructor: a buffer that cannot be had is an exception then, where
// Node-API's ends the process.
inline Napi::Value make_array(Napi::Env env, const char* constructor, size_t size) {
  try {
    return env.Global()
        .Get(constructor)
        .As<Napi::Function>()
        .New({Napi::Number::New(env, static_cast<double>(size))});
  } catch (const Napi::Error&) {
    throw std::bad_alloc();
  }
}

template <class T>
Napi::Value array(Napi::Env env, const char* constructor, const std::vector<T>& values) {
  const Napi::Value made = make_array(env, constructor, values.size());
  if (!values.empty()) {
    std::memcpy(made.As<Napi::TypedArrayOf<T>>().Data(), values.data(), values.size() * sizeof(T));
  }
  return made;
}

}  // namespace zest::addon
