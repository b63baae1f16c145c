#include "core/parameter_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "core/blocks.h"
#include "core/error.h"
#include "core/file.h"
#include "core/noise/address.h"
#include "core/noise/reference.h"
#include "core/parameters.h"
#include "core/stored.h"

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

// initial_scale * Gaussian(initial_seed, stream 0) + initial_offset, at the parameter's addresses.
void initialise(const ParameterSpec& p, const ParameterSource& source, uint64_t base, int parameter,
                StorageType type, const StoreElements& store, const AbortFlag& abort) {
  std::vector<float> row(static_cast<size_t>(p.columns));
  for (int64_t r = 0; r < p.rows; ++r) {
    check_abort(abort);
    const uint64_t offset = base + static_cast<uint64_t>(r) * noise::row_span(p.columns);
    for (size_t c = 0; c < row.size(); ++c) {
      row[c] = source.initial_scale * noise::gaussian(source.initial_seed, 0, offset + c) +
               source.initial_offset;
    }
    check_values(row, type, r * p.columns, "tensor '" + p.name + "'");
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

void read_parameters(const ModelSpec& spec, std::span<const ParameterSource> sources,
                     StorageType type, const StoreElements& store,
                     const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort,
                     const StoreBlocks& store_blocks) {
  if (sources.size() != spec.parameters.size()) {
    throw Error("ERR_ZEST_INTERNAL", "one source a parameter is expected");
  }
  int64_t total = 0, done = 0;
  const auto bytes_of = [&](size_t i) {
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
    const bool stays = p.as_stored && store_blocks;
    if (stays && !is_quantized(source.type))
      throw Error("ERR_ZEST_INTERNAL", "a parameter that stays as stored is not quantised");
    if (source.file.empty() && !stays) {
      initialise(p, source, where.base[i], static_cast<int>(i), type, store, abort);
      done += bytes_of(i);
      if (progress) progress(done, total);
      continue;
    }
    const InputFile& file = files.try_emplace(source.file, source.file).first->second;
    // Pieces of many rows, or row by row where their order is another; a bias in one piece.
    const bool turned = source.interleaved_heads != 0, bias = turned && p.rows == 1;
    const int64_t at_once = turned ? p.columns : piece_elements;
    values.resize(static_cast<size_t>(std::min(count, at_once)));
    for (int64_t first = 0; first < count; first += at_once) {
      check_abort(abort);
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
      check_values(piece, stays ? StorageType::float32 : type, first, "tensor '" + p.name + "'");
      if (stays) {
        store_blocks(static_cast<int>(i), file_bytes(source.type, first), bytes);
      } else {
        store(static_cast<int>(i), first, piece);
      }
      done = before + file_bytes(source.type, first + n);
      if (progress) progress(done, total);
    }
  }
}

}  // namespace zest
