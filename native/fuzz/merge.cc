// An adapter's values, of any file, merged into the weights of another.
#include "core/merge.h"

#include <string>

#include "core/error.h"
#include "fuzz/input.h"
#include "fuzz/memory_backend.h"

using namespace zest;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const auto storage = static_cast<StorageType>(input.number(0, 1));
  const int64_t outputs = input.number(1, 6), inputs = input.number(1, 6),
                rank = input.number(1, 4);
  ModelSpec spec;
  spec.adapter_scale = input.value<float>();
  LinearRoles linear;
  linear.transposed = input.number(0, 1) == 1;
  spec.parameters = {
      {"w", linear.transposed ? inputs : outputs, linear.transposed ? outputs : inputs, true},
      {"w.lora_A", rank, inputs, true},
      {"w.lora_B", outputs, rank, true}};
  linear.weight = 0, linear.adapter_a = 1, linear.adapter_b = 2;
  spec.roles.layers.emplace_back().query = linear;
  fuzz::MemoryBackend backend(spec, storage);
  for (int i = 0; i < 3; ++i) {
    for (float& value : backend.values(i)) value = input.value<float>();
  }
  const LinearRoles* found = adapted_linear(backend.spec(), 0);
  fuzz::expect(found != nullptr && adapted_linear(backend.spec(), 1) == nullptr);
  try {
    const auto bytes = merged_bytes(backend, *found);
    fuzz::expect(bytes.size() == static_cast<size_t>(outputs * inputs) * element_bytes(storage));
  } catch (const Error& error) {
    fuzz::expect(error.code() == std::string("ERR_ZEST_TENSOR_VALUE"));
  }
  return 0;
}
