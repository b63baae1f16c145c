// JavaScript values to the structs of core and back. Everything is copied: no pointer into a
// JavaScript buffer outlives the call. Names and shapes are those of lib/native/binding.ts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "addon/napi_setup.h"
#include "core/backend.h"
#include "core/estimators.h"
#include "core/sampling.h"

namespace zest::addon {

struct Model {
  ModelSpec spec;
  std::vector<ParameterSource> sources;
};

Model to_model(const Napi::Value& value);
Shortcuts to_shortcuts(const Napi::Value& value);
Directions to_directions(const Napi::Value& value);
Batch to_batch(const Napi::Value& value);
std::vector<Point> to_points(const Napi::Value& value);
Update to_update(const Napi::Value& value);
Sampling to_sampling(const Napi::Value& value);
EstimatorOptions to_estimator_options(const Napi::Value& value);

Napi::Value from_rows(Napi::Env env, const std::vector<std::vector<float>>& rows);
Napi::Object from_coefficients(Napi::Env env, const Coefficients& coefficients);

}  // namespace zest::addon
