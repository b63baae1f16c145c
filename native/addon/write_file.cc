#include "addon/write_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/merge.h"

namespace zest::addon {
namespace {

constexpr size_t piece_bytes = size_t{1} << 24;

class File {
 public:
  explicit File(const std::string& path)
      : path_(path),
        descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) fail("cannot be made");
  }
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(std::span<const std::byte> bytes, const AbortFlag& abort) {
    while (!bytes.empty()) {
      if (abort.load()) throw Error("ERR_ZEST_ABORTED", "writing " + path_ + " was aborted");
      const ssize_t n = ::write(descriptor_, bytes.data(), std::min(bytes.size(), piece_bytes));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot be written");
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
  }

  void close() {
    if (fsync(descriptor_) != 0) fail("cannot be flushed to disk");
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot be closed");
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error("ERR_ZEST_FILE", path_ + " " + what + ": " + std::strerror(errno));
  }

  std::string path_;
  int descriptor_;
};

}  // namespace

void write_file(const std::string& path, const std::vector<uint8_t>& header,
                const std::vector<int32_t>& indexes, Backend& backend, const AbortFlag& abort) {
  File file(path);
  file.write(std::as_bytes(std::span(header)), abort);
  for (const int32_t index : indexes) {
    if (const LinearRoles* linear = adapted_linear(backend.spec(), index)) {
      file.write(merged_bytes(backend, *linear), abort);
    } else {
      file.write(backend.bytes(index), abort);
    }
  }
  file.close();
}

}  // namespace zest::addon
