// What the engine's enums are called outside of C++: one table an enum, in the order of its values.
// The addon reads and writes these names alone, and tells them (binding.names).
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/direction.h"
#include "core/error.h"
#include "core/estimators.h"
#include "core/transformer/spec.h"

namespace zest {

template <class Enum>
struct Name {
  Enum value;
  const char* name;
};

// `kind` is what an error and binding.names call the enum.
template <class Enum>
struct Names;

template <>
struct Names<Law> {
  static constexpr const char* kind = "law";
  static constexpr std::array table = {
      Name<Law>{Law::gaussian, "gaussian"},
      Name<Law>{Law::sphere, "sphere"},
      Name<Law>{Law::rademacher, "rademacher"},
      Name<Law>{Law::low_rank, "lowRank"},
  };
};

template <>
struct Names<Rule> {
  static constexpr const char* kind = "rule";
  static constexpr std::array table = {
      Name<Rule>{Rule::plain, "plain"},
  };
};

template <>
struct Names<Estimator> {
  static constexpr const char* kind = "estimator";
  static constexpr std::array table = {
      Name<Estimator>{Estimator::naive, "naive"},
      Name<Estimator>{Estimator::bias_corrected, "biasCorrected"},
      Name<Estimator>{Estimator::beale, "beale"},
      Name<Estimator>{Estimator::jackknife, "jackknife"},
  };
};

template <>
struct Names<Sides> {
  static constexpr const char* kind = "sides";
  static constexpr std::array table = {
      Name<Sides>{Sides::two, "two"},
      Name<Sides>{Sides::one, "one"},
  };
};

template <>
struct Names<Normalize> {
  static constexpr const char* kind = "normalize";
  static constexpr std::array table = {
      Name<Normalize>{Normalize::none, "none"},
      Name<Normalize>{Normalize::sigma, "sigma"},
      Name<Normalize>{Normalize::norm, "norm"},
  };
};

template <>
struct Names<TiltRule> {
  static constexpr const char* kind = "tiltRule";
  static constexpr std::array table = {
      Name<TiltRule>{TiltRule::number, "number"},
      Name<TiltRule>{TiltRule::tau, "tau"},
      Name<TiltRule>{TiltRule::effective_sample_size, "effectiveSampleSize"},
      Name<TiltRule>{TiltRule::kl_radius, "klRadius"},
  };
};

template <>
struct Names<StorageType> {
  static constexpr const char* kind = "storage";
  static constexpr std::array table = {
      Name<StorageType>{StorageType::float32, "float32"},
      Name<StorageType>{StorageType::bfloat16, "bfloat16"},
  };
};

// As safetensors and GGUF call them.
template <>
struct Names<FileType> {
  static constexpr const char* kind = "fileType";
  static constexpr std::array table = {
      Name<FileType>{FileType::float32, "F32"},
      Name<FileType>{FileType::float16, "F16"},
      Name<FileType>{FileType::bfloat16, "BF16"},
      Name<FileType>{FileType::q8_0, "Q8_0"},
      Name<FileType>{FileType::q4_0, "Q4_0"},
      Name<FileType>{FileType::q4_1, "Q4_1"},
      Name<FileType>{FileType::q4_k, "Q4_K"},
      Name<FileType>{FileType::q5_k, "Q5_K"},
      Name<FileType>{FileType::q6_k, "Q6_K"},
  };
};

template <>
struct Names<Activation> {
  static constexpr const char* kind = "activation";
  static constexpr std::array table = {
      Name<Activation>{Activation::gelu_erf, "geluErf"},
      Name<Activation>{Activation::gelu_tanh, "geluTanh"},
      Name<Activation>{Activation::gelu_quick, "geluQuick"},
      Name<Activation>{Activation::relu, "relu"},
      Name<Activation>{Activation::silu, "silu"},
      Name<Activation>{Activation::tanh, "tanh"},
  };
};

template <>
struct Names<Norm> {
  static constexpr const char* kind = "norm";
  static constexpr std::array table = {
      Name<Norm>{Norm::layer, "layer"},
      Name<Norm>{Norm::rms, "rms"},
  };
};

// Calls visit(Names<Enum>{}) for each enum that has names.
template <class Visit>
void for_each_enum(Visit visit) {
  visit(Names<Law>{}), visit(Names<Rule>{}), visit(Names<Estimator>{}), visit(Names<Sides>{});
  visit(Names<Normalize>{}), visit(Names<TiltRule>{}), visit(Names<StorageType>{});
  visit(Names<FileType>{}), visit(Names<Activation>{}), visit(Names<Norm>{});
}

template <class Enum>
const char* name_of(Enum value) {
  for (const Name<Enum>& entry : Names<Enum>::table) {
    if (entry.value == value) return entry.name;
  }
  throw Error("ERR_ZEST_INTERNAL", std::string(Names<Enum>::kind) + " has a value without a name");
}

// Throws ERR_ZEST_OPTION, which lists the names, for one that is none of them.
template <class Enum>
Enum named(std::string_view name) {
  std::string known;
  for (const Name<Enum>& entry : Names<Enum>::table) {
    if (entry.name == name) return entry.value;
    known += known.empty() ? entry.name : std::string(", ") + entry.name;
  }
  throw Error("ERR_ZEST_OPTION", std::string(Names<Enum>::kind) + " is '" + std::string(name) +
                                     "'; expected " + known);
}

}  // namespace zest
