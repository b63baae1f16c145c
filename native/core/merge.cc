#include "core/merge.h"

#include <string>

#include "core/stored.h"
#include "core/transformer/visit.h"

namespace zest {
namespace {

std::vector<float> read(Backend& backend, int parameter) {
  const ParameterSpec& p = backend.spec().parameters[static_cast<size_t>(parameter)];
  std::vector<float> values(static_cast<size_t>(p.rows * p.columns));
  backend.read(parameter, values.data());
  return values;
}

}  // namespace

const LinearRoles* adapted_linear(const ModelSpec& spec, int parameter) {
  const LinearRoles* found = nullptr;
  for_each<LinearRoles>(spec.roles, [&](const LinearRoles& linear) {
    if (linear.weight == parameter && linear.adapter_a >= 0) found = &linear;
  });
  return found;
}

std::vector<std::byte> merged_bytes(Backend& backend, const LinearRoles& linear) {
  const ModelSpec& spec = backend.spec();
  const auto rows_of = [&](int parameter) {
    return static_cast<size_t>(spec.parameters[static_cast<size_t>(parameter)].rows);
  };
  const auto columns_of = [&](int parameter) {
    return static_cast<size_t>(spec.parameters[static_cast<size_t>(parameter)].columns);
  };
  const size_t outputs = rows_of(linear.adapter_b), rank = rows_of(linear.adapter_a);
  const size_t inputs = columns_of(linear.adapter_a);
  std::vector<float> w = read(backend, linear.weight);
  const std::vector<float> a = read(backend, linear.adapter_a), b = read(backend, linear.adapter_b);
  std::vector<float> product(inputs);
  for (size_t i = 0; i < outputs; ++i) {
    product.assign(inputs, 0.0f);
    for (size_t r = 0; r < rank; ++r) {
      const float factor = b[i * rank + r];
      for (size_t j = 0; j < inputs; ++j) product[j] += factor * a[r * inputs + j];
    }
    for (size_t j = 0; j < inputs; ++j) {
      w[linear.transposed ? j * outputs + i : i * inputs + j] += spec.adapter_scale * product[j];
    }
  }
  const std::string& name = spec.parameters[static_cast<size_t>(linear.weight)].name;
  check_values(w, backend.storage(), 0, "tensor '" + name + "', merged with its adapter,");
  return stored(w, backend.storage());
}

}  // namespace zest
