// Quantised blocks of a GGUF file, as values and as the panels of the CPU's product: the same.
#include "core/blocks.h"

#include <bit>

#include "cpu/kernels/kernels.h"
#include "fuzz/input.h"

using namespace zest;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const auto type = static_cast<FileType>(
      input.number(static_cast<int>(FileType::q8_0), static_cast<int>(FileType::q6_k)));
  const BlockFormat format = block_format(type);
  const size_t count =
      std::min<size_t>(input.rest().size() / static_cast<size_t>(format.bytes), 64);
  if (count == 0) return 0;
  // Of its own, so that a byte beyond it is noticed.
  std::vector<uint8_t> blocks(input.rest().begin(),
                              input.rest().begin() + count * static_cast<size_t>(format.bytes));
  const auto elements = static_cast<int64_t>(count) * format.elements;
  std::vector<float> values(static_cast<size_t>(elements));
  dequantize(type, blocks.data(), 0, elements, values.data());

  const cpu::Matrix matrix{blocks.data(), StorageType::float32, 1, elements, 0, type};
  const cpu::Rows row{nullptr, 0, 1};
  constexpr int width = 2;
  std::vector<std::byte> panel(
      static_cast<size_t>(cpu::quantized_panel_bytes(type, elements, width)));
  cpu::pack_quantized(matrix, row, width, panel.data());
  const int group = elements_a_scale(type);
  const std::byte* at = panel.data();
  for (int64_t first = 0; first < elements; first += group) {
    const auto take = [&] {
      float value;
      std::memcpy(&value, at, sizeof value);
      at += width * sizeof value;
      return value;
    };
    const float scale = take(), minimum = has_minimum(type) ? take() : 0.0f;
    for (int e = 0; e < group; ++e) {
      float value = scale * static_cast<float>(static_cast<int8_t>(at[e * width]));
      if (has_minimum(type)) value += minimum;
      const float expected = values[static_cast<size_t>(first + e)];
      fuzz::expect(value == expected || (value != value && expected != expected));
    }
    at += group * width;
  }
  return 0;
}
