#include "cpu/weights.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "core/bfloat16.h"
#include "core/error.h"
#include "core/noise/address.h"
#include "cpu/dispatch.h"

namespace zest::cpu {
namespace {

constexpr int64_t piece_elements = int64_t{1} << 19;

class File {
 public:
  explicit File(const std::string& path)
      : path_(path), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0)
      throw Error("ERR_ZEST_FILE", path + " cannot be opened: " + std::strerror(errno));
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void read(void* out, size_t bytes, int64_t offset, const std::string& tensor) const {
    char* at = static_cast<char*>(out);
    while (bytes > 0) {
      const ssize_t n = pread(descriptor_, at, bytes, offset);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw Error("ERR_ZEST_FILE", path_ + " cannot be read: " + std::strerror(errno));
      if (n == 0) {
        throw Error("ERR_ZEST_SAFETENSORS", path_ + " ends inside tensor '" + tensor +
                                                "' at byte " + std::to_string(offset) +
                                                "; it is truncated");
      }
      at += n;
      bytes -= static_cast<size_t>(n);
      offset += n;
    }
  }

 private:
  std::string path_;
  int descriptor_;
};

float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float from_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 0x1fu, fraction = half & 0x3ffu;
  if (exponent == 0x1f) return from_bits(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

}  // namespace

Weights::Weights(const ModelSpec& spec, StorageType type)
    : spec_(spec), type_(type), addresses_(zest::addresses(spec)) {
  for (size_t i = 0; i < spec_.parameters.size(); ++i) {
    const ParameterSpec& p = spec_.parameters[i];
    storage_.emplace_back(static_cast<size_t>(p.rows * p.columns) * element_bytes(type));
    matrices_.push_back({storage_.back().data(), type, p.rows, p.columns, addresses_.base[i]});
  }
}

std::span<const std::byte> Weights::bytes(int parameter) const {
  const Buffer<std::byte>& storage = storage_[static_cast<size_t>(parameter)];
  return {storage.data(), storage.size()};
}

void Weights::store(int parameter, int64_t index, const float* values, int64_t count) {
  const Matrix& m = matrix(parameter);
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) {
      throw Error("ERR_ZEST_TENSOR_VALUE",
                  "tensor '" + spec_.parameters[static_cast<size_t>(parameter)].name +
                      "' holds a value that is not finite, at element " +
                      std::to_string(index + i));
    }
  }
  if (type_ == StorageType::float32) {
    std::memcpy(static_cast<float*>(m.data) + index, values,
                static_cast<size_t>(count) * sizeof(float));
  } else {
    for (int64_t i = 0; i < count; ++i)
      static_cast<uint16_t*>(m.data)[index + i] = to_bfloat16(values[i]);
  }
}

void Weights::fill(int parameter, const ParameterSource& source) {
  const Matrix& m = matrix(parameter);
  std::vector<float> row(static_cast<size_t>(m.columns));
  for (int64_t r = 0; r < m.rows; ++r) {
    const uint64_t offset = m.base + static_cast<uint64_t>(r) * noise::row_span(m.columns);
    kernels().fill(source.initial_seed, 0, offset, m.columns, Law::gaussian, row.data());
    for (float& value : row) value = source.initial_scale * value + source.initial_offset;
    store(parameter, r * m.columns, row.data(), m.columns);
  }
}

void Weights::load(std::span<const ParameterSource> sources,
                   const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort) {
  if (sources.size() != spec_.parameters.size())
    throw Error("ERR_ZEST_INTERNAL", "one source a parameter is expected");
  int64_t total = 0, done = 0;
  const auto file_bytes = [](FileType type) { return type == FileType::float32 ? 4 : 2; };
  for (size_t i = 0; i < sources.size(); ++i) {
    total += spec_.parameters[i].rows * spec_.parameters[i].columns * file_bytes(sources[i].type);
  }
  std::map<std::string, File> files;
  std::vector<float> values(piece_elements);
  std::vector<uint16_t> halves(piece_elements);
  for (size_t i = 0; i < sources.size(); ++i) {
    const ParameterSource& source = sources[i];
    const int parameter = static_cast<int>(i);
    const int64_t count = spec_.parameters[i].rows * spec_.parameters[i].columns;
    const int bytes = file_bytes(source.type);
    if (source.file.empty()) {
      fill(parameter, source);
      done += count * bytes;
      continue;
    }
    const File& file = files.try_emplace(source.file, source.file).first->second;
    for (int64_t first = 0; first < count; first += piece_elements) {
      if (abort.load()) throw Error("ERR_ZEST_ABORTED", "loading was aborted");
      const int64_t n = count - first < piece_elements ? count - first : piece_elements;
      const int64_t at = source.offset + first * bytes;
      const std::string& name = spec_.parameters[i].name;
      if (source.type == FileType::float32) {
        file.read(values.data(), static_cast<size_t>(n) * 4, at, name);
      } else {
        file.read(halves.data(), static_cast<size_t>(n) * 2, at, name);
        for (int64_t j = 0; j < n; ++j) {
          values[static_cast<size_t>(j)] =
              source.type == FileType::float16
                  ? from_half(halves[static_cast<size_t>(j)])
                  : from_bits(static_cast<uint32_t>(halves[static_cast<size_t>(j)]) << 16);
        }
      }
      store(parameter, first, values.data(), n);
      done += n * bytes;
      if (progress) progress(done, total);
    }
  }
}

}  // namespace zest::cpu
