// The one error type of the engine: a code that lib/errors.ts knows, and a sentence.
#pragma once

#include <stdexcept>
#include <string>

namespace zest {

// `code` is one of the strings of lib/errors.ts, e.g. "ERR_ZEST_MEMORY"; it must outlive the error
// (a literal).
class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const noexcept { return code_; }

 private:
  const char* code_;
};

}  // namespace zest
