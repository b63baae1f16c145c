// Quantised blocks of random elements, and decoders whose weights are such blocks in a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "core/blocks.h"
#include "test/random_decoder.h"

namespace zest::test {

constexpr FileType quantized_types[] = {FileType::q8_0, FileType::q4_0, FileType::q4_1,
                                        FileType::q4_k, FileType::q5_k, FileType::q6_k};

// Elements up to 0.13 in size.
inline std::vector<uint8_t> random_blocks(FileType type, int64_t elements, uint32_t seed) {
  const BlockFormat format = block_format(type);
  std::vector<uint8_t> bytes(static_cast<size_t>(file_bytes(type, elements)));
  for (uint8_t& byte : bytes) {
    seed = seed * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(seed >> 24);
  }
  // The upper byte of a half-precision scale: its exponent, and two bits that stay random.
  const auto scale = [&](size_t at, int exponent, bool negative = false) {
    bytes[at] = static_cast<uint8_t>((bytes[at] & 3) | (exponent + 15) << 2 | negative << 7);
  };
  for (size_t block = 0; block < bytes.size(); block += static_cast<size_t>(format.bytes)) {
    switch (type) {
      case FileType::q8_0:
        scale(block + 1, -11);
        break;
      case FileType::q4_0:
        scale(block + 1, -7);
        break;
      case FileType::q4_1:
        scale(block + 1, -8), scale(block + 3, -5, true);
        break;
      case FileType::q4_k:
        scale(block + 1, -14), scale(block + 3, -11);
        break;
      case FileType::q5_k:
        scale(block + 1, -15), scale(block + 3, -11);  // a scale below the normal numbers
        break;
      default:
        scale(block + 209, -15);
    }
  }
  return bytes;
}

// A decoder whose matrices but adapters and prefixes are quantised, by types in turn, and stay as
// stored or not. Its columns must be whole blocks. The file lives as long as this does.
class QuantizedDecoder : public RandomModel {
 public:
  explicit QuantizedDecoder(const DecoderShape& shape, bool as_stored = true,
                            std::span<const FileType> types = quantized_types)
      : RandomModel(random_decoder(shape)),
        path_(std::filesystem::temp_directory_path() /
              ("zest-quantized-" + std::to_string(reinterpret_cast<uintptr_t>(this)))) {
    std::ofstream file(path_, std::ios::binary);
    int64_t offset = 0;
    for (size_t i = 0, count = 0; i < spec.parameters.size(); ++i) {
      ParameterSpec& p = spec.parameters[i];
      if (!p.matrix || p.name.find("lora") != std::string::npos ||
          p.name.find("prefix") != std::string::npos) {
        continue;
      }
      const FileType type = types[count++ % types.size()];
      const std::vector<uint8_t> bytes =
          random_blocks(type, p.rows * p.columns, static_cast<uint32_t>(i + 1));
      file.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
      sources[i] = {path_.string(), offset, type};
      offset += static_cast<int64_t>(bytes.size());
      p.as_stored = as_stored, p.trainable = false;
    }
  }
  ~QuantizedDecoder() { std::filesystem::remove(path_); }
  QuantizedDecoder(const QuantizedDecoder&) = delete;
  QuantizedDecoder& operator=(const QuantizedDecoder&) = delete;

 private:
  std::filesystem::path path_;
};

}  // namespace zest::test
