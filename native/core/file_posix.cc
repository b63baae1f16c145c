#if !defined(_WIN32)
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/file.h"

namespace zest {
namespace {

constexpr size_t most_bytes = size_t{1} << 30;  // of one call: macOS refuses more than 2^31 - 1

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw Error("ERR_ZEST_FILE", path + " " + what + ": " + std::strerror(errno));
}

}  // namespace

InputFile::InputFile(const std::string& path)
    : path_(path), handle_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (handle_ < 0) fail(path_, "cannot be opened");
}

InputFile::~InputFile() { ::close(handle_); }

size_t InputFile::read(void* out, size_t bytes, int64_t offset) const {
  ssize_t n;
  do n = pread(handle_, out, std::min(bytes, most_bytes), offset);
  while (n < 0 && errno == EINTR);
  if (n < 0) fail(path_, "cannot be read");
  return static_cast<size_t>(n);
}

OutputFile::OutputFile(const std::string& path)
    : path_(path), handle_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (handle_ < 0) fail(path_, "cannot be made");
}

OutputFile::~OutputFile() {
  if (handle_ >= 0) ::close(handle_);
}

size_t OutputFile::write(const void* from, size_t bytes) {
  ssize_t n;
  do n = ::write(handle_, from, std::min(bytes, most_bytes));
  while (n < 0 && errno == EINTR);
  if (n < 0) fail(path_, "cannot be written");
  return static_cast<size_t>(n);
}

void OutputFile::close() {
  if (fsync(handle_) != 0) fail(path_, "cannot be flushed to disk");
  if (::close(std::exchange(handle_, -1)) != 0) fail(path_, "cannot be closed");
}

}  // namespace zest
#endif
