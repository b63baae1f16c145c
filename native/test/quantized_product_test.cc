// Products with weights that stay quantised have the bits of products with what they hold, on every
// instruction set.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "core/blocks.h"
#include "cpu/kernels/kernels.h"
#include "instruction_sets.h"

namespace zest {
namespace {

constexpr int64_t rows = 37, depth = 256;

uint32_t next(uint32_t& state) { return state = state * 1664525u + 1013904223u; }

// Random bits, with scales that are no infinity: their exponents stay below a half's largest.
std::vector<uint8_t> random_blocks(FileType type, uint32_t seed) {
  const BlockFormat format = block_format(type);
  std::vector<uint8_t> bytes(static_cast<size_t>(file_bytes(type, rows * depth)));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(next(seed) >> 24);
  const auto tame = [&](size_t at) { bytes[at] = static_cast<uint8_t>(bytes[at] & 0xbf); };
  for (size_t block = 0; block < bytes.size(); block += static_cast<size_t>(format.bytes)) {
    if (type == FileType::q6_k) {
      tame(block + 209);
    } else {
      tame(block + 1);
      if (has_minimum(type)) tame(block + 3);
    }
  }
  return bytes;
}

void check_product(const cpu::Kernels& kernels, FileType type, int64_t inputs) {
  const std::vector<uint8_t> bytes = random_blocks(type, 7);
  cpu::Matrix w;
  w.data = const_cast<uint8_t*>(bytes.data());
  w.rows = rows;
  w.columns = depth;
  w.blocks = type;
  std::vector<float> wide(static_cast<size_t>(rows * depth));
  dequantize(type, bytes.data(), 0, rows * depth, wide.data());

  uint32_t state = 11;
  std::vector<float> x(static_cast<size_t>(inputs * depth));
  for (float& value : x) value = static_cast<float>(static_cast<int32_t>(next(state))) * 0x1p-31f;

  const int width = kernels.panel_width;
  std::vector<std::byte> panel(static_cast<size_t>(cpu::quantized_panel_bytes(type, depth, width)));
  for (int64_t first = 0; first < rows; first += width) {
    const int64_t count = std::min<int64_t>(width, rows - first);
    cpu::pack_quantized(w, {nullptr, first, count}, width, panel.data());
    std::vector<float> y(static_cast<size_t>(inputs * count));
    kernels.multiply({x.data(),
                      depth,
                      inputs,
                      depth,
                      panel.data(),
                      static_cast<int>(count),
                      nullptr,
                      no_activation,
                      y.data(),
                      count,
                      {StorageType::float32, type}});
    for (int64_t i = 0; i < inputs; ++i) {
      for (int64_t j = 0; j < count; ++j) {
        float sum = 0;
        for (int64_t k = 0; k < depth; ++k) {
          sum = __builtin_fmaf(x[static_cast<size_t>(i * depth + k)],
                               wide[static_cast<size_t>((first + j) * depth + k)], sum);
        }
        CHECK(std::memcmp(&sum, &y[static_cast<size_t>(i * count + j)], sizeof sum) == 0);
      }
    }
  }
}

TEST("a product with quantised weights has the bits of one with what they hold") {
  for (const cpu::Kernels* kernels : test::instruction_sets()) {
    for (const FileType type : {FileType::q8_0, FileType::q4_0, FileType::q4_1, FileType::q4_k,
                                FileType::q5_k, FileType::q6_k}) {
      for (const int64_t inputs : {1, 2, 3, 4, 9}) check_product(*kernels, type, inputs);
    }
  }
}

}  // namespace
}  // namespace zest
