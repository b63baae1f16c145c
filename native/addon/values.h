// Members of JavaScript objects and typed arrays, as C++ values; copies, where nothing else is
// said.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "addon/napi_setup.h"
#include "core/names.h"

namespace zest::addon {

inline int32_t to_int32(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

inline uint64_t to_uint64(const Napi::Value& value) {
  bool lossless = false;
  const uint64_t result = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (lossless) return result;
  throw Napi::RangeError::New(value.Env(), "a bigint from 0 to 2^64 - 1 is expected");
}

inline int64_t to_int64(const Napi::Value& value) {
  bool lossless = false;
  return value.As<Napi::BigInt>().Int64Value(&lossless);
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

template <class Enum>
Enum choice(const Napi::Object& from, const char* key) {
  return named<Enum>(text(from, key));
}

// A kind of typed array: its type in Node-API, and its constructor in JavaScript.
struct ArrayKind {
  napi_typedarray_type type;
  const char* constructor;
};

template <class T>
constexpr ArrayKind array_kind() {
  if constexpr (std::is_same_v<T, uint8_t>) return {napi_uint8_array, "Uint8Array"};
  if constexpr (std::is_same_v<T, int32_t>) return {napi_int32_array, "Int32Array"};
  if constexpr (std::is_same_v<T, float>) return {napi_float32_array, "Float32Array"};
  if constexpr (std::is_same_v<T, double>) return {napi_float64_array, "Float64Array"};
  if constexpr (std::is_same_v<T, uint64_t>) return {napi_biguint64_array, "BigUint64Array"};
}

// The array itself.
template <class T>
Napi::TypedArrayOf<T> to_array(const Napi::Value& value) {
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != array_kind<T>().type) {
    throw Napi::TypeError::New(value.Env(), "a typed array of another type is expected");
  }
  return value.As<Napi::TypedArrayOf<T>>();
}

template <class T>
std::vector<T> copy(const Napi::Value& value) {
  const Napi::TypedArrayOf<T> array = to_array<T>(value);
  return std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

// Made by JavaScript's own constructor: a buffer that cannot be had is an exception then, where
// Node-API's ends the process.
template <class T>
Napi::TypedArrayOf<T> make_array(Napi::Env env, int64_t size) {
  const char* name = array_kind<T>().constructor;
  const Napi::Function constructor = Napi::Value(env.Global().Get(name)).As<Napi::Function>();
  try {
    const Napi::Value made = constructor.New({Napi::Number::New(env, static_cast<double>(size))});
    return made.As<Napi::TypedArrayOf<T>>();
  } catch (const Napi::Error&) {
    throw std::bad_alloc();
  }
}

template <class T>
Napi::Value from_vector(Napi::Env env, const std::vector<T>& values) {
  Napi::TypedArrayOf<T> made = make_array<T>(env, static_cast<int64_t>(values.size()));
  if (!values.empty()) std::memcpy(made.Data(), values.data(), values.size() * sizeof(T));
  return made;
}

}  // namespace zest::addon
