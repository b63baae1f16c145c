#include "core/transformer/visit.h"

#include <algorithm>

namespace zest {

std::vector<int> vector_parameters(const ModelRoles& roles) {
  std::vector<int> found;
  const auto add = [&](int parameter) {
    if (parameter >= 0 && std::find(found.begin(), found.end(), parameter) == found.end())
      found.push_back(parameter);
  };
  for_each<NormRoles>(roles, [&](const NormRoles& norm) { add(norm.weight), add(norm.bias); });
  for_each<LinearRoles>(roles, [&](const LinearRoles& linear) { add(linear.bias); });
  for_each<PrefixRoles>(roles,
                        [&](const PrefixRoles& prefix) { add(prefix.key), add(prefix.value); });
  return found;
}

}  // namespace zest
