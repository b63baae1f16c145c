#include "core/parameter_reader.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/noise/address.h"
#include "core/noise/reference.h"
#include "core/parameters.h"

namespace zest {
namespace {

constexpr int64_t piece_elements = int64_t{1} << 19;

void read(const InputFile& file, void* out, size_t bytes, int64_t offset,
          const std::string& tensor) {
  char* at = static_cast<char*>(out);
  while (bytes > 0) {
    const size_t n = file.read(at, bytes, offset);
    if (n == 0) {
      throw Error("ERR_ZEST_SAFETENSORS", file.path() + " ends inside tensor '" + tensor +
                                              "' at byte " + std::to_string(offset) +
                                              "; it is truncated");
    }
    at += n;
    bytes -= n;
    offset += static_cast<int64_t>(n);
  }
}

float from_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 0x1fu, fraction = half & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

void check_finite(std::span<const float> values, int64_t first, const std::string& name) {
  const auto bad =
      std::find_if_not(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
  if (bad == values.end()) return;
  throw Error("ERR_ZEST_TENSOR_VALUE", "tensor '" + name +
                                           "' holds a value that is not finite, at element " +
                                           std::to_string(first + (bad - values.begin())));
}

// initial_scale * Gaussian(initial_seed, stream 0) + initial_offset, at the parameter's addresses.
void initialise(const ParameterSpec& p, const ParameterSource& source, uint64_t base, int parameter,
                const StoreElements& store) {
  std::vector<float> row(static_cast<size_t>(p.columns));
  for (int64_t r = 0; r < p.rows; ++r) {
    const uint64_t offset = base + static_cast<uint64_t>(r) * noise::row_span(p.columns);
    for (size_t c = 0; c < row.size(); ++c) {
      row[c] = source.initial_scale * noise::gaussian(source.initial_seed, 0, offset + c) +
               source.initial_offset;
    }
    check_finite(row, r * p.columns, p.name);
    store(parameter, r * p.columns, row);
  }
}

}  // namespace

void read_parameters(const ModelSpec& spec, std::span<const ParameterSource> sources,
                     const StoreElements& store,
                     const std::function<void(int64_t, int64_t)>& progress,
                     const AbortFlag& abort) {
  if (sources.size() != spec.parameters.size()) {
    throw Error("ERR_ZEST_INTERNAL", "one source a parameter is expected");
  }
  int64_t total = 0, done = 0;
  const auto file_bytes = [](FileType type) { return type == FileType::float32 ? 4 : 2; };
  for (size_t i = 0; i < sources.size(); ++i) {
    total += spec.parameters[i].rows * spec.parameters[i].columns * file_bytes(sources[i].type);
  }
  const Addresses where = addresses(spec);
  std::map<std::string, InputFile> files;
  std::vector<float> values(piece_elements);
  std::vector<uint16_t> halves(piece_elements);
  for (size_t i = 0; i < sources.size(); ++i) {
    const ParameterSource& source = sources[i];
    const ParameterSpec& p = spec.parameters[i];
    const int64_t count = p.rows * p.columns;
    const int bytes = file_bytes(source.type);
    if (source.file.empty()) {
      initialise(p, source, where.base[i], static_cast<int>(i), store);
      done += count * bytes;
      continue;
    }
    const InputFile& file = files.try_emplace(source.file, source.file).first->second;
    for (int64_t first = 0; first < count; first += piece_elements) {
      if (abort.load()) throw Error("ERR_ZEST_ABORTED", "loading was aborted");
      const size_t n = static_cast<size_t>(std::min(count - first, piece_elements));
      const int64_t at = source.offset + first * bytes;
      if (source.type == FileType::float32) {
        read(file, values.data(), n * 4, at, p.name);
      } else {
        read(file, halves.data(), n * 2, at, p.name);
        for (size_t j = 0; j < n; ++j) {
          values[j] = source.type == FileType::float16
                          ? from_half(halves[j])
                          : std::bit_cast<float>(static_cast<uint32_t>(halves[j]) << 16);
        }
      }
      const std::span<const float> piece(values.data(), n);
      check_finite(piece, first, p.name);
      store(static_cast<int>(i), first, piece);
      done += static_cast<int64_t>(n) * bytes;
      if (progress) progress(done, total);
    }
  }
}

}  // namespace zest
