#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/file.h"

namespace zest {
namespace {

constexpr size_t most_bytes = size_t{1} << 30;  // of one call, which counts in 32 bits

std::string message(DWORD error) {
  wchar_t wide[512];
  DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr,
                                error, 0, wide, static_cast<DWORD>(std::size(wide)), nullptr);
  while (length > 0 && (wide[length - 1] <= L' ' || wide[length - 1] == L'.')) --length;
  if (length == 0) return "system error " + std::to_string(error);
  const int size =
      WideCharToMultiByte(CP_UTF8, 0, wide, static_cast<int>(length), nullptr, 0, nullptr, nullptr);
  std::string text(static_cast<size_t>(size), '\0');
  WideCharToMultiByte(CP_UTF8, 0, wide, static_cast<int>(length), text.data(), size, nullptr,
                      nullptr);
  return text;
}

[[noreturn]] void fail(const std::string& path, const char* what) {
  const DWORD error = GetLastError();
  throw Error("ERR_ZEST_FILE", path + " " + what + ": " + message(error));
}

std::wstring utf16(const std::string& text) {
  const int length = static_cast<int>(text.size());
  std::wstring wide(text.size(), L'\0');  // never longer than UTF-8
  wide.resize(static_cast<size_t>(
      MultiByteToWideChar(CP_UTF8, 0, text.data(), length, wide.data(), length)));
  return wide;
}

// Others may read, write, rename and delete the file meanwhile, as on other systems.
HANDLE open(const std::string& path, DWORD access, DWORD disposition) {
  return CreateFileW(utf16(path).c_str(), access,
                     FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, disposition,
                     FILE_ATTRIBUTE_NORMAL, nullptr);
}

}  // namespace

InputFile::InputFile(const std::string& path)
    : path_(path), handle_(open(path, GENERIC_READ, OPEN_EXISTING)) {
  if (handle_ == INVALID_HANDLE_VALUE) fail(path_, "cannot be opened");
}

InputFile::~InputFile() { CloseHandle(handle_); }

size_t InputFile::read(void* out, size_t bytes, int64_t offset) const {
  OVERLAPPED at = {};
  at.Offset = static_cast<DWORD>(offset);
  at.OffsetHigh = static_cast<DWORD>(offset >> 32);
  DWORD n = 0;
  if (!ReadFile(handle_, out, static_cast<DWORD>(std::min(bytes, most_bytes)), &n, &at) &&
      GetLastError() != ERROR_HANDLE_EOF) {
    fail(path_, "cannot be read");
  }
  return n;
}

OutputFile::OutputFile(const std::string& path)
    : path_(path), handle_(open(path, GENERIC_WRITE, CREATE_ALWAYS)) {
  if (handle_ == INVALID_HANDLE_VALUE) fail(path_, "cannot be made");
}

OutputFile::~OutputFile() {
  if (handle_ != INVALID_HANDLE_VALUE) CloseHandle(handle_);
}

size_t OutputFile::write(const void* from, size_t bytes) {
  DWORD n = 0;
  if (!WriteFile(handle_, from, static_cast<DWORD>(std::min(bytes, most_bytes)), &n, nullptr))
    fail(path_, "cannot be written");
  return n;
}

void OutputFile::close() {
  if (!FlushFileBuffers(handle_)) fail(path_, "cannot be flushed to disk");
  if (!CloseHandle(std::exchange(handle_, INVALID_HANDLE_VALUE))) fail(path_, "cannot be closed");
}

}  // namespace zest
#endif
