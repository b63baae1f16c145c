// Tensors of a file on their way into memory: what its header may say of them within the file's
// format, over a file of any bytes, and the digest of what was read.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <string>

#include "core/blocks.h"
#include "core/digest.h"
#include "core/parameter_reader.h"
#include "fuzz/input.h"
#include "fuzz/memory_backend.h"

using namespace zest;

namespace {

// A file without a place on a disk, the same for every input.
int file() {
  static const int made = memfd_create("parameters", MFD_CLOEXEC);
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const std::string path = "/proc/self/fd/" + std::to_string(file());
  const auto storage = static_cast<StorageType>(input.number(0, 1));
  ModelSpec spec;
  std::vector<ParameterSource> sources(static_cast<size_t>(input.number(1, 3)));
  for (ParameterSource& source : sources) {
    ParameterSpec p{std::to_string(spec.parameters.size()), 1, 0, true, true, true};
    source.file = input.number(0, 7) == 0 ? "" : path;
    source.type =
        source.file.empty() ? FileType::float32 : static_cast<FileType>(input.number(0, 8));
    source.offset = input.value<uint16_t>();
    p.rows = input.number(0, 8);
    p.columns = input.number(0, 3) * block_format(source.type).elements;
    source.interleaved_heads = input.number(0, 3);
    p.as_stored = is_quantized(source.type) && input.number(0, 1) == 1;
    p.trainable = !p.as_stored;
    if (source.file.empty()) {
      source.initial_scale = input.value<float>(), source.initial_offset = input.value<float>();
      source.initial_seed = input.value<uint64_t>();
    }
    spec.parameters.push_back(p);
  }
  const auto rest = input.rest();
  if (ftruncate(file(), 0) != 0 ||
      pwrite(file(), rest.data(), rest.size(), 0) != static_cast<ssize_t>(rest.size())) {
    return 0;
  }

  fuzz::MemoryBackend backend(spec, storage);
  const AbortFlag abort{false};
  int64_t reported = 0;
  try {
    read_parameters(
        spec, sources, storage,
        [&](int parameter, int64_t first, std::span<const float> values) {
          for (const float value : values) fuzz::expect(std::isfinite(value));
          std::vector<float>& into = backend.values(parameter);
          fuzz::expect(first >= 0 && first + values.size() <= into.size());
          std::copy(values.begin(), values.end(), into.begin() + first);
        },
        [&](int64_t done, int64_t total) {
          fuzz::expect(done >= reported && done <= total);
          reported = done;
        },
        abort,
        [&](int parameter, int64_t first, std::span<const std::byte> blocks) {
          const auto i = static_cast<size_t>(parameter);
          const ParameterSpec& p = spec.parameters[i];
          fuzz::expect(p.as_stored && first >= 0 &&
                       first + static_cast<int64_t>(blocks.size()) <=
                           file_bytes(sources[i].type, p.rows * p.columns));
        });
  } catch (const Error&) {
    return 0;
  }
  backend.keep();
  fuzz::expect(first_not_finite(backend) == -1);
  fuzz::expect(digest(backend).size() == 7 + 64);
  return 0;
}
