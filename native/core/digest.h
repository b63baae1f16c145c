// The digest of the trainable parameters.
#pragma once

#include <string>

#include "core/backend.h"

namespace zest {

// "sha256:" and the SHA-256 over every trainable parameter in canonical order: name, 0, "F32" or
// "BF16", 0, its dimensions in decimal joined by ",", 0, the stored bytes.
std::string digest(const Backend& backend);

// The first trainable parameter with a value that is NaN or infinite, or -1.
int first_not_finite(const Backend& backend);

}  // namespace zest
