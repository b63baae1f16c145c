// The digests of the parameters of a model.
#pragma once

#include <string>

#include "core/backend.h"

namespace zest {

enum class Part { trainable, frozen };

// "sha256:" and the SHA-256 over every parameter of a part in canonical order: name, 0, "F32" or
// "BF16", or "QUANTIZED" for what is kept as its file has it, 0, its dimensions in decimal joined
// by ",", 0, the stored bytes.
std::string digest(const Backend& backend, Part part = Part::trainable);

// The first trainable parameter with a value that is NaN or infinite, or -1.
int first_not_finite(const Backend& backend);

}  // namespace zest
