#include "addon/write_file.h"

#include <algorithm>
#include <span>

#include "core/error.h"
#include "core/file.h"
#include "core/merge.h"
#include "core/stored.h"

namespace zest::addon {
namespace {

constexpr size_t piece_bytes = size_t{1} << 24;

void write(OutputFile& file, std::span<const std::byte> bytes, const AbortFlag& abort) {
  while (!bytes.empty()) {
    if (abort.load()) throw Error("ERR_ZEST_ABORTED", "writing " + file.path() + " was aborted");
    bytes = bytes.subspan(file.write(bytes.data(), std::min(bytes.size(), piece_bytes)));
  }
}

}  // namespace

void write_file(const std::string& path, const std::vector<uint8_t>& header,
                const std::vector<int32_t>& indexes, Backend& backend, const AbortFlag& abort) {
  OutputFile file(path);
  write(file, std::as_bytes(std::span(header)), abort);
  for (const int32_t index : indexes) {
    const ParameterSpec& p = backend.spec().parameters[static_cast<size_t>(index)];
    const LinearRoles* linear = adapted_linear(backend.spec(), index);
    const bool has_adapter_beside =
        linear && std::find(indexes.begin(), indexes.end(), linear->adapter_a) != indexes.end();
    if (linear && !has_adapter_beside) {
      write(file, merged_bytes(backend, *linear), abort);
    } else if (p.as_stored) {
      std::vector<float> values(static_cast<size_t>(p.rows * p.columns));
      backend.read(index, values.data());
      write(file, stored(values, backend.storage()), abort);
    } else {
      write(file, backend.bytes(index), abort);
    }
  }
  file.close();
}

}  // namespace zest::addon
