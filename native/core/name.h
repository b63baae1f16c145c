// What the values of an enum are called outside of C++: a table beside the enum, in the order of
// its values. The addon reads and writes these names alone, and tells them (binding.names).
#pragma once

#include <array>

namespace zest {

template <class Enum>
struct Name {
  Enum value;
  const char* name;
};

// `kind` is what an error and binding.names call the enum.
template <class Enum>
struct Names;

}  // namespace zest
