// The digest of the trainable parameters.
#pragma once

#include <string>

#include "core/backend.h"

namespace zest {

// "sha256:" and the SHA-256 over every trainable parameter in canonical order: name, 0, "F32" or
// "BF16", 0, its dimensions in decimal joined by ",", 0, the stored bytes.
std::string digest(const Backend& backend);

}  // namespace zest
