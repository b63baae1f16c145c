// Files as the system has them; paths are UTF-8. All throw ERR_ZEST_FILE with the path and the
// system's words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace zest {

#if defined(_WIN32)
using FileHandle = void*;
#else
using FileHandle = int;
#endif

class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  // At most `bytes` from `offset`, whatever was read before; 0 at the end of the file.
  size_t read(void* out, size_t bytes, int64_t offset) const;

 private:
  std::string path_;
  FileHandle handle_;
};

// Made, or emptied.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::string& path() const { return path_; }
  // Writes at most `bytes` after what was written before, and says how many.
  size_t write(const void* from, size_t bytes);
  // Flushes to disk as well; once.
  void close();

 private:
  std::string path_;
  FileHandle handle_;
};

}  // namespace zest
