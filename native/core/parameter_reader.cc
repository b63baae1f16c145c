#include "core/parameter_reader.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/bfloat16.h"
#include "core/blocks.h"
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

// Throws for a value that `type` cannot store as a finite one.
void check_values(std::span<const float> values, StorageType type, int64_t first,
                  const std::string& name) {
  const float least_too_large =
      type == StorageType::bfloat16 ? bfloat16_overflow : std::numeric_limits<float>::infinity();
  const auto bad = std::find_if_not(values.begin(), values.end(), [least_too_large](float x) {
    return std::fabs(x) < least_too_large;
  });
  if (bad == values.end()) return;
  const std::string at = std::to_string(first + (bad - values.begin()));
  throw Error("ERR_ZEST_TENSOR_VALUE",
              std::isfinite(*bad)
                  ? "tensor '" + name + "' holds a value too large for bfloat16, at element " + at +
                        "; load it as float32"
                  : "tensor '" + name + "' holds a value that is not finite, at element " + at);
}

// initial_scale * Gaussian(initial_seed, stream 0) + initial_offset, at the parameter's addresses.
void initialise(const ParameterSpec& p, const ParameterSource& source, uint64_t base, int parameter,
                StorageType type, const StoreElements& store) {
  std::vector<float> row(static_cast<size_t>(p.columns));
  for (int64_t r = 0; r < p.rows; ++r) {
    const uint64_t offset = base + static_cast<uint64_t>(r) * noise::row_span(p.columns);
    for (size_t c = 0; c < row.size(); ++c) {
      row[c] = source.initial_scale * noise::gaussian(source.initial_seed, 0, offset + c) +
               source.initial_offset;
    }
    check_values(row, type, r * p.columns, p.name);
    store(parameter, r * p.columns, row);
  }
}

// Elements first .. first + count of a parameter as the file has them, blocks whole.
void read_values(const InputFile& file, const ParameterSource& source, int64_t first, int64_t count,
                 const std::string& tensor, std::vector<std::byte>& bytes, float* out) {
  const int64_t at = source.offset + file_bytes(source.type, first);
  if (source.type == FileType::float32) {
    read(file, out, static_cast<size_t>(count) * sizeof(float), at, tensor);
    return;
  }
  bytes.resize(static_cast<size_t>(file_bytes(source.type, count)));
  read(file, bytes.data(), bytes.size(), at, tensor);
  if (is_quantized(source.type)) {
    dequantize(source.type, bytes.data(), 0, count, out);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    uint16_t half;
    std::memcpy(&half, bytes.data() + 2 * i, sizeof half);
    out[i] = source.type == FileType::float16
                 ? from_half(half)
                 : std::bit_cast<float>(static_cast<uint32_t>(half) << 16);
  }
}

}  // namespace

int64_t file_row(const ParameterSpec& p, const ParameterSource& source, int64_t row) {
  if (source.interleaved_heads == 0) return row;
  // A bias is a row, of as many values as its weight has rows.
  const int64_t rows = p.rows == 1 ? p.columns : p.rows;
  const int64_t width = rows / source.interleaved_heads, half = width / 2;
  if (half == 0 || rows % source.interleaved_heads != 0) {
    throw Error("ERR_ZEST_TENSOR_SHAPE", "tensor '" + p.name + "' has " + std::to_string(rows) +
                                             " rows, which are no " +
                                             std::to_string(source.interleaved_heads) + " heads");
  }
  const int64_t i = row % width;
  return row - i + i % half * 2 + i / half;
}

std::vector<std::byte> read_stored(const ParameterSpec& p, const ParameterSource& source) {
  const InputFile file(source.file);
  const auto row_bytes = static_cast<size_t>(file_bytes(source.type, p.columns));
  std::vector<std::byte> bytes(row_bytes * static_cast<size_t>(p.rows));
  for (int64_t row = 0; row < p.rows; ++row) {
    const int64_t at = file_row(p, source, row) * static_cast<int64_t>(row_bytes);
    if (source.interleaved_heads == 0) {
      read(file, bytes.data(), bytes.size(), source.offset, p.name);
      break;
    }
    read(file, bytes.data() + static_cast<size_t>(row) * row_bytes, row_bytes, source.offset + at,
         p.name);
  }
  std::vector<float> values(static_cast<size_t>(p.columns));
  for (int64_t row = 0; row < p.rows; ++row) {
    dequantize(source.type, bytes.data(), row * p.columns, p.columns, values.data());
    check_values(values, StorageType::float32, row * p.columns, p.name);
  }
  return bytes;
}

void read_parameters(const ModelSpec& spec, std::span<const ParameterSource> sources,
                     StorageType type, const StoreElements& store,
                     const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort,
                     Stored stored) {
  if (sources.size() != spec.parameters.size()) {
    throw Error("ERR_ZEST_INTERNAL", "one source a parameter is expected");
  }
  int64_t total = 0, done = 0;
  const auto bytes_of = [&](size_t i) {
    if (stored == Stored::left_out && spec.parameters[i].as_stored) return int64_t{0};
    return file_bytes(sources[i].type, spec.parameters[i].rows * spec.parameters[i].columns);
  };
  for (size_t i = 0; i < sources.size(); ++i) total += bytes_of(i);
  const Addresses where = addresses(spec);
  std::map<std::string, InputFile> files;
  std::vector<float> values;
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < sources.size(); ++i) {
    const ParameterSource& source = sources[i];
    const ParameterSpec& p = spec.parameters[i];
    const int64_t count = p.rows * p.columns, before = done;
    if (bytes_of(i) == 0) continue;
    if (source.file.empty()) {
      initialise(p, source, where.base[i], static_cast<int>(i), type, store);
      done += bytes_of(i);
      continue;
    }
    const InputFile& file = files.try_emplace(source.file, source.file).first->second;
    // Pieces of many rows, or row by row where their order is another; a bias in one piece.
    const bool turned = source.interleaved_heads != 0, bias = turned && p.rows == 1;
    const int64_t at_once = turned ? p.columns : piece_elements;
    values.resize(static_cast<size_t>(std::min(count, at_once)));
    for (int64_t first = 0; first < count; first += at_once) {
      if (abort.load()) throw Error("ERR_ZEST_ABORTED", "loading was aborted");
      const int64_t n = std::min(count - first, at_once);
      const int64_t from =
          turned && !bias ? file_row(p, source, first / p.columns) * p.columns : first;
      read_values(file, source, from, n, p.name, bytes, values.data());
      if (bias) {
        const std::vector<float> as_stored(values.begin(), values.begin() + n);
        for (int64_t i = 0; i < n; ++i) {
          values[static_cast<size_t>(i)] = as_stored[static_cast<size_t>(file_row(p, source, i))];
        }
      }
      const std::span<const float> piece(values.data(), static_cast<size_t>(n));
      check_values(piece, type, first, p.name);
      store(static_cast<int>(i), first, piece);
      done = before + file_bytes(source.type, first + n);
      if (progress) progress(done, total);
    }
  }
}

}  // namespace zest
